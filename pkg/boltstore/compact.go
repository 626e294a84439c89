package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

const (
	// sparse is how much less than its size a file of the journal is used where what is left in it is worth moving: what is kept beside the
	// contents is then at most three times as much as they are, and each is moved a few times at most.
	sparse = 4
	// moveBytes bounds the segments that move at once.
	moveBytes = 4 << 20
)

// compact moves what is left in files of the journal that are sparsely used to the journal's end.
func (s *Store) compact(ctx context.Context) error {
	files, err := s.filedFiles(ctx)
	if err != nil {
		return err
	}
	moved := false
	for _, f := range files {
		info, err := os.Stat(journal.Path(s.journalDir, f.number))
		if err != nil {
			return err
		}
		if f.segments == 0 || f.bytes*sparse > info.Size() {
			continue
		}
		if err := s.empty(ctx, f.number); err != nil {
			return fmt.Errorf("move what is left in file %d of the journal: %w", f.number, err)
		}
		moved = true
	}
	if !moved {
		return nil
	}
	return s.settle(ctx)
}

// empty moves the segments of a file that the log refers to.
func (s *Store) empty(ctx context.Context, file uint64) error {
	var chunk []*put
	size := 0
	move := func() error {
		err := s.await(chunk...)
		chunk, size = nil, 0
		return err
	}
	_, _, err := journal.Replay(s.journalDir, file, 0, func(at journal.Place, record []byte) error {
		r, err := decodeJournaled(at, record)
		if err != nil || r.length == 0 {
			return err
		}
		left, err := s.refersTo(ctx, r.shard, r.slot, r.place)
		if err != nil || !left {
			return err
		}
		segment := bytes.Clone(record[len(record)-r.length:])
		chunk = append(chunk, &put{ctx: ctx, kind: kindMove, shard: r.shard, slot: r.slot, old: r.place, content: shardlog.Content{Packed: segment}})
		if size += r.length; size < moveBytes {
			return nil
		}
		return move()
	})
	return errors.Join(err, move())
}

// refersTo tells whether the log has a slot's segment at a place.
func (s *Store) refersTo(ctx context.Context, shard shardlog.Shard, slot uint64, at journal.Place) (refers bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		e, err := decodeEntry(tx.Bucket([]byte(bucketLog)).Get(slotKey(shard, slot)))
		refers = err == nil && e.place == at
		return nil // what cannot be read is left where it is
	})
	return refers, err
}
