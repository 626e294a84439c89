package journal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// diskFile is a file on the disk.
type diskFile struct {
	*os.File
	direct writerAtCloser // the same file, past the page cache; nil where the file system has no such way
}

type writerAtCloser interface {
	io.WriterAt
	io.Closer
}

func create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	direct, err := os.OpenFile(path, os.O_WRONLY|syscall.O_DIRECT, 0)
	if err != nil {
		return &diskFile{File: f}, nil
	}
	return &diskFile{File: f, direct: direct}, nil
}

// WriteAt writes what is large past the page cache, if it is whole blocks.
func (f *diskFile) WriteAt(b []byte, offset int64) (int, error) {
	if f.direct != nil && len(b) > smallAppend && (addressOf(b)|len(b)|int(offset))&(blockSize-1) == 0 {
		n, err := f.direct.WriteAt(b, offset)
		if !errors.Is(err, syscall.EINVAL) { // the disk has larger blocks, or wrote a part and has no room for the rest
			return n, err
		}
	}
	return f.File.WriteAt(b, offset)
}

// Sync has the file's bytes, and what it takes to read them, on the disk.
func (f *diskFile) Sync() error { return syncData(f.File) }

func (f *diskFile) Close() error {
	err := f.File.Close()
	if f.direct != nil {
		err = errors.Join(err, f.direct.Close())
	}
	return err
}

// syncData does not write the file's times, which a full sync would.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
