// Package journal keeps records in numbered files that are only ever appended to, and synced before Append returns.
//
// # Layout, version 1
//
// Numbers are big-endian. A file is named after its number, in 16 hexadecimal digits, and begins with a header of 24 bytes: "millrace", the version
// (4 bytes), the number (8 bytes), and the CRC-32C of these. Then the records stand one after another:
//
//	length    4 bytes  of the record's bytes, 1 at least
//	checksum  4 bytes  CRC-32C of the length and of the bytes
//	bytes
//
// A file ends where no whole record follows. While it is appended to, zeros stand behind that, to the end of a block at least: it is written in whole
// blocks. A process that dies while it appends leaves a torn record, which was not acknowledged. Nothing is ever appended to a file that another process
// created, and what an append that failed has written is taken back before the next, so nothing follows a torn record, and only the last file may end
// with one.
//
// A reader refuses a version that it does not know. A change of layout takes the next version, and the old ones are read for as long as files of them are
// kept.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

const (
	version    = 1
	magic      = "millrace"
	headerSize = len(magic) + 4 + 8 + 4
	frameSize  = 4 + 4

	// maxFile is from which size on a file is followed by the next: what is kept for the sake of a few records is bounded by it.
	maxFile = 64 << 20
	// maxRecord bounds what a reader takes for a length.
	maxRecord = 256 << 20
	// writeSize is how many bytes go to the file at once.
	writeSize = 1 << 20

	// blockSize is the unit of writing, a power of 2: a page of the system's cache, and what nearly all disks take directly.
	blockSize = 4096

	// smallAppend is up to how many bytes an append goes through the system's page cache, and aheadSize how many zeros are written ahead where such a one
	// makes the file longer: a sync of bytes that replace others has none of the file's own to write. One of 2 KB takes 0.07 ms with zeros ahead and 0.12 ms
	// without, on ext4. Larger ones would write twice as much for it; where the system can do that, the disk takes them straight from the buffer, in three
	// quarters of the time: BenchmarkAppend.
	smallAppend = 32 << 10
	aheadSize   = 256 << 10
)

var (
	// ErrBroken is wrapped by the error of an Append whose outcome is not known, and by those of all that follow.
	ErrBroken = errors.New("a write failed half way, and the journal must be opened anew")
	// ErrCorrupt is wrapped by every error that says that what a file holds cannot have been written by this package.
	ErrCorrupt = errors.New("the journal is corrupt")
)

// VersionError is a file's layout version that this build does not know.
type VersionError uint32

func (e VersionError) Error() string {
	return fmt.Sprintf("the file has layout version %d, this build reads version %d: it was written by a newer release", uint32(e), version)
}

// Place is where bytes stand: the number of the file, and how many bytes come before them in it.
type Place struct {
	File   uint64
	Offset int64
}

// Plus returns the place so many bytes on.
func (p Place) Plus(n int) Place { return Place{p.File, p.Offset + int64(n)} }

// Record is bytes to append: Head, and then Body. Append sets Place, which is where Head stands.
type Record struct {
	Head, Body []byte
	Place      Place
}

// File is what is written to. *os.File is one.
type File interface {
	WriteAt(b []byte, offset int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Options are for tests. The zero value of each takes the default.
type Options struct {
	MaxFile int64                           // from which size on a file is followed by the next. Default 64 MB
	Create  func(path string) (File, error) // creates a file that is not there. Default: one on the disk
}

// Journal is a directory of files. One goroutine at a time may append; reading goes on beside that.
type Journal struct {
	dir     string
	options Options

	file   File // that is appended to; nil: the next Append creates one
	end    Place
	tail   []byte // what stands before the end in its block
	size   int64  // of the file, with the zeros behind the end
	buffer []byte // on a block's boundary in memory
	broken error
}

// Open opens a directory, which is there, for appending after the files that it has and after number `after`. It creates no file.
func Open(dir string, after uint64, options Options) (*Journal, error) {
	if options.MaxFile == 0 {
		options.MaxFile = maxFile
	}
	if options.Create == nil {
		options.Create = create
	}
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	if n := len(files); n > 0 {
		after = max(after, files[n-1])
	}
	return &Journal{dir: dir, options: options, end: Place{File: after}}, nil
}

// Files returns the numbers of the directory's files, in order.
func Files(dir string) (files []uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 16, 64); err == nil && e.Name() == name(n) {
			files = append(files, n)
		}
	}
	slices.Sort(files)
	return files, nil
}

func name(file uint64) string { return fmt.Sprintf("%016x", file) }

// Path returns where a file is.
func Path(dir string, file uint64) string { return filepath.Join(dir, name(file)) }

