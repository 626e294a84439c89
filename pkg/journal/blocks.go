package journal

import "unsafe"

// withRoom returns b with room for so many bytes more and for what fills its last block up. Its memory begins on a block's boundary, as a disk
// that is written to directly wants it.
func withRoom(b []byte, n int) []byte {
	if cap(b)-len(b) >= n+blockSize {
		return b
	}
	raw := make([]byte, max(2*cap(b), len(b)+n+blockSize)+blockSize)
	return append(raw[-addressOf(raw)&(blockSize-1):][:0], b...)
}

func addressOf(b []byte) int { return int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// padded returns b with zeros up to the end of its last block, for which it has room.
func padded(b []byte) []byte {
	whole := b[:(len(b)+blockSize-1)&^(blockSize-1)]
	clear(whole[len(b):])
	return whole
}
