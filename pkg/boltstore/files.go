package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
)

// use is how much of a file of the journal the log refers to.
type use struct {
	segments, bytes int64
}

// fileUses are changes of uses, by file.
type fileUses map[uint64]use

func (f fileUses) add(at journal.Place, length int) {
	if length > 0 {
		u := f[at.File]
		f[at.File] = use{u.segments + 1, u.bytes + int64(length)}
	}
}

func (f fileUses) drop(at journal.Place, length int) {
	if length > 0 {
		u := f[at.File]
		f[at.File] = use{u.segments - 1, u.bytes - int64(length)}
	}
}

// store makes the changes in the index. A file without any use has no key.
func (f fileUses) store(tx *bbolt.Tx) error {
	files := tx.Bucket([]byte(bucketFiles))
	for file, change := range f {
		key := fileKey(file)
		standing, err := decodeUse(files.Get(key))
		if err != nil {
			return err
		}
		u := use{standing.segments + change.segments, standing.bytes + change.bytes}
		switch {
		case u.segments < 0 || u.bytes < 0 || (u.segments == 0) != (u.bytes == 0):
			return corrupt("file %d of the journal comes to be used by %d segments of %d bytes", file, u.segments, u.bytes)
		case u.segments == 0:
			err = files.Delete(key)
		default:
			err = files.Put(key, encodeUse(u))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fileKey(file uint64) []byte { return binary.BigEndian.AppendUint64(nil, file) }

func encodeUse(u use) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(u.segments)), uint64(u.bytes))
}

// decodeUse takes nothing for no use.
func decodeUse(raw []byte) (use, error) {
	switch len(raw) {
	case 0:
		return use{}, nil
	case 16:
		return use{int64(binary.BigEndian.Uint64(raw)), int64(binary.BigEndian.Uint64(raw[8:]))}, nil
	default:
		return use{}, corrupt("the use %x of a file of the journal", raw)
	}
}

// settledTo returns up to where in the journal the index has everything.
func settledTo(tx *bbolt.Tx) (journal.Place, error) {
	raw := tx.Bucket([]byte(bucketMeta)).Get([]byte(keySettled))
	switch len(raw) {
	case 0:
		return journal.Place{}, nil
	case placeSize:
		return decodePlace(raw), nil
	default:
		return journal.Place{}, corrupt("the journal is settled up to %x", raw)
	}
}

// filed is a file of the journal to which nothing is appended any more, and of which the index has everything.
type filed struct {
	number uint64
	use
}

// filedFiles returns these files with their uses, in order.
func (s *Store) filedFiles(ctx context.Context) (found []filed, err error) {
	numbers, err := journal.Files(s.journalDir)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		settled, err := settledTo(tx)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			if n >= settled.File {
				break
			}
			u, err := decodeUse(tx.Bucket([]byte(bucketFiles)).Get(fileKey(n)))
			if err != nil {
				return err
			}
			found = append(found, filed{n, u})
		}
		return nil
	})
	return found, err
}

// removeUnused removes the files that the log does not refer to any more.
func (s *Store) removeUnused(ctx context.Context) error {
	files, err := s.filedFiles(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		if f.segments == 0 {
			if err := s.journal.Remove(f.number); err != nil {
				errs = append(errs, fmt.Errorf("remove a file of the journal: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}