// Append writes records, in their order, and returns once all are on the disk. If it fails with [ErrBroken], any number of them
// may be; otherwise none is.
func (j *Journal) Append(records []Record) error {
	if j.broken != nil {
		return j.broken
	}
	if j.file == nil || j.end.Offset >= j.options.MaxFile {
		if err := j.next(); err != nil {
			return err
		}
	}
	end, tail, err := j.write(records)
	if err != nil {
		return j.takeBack(err)
	}
	if err := j.file.Sync(); err != nil {
		return j.fail(err)
	}
	j.end, j.tail = end, append(j.tail[:0], tail...)
	return nil
}

// End returns the place after the last record.
func (j *Journal) End() Place { return j.end }

// next goes on to a new file. Its header and its name are on the disk before any record is written.
func (j *Journal) next() error {
	if err := j.Close(); err != nil {
		return err
	}
	number := j.end.File + 1
	path := Path(j.dir, number)
	file, err := j.options.Create(path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if _, err = file.WriteAt(header(number), 0); err == nil {
		err = errors.Join(file.Sync(), SyncDir(j.dir))
	}
	j.end.File = number // also where it failed: the name may be taken for good
	if err != nil {
		return errors.Join(fmt.Errorf("create %s: %w", path, err), file.Close(), os.Remove(path))
	}
	j.file, j.end.Offset, j.size = file, int64(headerSize), int64(headerSize)
	j.tail = append(j.tail[:0], header(number)...)
	return nil
}

func header(number uint64) []byte {
	b := binary.BigEndian.AppendUint32([]byte(magic), version)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// write writes the records behind the end, in whole blocks, and returns the place behind them and what of its block stands before that.
func (j *Journal) write(records []Record) (end Place, tail []byte, err error) {
	size := j.size
	b := append(j.buffer[:0], j.tail...)
	start := Place{j.end.File, j.end.Offset - int64(len(b))}
	for i := range records {
		r := &records[i]
		b = withRoom(b, frameSize+len(r.Head)+len(r.Body))
		r.Place = start.Plus(len(b) + frameSize)
		b = appendFrame(b, r)
		if len(b) >= writeSize {
			whole := len(b) &^ (blockSize - 1)
			if err := j.writeAt(b[:whole], start.Offset); err != nil {
				return Place{}, nil, err
			}
			start, b = start.Plus(whole), append(b[:0], b[whole:]...)
		}
	}
	end, tail = start.Plus(len(b)), b[len(b)&^(blockSize-1):]
	if err := j.writeAt(padded(b), start.Offset); err != nil {
		return Place{}, nil, err
	}
	if cap(b) <= 2*writeSize {
		j.buffer = b
	}
	if j.size > size && end.Offset-j.end.Offset <= smallAppend {
		_ = j.writeAt(withRoom(nil, aheadSize)[:aheadSize], j.size) // the records do without, where the disk is full
	}
	return end, tail, nil
}

func (j *Journal) writeAt(b []byte, offset int64) error {
	n, err := j.file.WriteAt(b, offset)
	j.size = max(j.size, offset+int64(n))
	return err
}

func appendFrame(b []byte, r *Record) []byte {
	frame := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Head)+len(r.Body)))
	b = append(append(append(b, 0, 0, 0, 0), r.Head...), r.Body...)
	binary.BigEndian.PutUint32(b[frame+4:], frameChecksum(b[frame:frame+4], b[frame+frameSize:]))
	return b
}

// takeBack removes what a failed write has left, so that it can neither be taken for records nor stand behind those to come.
func (j *Journal) takeBack(cause error) error {
	err := fmt.Errorf("write %s: %w", Path(j.dir, j.end.File), cause)
	if undone := errors.Join(j.file.Truncate(j.end.Offset), j.file.Sync()); undone != nil {
		return j.fail(errors.Join(err, undone))
	}
	j.size = j.end.Offset
	return err
}

func (j *Journal) fail(cause error) error {
	j.broken = fmt.Errorf("%w: %s: %w", ErrBroken, Path(j.dir, j.end.File), cause)
	return j.broken
}

// Close lets go of the file that is appended to. Closing again does nothing.
func (j *Journal) Close() error {
	file := j.file
	j.file = nil
	switch {
	case file == nil:
		return nil
	case j.broken == nil && j.size > j.end.Offset:
		return errors.Join(file.Truncate(j.end.Offset), file.Close())
	}
	return file.Close()
}

// Remove removes a file that is not appended to. One that is gone already is none to remove.
func (j *Journal) Remove(file uint64) error {
	if err := os.Remove(Path(j.dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes the names in a directory durable. Windows has no such call, and needs none.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func frameChecksum(length, bytes []byte) uint32 {
	return crc32.Update(checksum(length), crc32.MakeTable(crc32.Castagnoli), bytes)
}
