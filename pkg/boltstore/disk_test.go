package boltstore_test

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"millrace/pkg/boltstore"
	"millrace/pkg/journal"
)

var errDiskFull = errors.New("no space left on this disk")

// disk is where a journal's files are, and does to them what a disk will not do when it is asked.
type disk struct {
	syncs     atomic.Int64
	room      atomic.Int64          // no file grows beyond this; 0: each may
	syncError atomic.Pointer[error] // of the next sync, which may have been done all the same
}

type diskFile struct {
	*os.File
	disk *disk
}

func (d *disk) create(path string) (journal.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return diskFile{f, d}, err
}

func (f diskFile) WriteAt(b []byte, offset int64) (int, error) {
	room := f.disk.room.Load()
	if room == 0 || offset+int64(len(b)) <= room {
		return f.File.WriteAt(b, offset)
	}
	n, err := f.File.WriteAt(b[:max(room-offset, 0)], offset)
	return n, errors.Join(err, errDiskFull)
}

func (f diskFile) Sync() error {
	f.disk.syncs.Add(1)
	if err := f.disk.syncError.Swap(nil); err != nil {
		return errors.Join(f.File.Sync(), *err)
	}
	return f.File.Sync()
}

// openOn is open on a disk of its own, with a journal that goes on to the next file at so many bytes, 0 for the default.
func openOn(tb testing.TB, dir string, maxFile int64) (*boltstore.Store, *disk) {
	tb.Helper()
	d := &disk{}
	s, err := boltstore.OpenOn(dir, maxFile, d.create)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeChecked(tb, s) })
	return s, d
}
