package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Replay calls fn with each record of a file from an offset on, 0 for all, where a record or the end is. The bytes are good until fn returns. It returns the
// offset of the end, and whether bytes follow that make no record and are not all zero. It fails with [ErrCorrupt] where the file is not one of this package, with a
// [VersionError], and with what fn returns. A file that was not created in full has no records.
//
// What it saw is on the disk when it returns without an error: a process that was killed may have left it in the system's memory alone.
func Replay(dir string, file uint64, offset int64, fn func(at Place, record []byte) error) (end int64, torn bool, err error) {
	f, err := os.OpenFile(Path(dir, file), os.O_RDWR, 0)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	if err := checkHeader(f, file, info.Size()); err != nil || info.Size() <= int64(headerSize) {
		return info.Size(), false, err
	}
	if err := syncData(f); err != nil {
		return 0, false, err
	}
	offset = max(offset, int64(headerSize))
	end, err = replay(io.NewSectionReader(f, offset, info.Size()-offset), Place{file, offset}, fn)
	if err == nil {
		torn, err = notZero(io.NewSectionReader(f, end, info.Size()-end))
	}
	return end, torn, err
}

// notZero tells whether any byte is another than zero.
func notZero(in io.Reader) (bool, error) {
	b := make([]byte, 64<<10)
	for {
		n, err := in.Read(b)
		if len(bytes.Trim(b[:n], "\x00")) > 0 || err != nil {
			return err == nil, atEnd(err)
		}
	}
}

func checkHeader(f io.ReaderAt, file uint64, size int64) error {
	if size < int64(headerSize) {
		return nil // it was being created
	}
	var got [headerSize]byte
	if _, err := f.ReadAt(got[:], 0); err != nil {
		return err
	}
	want := header(file)
	switch found := binary.BigEndian.Uint32(got[len(magic):]); {
	case bytes.Equal(got[:], want), size == int64(headerSize):
		return nil
	case string(got[:len(magic)]) == magic && found > version && checksum(got[:headerSize-4]) == binary.BigEndian.Uint32(got[headerSize-4:]):
		return VersionError(found)
	default:
		return fmt.Errorf("%w: file %s begins with %x", ErrCorrupt, name(file), got)
	}
}

func replay(section *io.SectionReader, at Place, fn func(at Place, record []byte) error) (end int64, err error) {
	in := bufio.NewReaderSize(section, 256<<10)
	left := section.Size()
	var frame [frameSize]byte
	var record []byte
	for {
		if _, err := io.ReadFull(in, frame[:]); err != nil {
			return at.Offset, atEnd(err)
		}
		left -= frameSize
		length := int64(binary.BigEndian.Uint32(frame[:]))
		if length == 0 || length > min(left, maxRecord) {
			return at.Offset, nil
		}
		if int64(cap(record)) < length {
			record = make([]byte, length)
		}
		record = record[:length]
		if _, err := io.ReadFull(in, record); err != nil {
			return at.Offset, atEnd(err)
		}
		if frameChecksum(frame[:4], record) != binary.BigEndian.Uint32(frame[4:]) {
			return at.Offset, nil
		}
		if err := fn(at.Plus(frameSize), record); err != nil {
			return at.Offset, err
		}
		left -= length
		at = at.Plus(frameSize + int(length))
	}
}

// atEnd returns nil for the errors of a file that has ended.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// window is how many bytes a Reader reads at once where less is asked for: small records that are read one after another are often neighbours.
const window = 64 << 10

// Reader reads at places. It is for one goroutine, which closes it.
type Reader struct {
	dir    string
	file   *os.File
	number uint64
	seen   []byte // the window
	from   int64  // where it is
}

// NewReader returns a reader of a directory's files. What it reads must have been appended before.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// Read returns n bytes at a place, in memory of their own. It fails with [fs.ErrNotExist] where the file is gone, and with [ErrCorrupt] where it ends before.
func (r *Reader) Read(at Place, n int) ([]byte, error) {
	if r.file == nil || r.number != at.File {
		if err := r.open(at.File); err != nil {
			return nil, err
		}
	}
	if i := at.Offset - r.from; i >= 0 && i+int64(n) <= int64(len(r.seen)) {
		return bytes.Clone(r.seen[i : i+int64(n)]), nil
	}
	if n >= window/2 {
		b := make([]byte, n)
		if got, err := r.file.ReadAt(b, at.Offset); got < n {
			return nil, r.short(at, n, err)
		}
		return b, nil
	}
	if r.seen == nil {
		r.seen = make([]byte, window)
	}
	got, err := r.file.ReadAt(r.seen[:window], at.Offset)
	r.seen, r.from = r.seen[:got], at.Offset
	if got < n {
		return nil, r.short(at, n, err)
	}
	return bytes.Clone(r.seen[:n]), nil
}

func (r *Reader) open(number uint64) error {
	if err := r.Close(); err != nil {
		return err
	}
	f, err := os.Open(Path(r.dir, number))
	if err != nil {
		return err
	}
	r.file, r.number, r.seen = f, number, r.seen[:0]
	return nil
}

func (r *Reader) short(at Place, n int, err error) error {
	if atEnd(err) != nil {
		return err
	}
	return fmt.Errorf("%w: file %s ends before byte %d", ErrCorrupt, name(at.File), at.Offset+int64(n))
}

// Close lets go of the file that was read last.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}
