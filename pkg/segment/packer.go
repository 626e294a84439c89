package segment

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// compressFrom is how many bytes of records are worth compressing. DynamoDB bills an item by the kilobyte begun, and what
	// the store adds to a segment is below 160 bytes, so what is smaller costs one unit whatever is done to it.
	compressFrom = 864

	// maxCompressed is how many bytes of records are compressed at most, and so the most that a reader unpacks: what
	// one PutRecords may bring, 5 MB of data and partition keys (Kinesis API reference, PutRecords), and what stands
	// around them in the layout: flags, two lengths of at most 5 bytes, and the explicit hash key. What is larger stands
	// as it is.
	maxCompressed = 5<<20 + MaxRecords*(1+2*5+hashSize)

	// A zstd block unpacks to 128 KB at most, and takes 4 bytes at least: a header of 3, and the byte that it repeats
	// (RFC 8878, sections 3.1.1.2 and 3.1.1.2.4).
	maxBlock = 128 << 10
	minBlock = 4

	// maxKept is how large a segment may be for its buffers to be kept for the next, in bytes.
	maxKept = 1 << 20
)

// Packer packs and unpacks segments. The zero Packer packs them as they are, and unpacks all that this build knows. It is
// safe for use by many goroutines, and starts none of its own. It compresses as many segments at a time as there are
// processors, and the others wait; each of those places takes 1.1 MB for its encoder, and keeps up to 2 MB of buffers.
type Packer struct {
	// Compress has records compressed where that makes a segment smaller.
	Compress bool

	packing   sync.Once
	places    chan *place
	unpacking sync.Once
	unpacker  *zstd.Decoder
}

// Pack packs 1 to [MaxRecords] records, in order. It panics on any other number: the caller cuts requests up.
func (p *Packer) Pack(records []Record) []byte {
	size := sizeOf(records)
	if !p.Compress || size < compressFrom || size > maxCompressed {
		return Encode(records)
	}
	p.packing.Do(func() {
		p.places = make(chan *place, runtime.GOMAXPROCS(0))
		for range cap(p.places) {
			p.places <- &place{}
		}
	})
	at := <-p.places
	defer func() { p.places <- at }()
	return at.pack(records, size)
}

// place is where one segment at a time is compressed.
type place struct {
	encoder     *zstd.Encoder
	plain, made []byte // buffers, empty
}

// pack packs records of so many bytes whichever way is smaller.
func (at *place) pack(records []Record, size int) []byte {
	if at.encoder == nil {
		at.encoder = newEncoder()
	}
	whole := headerSize + size + checksumSize
	plain := appendRecords(appendHeader(slices.Grow(at.plain, whole), codecNone, len(records)), records)
	made := appendHeader(slices.Grow(at.made, whole), codecZstd, len(records))
	made = at.encoder.EncodeAll(plain[headerSize:], made)
	kept := whole <= maxKept
	if kept {
		at.plain, at.made = plain[:0], made[:0]
	}
	switch {
	case len(made) < len(plain):
		return bytes.Clone(appendChecksum(made))
	case kept:
		return bytes.Clone(appendChecksum(plain))
	default:
		return appendChecksum(plain)
	}
}

// newEncoder returns the encoder that BenchmarkEncoders speaks for. The fastest level makes of small JSON what the others make of it,
// and of large JSON at most 11 % more than the one that takes twice its time and five times its memory. A window beyond
// 256 KB gains nothing. Text without repetitions, such as base64, shrinks by a quarter, but only where all
// literals are looked at; that takes from noise a millisecond a megabyte.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(256<<10),
		zstd.WithAllLitEntropyCompression(true),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // the segment has its own
	)
	if err != nil {
		panic(fmt.Sprintf("segment: %v", err)) // an option is out of range
	}
	return e
}

// Unpack unpacks a segment. The records' data may share b's memory. An error is a [VersionError], a [CodecError] or
// wraps [ErrCorrupt]; a segment is returned whole or not at all.
func (p *Packer) Unpack(b []byte) ([]Record, error) {
	codec, count, body, err := open(b)
	if err != nil {
		return nil, err
	}
	if codec == codecZstd {
		if body, err = p.decompress(body); err != nil {
			return nil, err
		}
	}
	return decode(body, count)
}

// decompress returns what a frame holds. It believes what the frame says of its content's size no further than its own
// length allows, and allocates no more than that.
func (p *Packer) decompress(frame []byte) ([]byte, error) {
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return nil, corrupt("the header of its zstd frame: %v", err)
	}
	size := header.FrameContentSize
	if !header.HasFCS || size > maxCompressed || size > uint64(len(frame)/minBlock)*maxBlock {
		return nil, corrupt("its zstd frame of %d bytes claims a content of %d", len(frame), size)
	}
	p.unpacking.Do(func() { p.unpacker = newDecoder() })
	plain, err := p.unpacker.DecodeAll(frame, nil)
	if err != nil {
		return nil, corrupt("its zstd frame: %v", err)
	}
	if uint64(len(plain)) != size {
		return nil, corrupt("its zstd frame holds %d bytes, not %d", len(plain), size)
	}
	return plain, nil
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0), // as many at a time as there are processors
		zstd.WithDecoderMaxMemory(maxCompressed),
	)
	if err != nil {
		panic(fmt.Sprintf("segment: %v", err)) // an option is out of range
	}
	return d
}
