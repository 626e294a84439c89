package httpapi

import "sync"

// maxKept is how many bytes a buffer may have that is kept for other requests.
const maxKept = 1 << 20

// buffers are pieces of memory that serve one request after another. The garbage collector takes those that nobody has used for
// a while.
type buffers struct {
	pool sync.Pool // of *[]byte
}

// take returns a buffer, whose bytes may be anybody's.
func (b *buffers) take() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

// give takes a buffer, or what became of it, back from who took it. Nothing may refer to it any more.
func (b *buffers) give(buf *[]byte) {
	if cap(*buf) <= maxKept {
		b.pool.Put(buf)
	}
}
