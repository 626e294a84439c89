package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"millrace/pkg/journal"
)

// failing is a disk whose direct writes fail.
type failing struct {
	err   error
	asked int
}

func (f *failing) WriteAt([]byte, int64) (int, error) {
	f.asked++
	return 0, fmt.Errorf("pwrite: %w", f.err)
}

func (f *failing) Close() error { return nil }

// TestNotDirect: what the disk does not take directly goes through the page cache.
func TestNotDirect(t *testing.T) {
	dir, disk := t.TempDir(), &failing{err: syscall.EINVAL}
	j := open(t, dir, journal.Options{Create: func(path string) (journal.File, error) { return journal.CreateOver(path, disk) }})
	for _, size := range []int{100, 100_000, 100, 3 << 20} {
		append1(t, j, size)
	}
	if got, torn := replayed(t, dir); len(got) != 4 || torn || disk.asked < 3 {
		t.Errorf("%d records, torn %v, %d direct writes were tried", len(got), torn, disk.asked)
	}
}

// TestDirectFails: a disk that fails is not asked again by another way.
func TestDirectFails(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{Create: func(path string) (journal.File, error) { return journal.CreateOver(path, &failing{err: syscall.EIO}) }})
	append1(t, j, 100)
	if err := j.Append([]journal.Record{{Head: bytes.Repeat([]byte{1}, 100_000)}}); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	append1(t, j, 200)
	if got, torn := replayed(t, dir); len(got) != 2 || torn {
		t.Errorf("%d records, torn %v", len(got), torn)
	}
}

// BenchmarkAppend compares appends past the page cache with appends through it.
func BenchmarkAppend(b *testing.B) {
	for _, kb := range []int{2, 16, 32, 48, 64, 128, 256, 1024} {
		for _, way := range []struct {
			name    string
			options journal.Options
		}{
			{"direct", journal.Options{}},
			{"cached", journal.Options{Create: func(path string) (journal.File, error) { return journal.CreateOver(path, nil) }}},
		} {
			b.Run(fmt.Sprintf("%d KB/%s", kb, way.name), func(b *testing.B) {
				j := open(b, b.TempDir(), way.options)
				record := []journal.Record{{Body: make([]byte, kb<<10)}}
				for b.Loop() {
					if err := j.Append(record); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
