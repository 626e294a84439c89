package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"runtime"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// OpenOn opens a store whose journal writes to the files that create creates, and goes on to the next file at so many bytes, 0 for the default.
func OpenOn(dir string, maxFile int64, create func(path string) (journal.File, error)) (*Store, error) {
	return open(dir, journal.Options{MaxFile: maxFile, Create: create})
}

// Check settles, runs bbolt's consistency check, and holds the files of the journal against the contents that are in them.
func (s *Store) Check() error {
	err := s.settle(context.Background())
	if s.broken != nil {
		err = nil
	}
	errs := []error{err}
	errs = append(errs, s.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			errs = append(errs, err)
		}
		return s.checkFiles(tx)
	}))
	return errors.Join(errs...)
}

// checkFiles fails unless every file is used as much as the bucket says. Where an entry cannot be read nobody knows, as in tests that damage some.
func (s *Store) checkFiles(tx *bbolt.Tx) error {
	uses := fileUses{}
	for _, v := range every(tx.Bucket([]byte(bucketLog))) {
		e, err := decodeEntry(v)
		if err != nil {
			return nil
		}
		uses.add(e.place, e.length)
	}
	for k, v := range every(tx.Bucket([]byte(bucketFiles))) {
		n := binary.BigEndian.Uint64(k)
		if u, err := decodeUse(v); err != nil || u != uses[n] {
			return corrupt("file %d is said to be used by %+v (%v), and is by %+v", n, u, err, uses[n])
		}
		delete(uses, n)
	}
	if len(uses) > 0 {
		return corrupt("files %+v are used, and nothing tells so", uses)
	}
	return nil
}

// Files returns how many bytes each file of the journal has.
func (s *Store) Files() map[uint64]int64 {
	sizes := map[uint64]int64{}
	files, err := journal.Files(s.journalDir)
	for _, n := range files {
		info, statErr := os.Stat(journal.Path(s.journalDir, n))
		err = errors.Join(err, statErr)
		if statErr == nil {
			sizes[n] = info.Size()
		}
	}
	if err != nil {
		panic(err)
	}
	return sizes
}

// JournalEnd returns where the last record of the journal ends.
func (s *Store) JournalEnd() journal.Place { return s.journal.End() }

// Settle brings the index up to the journal.
func (s *Store) Settle() error { return s.settle(context.Background()) }

// Empty moves what a file of the journal holds, without settling that.
func (s *Store) Empty(ctx context.Context, file uint64) error { return s.empty(ctx, file) }

// Pending returns how many contents are in the journal alone.
func (s *Store) Pending() int { return s.pending.count() }

func every(b *bbolt.Bucket) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.First(); k != nil && yield(k, v); k, v = c.Next() {
		}
	}
}

// Commits returns the id of the last write transaction of the index that was committed; the ids count up by one.
func (s *Store) Commits() int {
	id := 0
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		panic(err)
	}
	return id
}

// HoldCommits keeps puts and write transactions from being committed until release is called. Nothing is under way when it returns.
func (s *Store) HoldCommits() (release func()) {
	for committing := true; committing; runtime.Gosched() {
		s.mu.Lock()
		committing = s.committing
		s.mu.Unlock()
	}
	s.journaling <- struct{}{}
	s.writing <- struct{}{}
	return func() { <-s.writing; <-s.journaling }
}

// AwaitQueue returns once a commit has taken its puts and n others wait for the next.
func (s *Store) AwaitQueue(n int) {
	for {
		s.mu.Lock()
		reached := s.committing && len(s.queue) == n
		s.mu.Unlock()
		if reached {
			return
		}
		runtime.Gosched()
	}
}

// LimitSize makes the index refuse to grow beyond n bytes, as a full disk does; 0 lifts that.
func (s *Store) LimitSize(n int) {
	release := s.HoldCommits()
	defer release()
	s.db.MaxSize = n
}

// BeginSync does what a commit does between writing the meta page and syncing it: from then on a reader sees a transaction that
// is not durable. The commit's end is given by end.
func (s *Store) BeginSync() (end func()) {
	done := make(chan struct{})
	s.setSyncing(s.Commits(), done)
	return func() { s.setSyncing(0, nil); close(done) }
}

// FailSync does what a commit does whose meta page was written and could not be synced.
func (s *Store) FailSync(cause error) error { return s.commitError(s.Commits(), cause) }

// MarkDeleted is DeleteStream up to a crash after its first transaction.
func (s *Store) MarkDeleted(name string) error {
	_, err := s.markDeleted(context.Background(), name)
	return err
}

// SetCounter overwrites a shard's counter in the file, for the next Open to find.
func (s *Store) SetCounter(shard shardlog.Shard, c shardlog.Counter) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketCounters)).Put(shardKey(shard), encodeCounter(c))
	})
}

// Hold does what a transaction does that changes the counters of shards, until release is called.
func (s *Store) Hold(shards ...shardlog.Shard) (release func()) {
	_, release = s.slots.hold(shards)
	return release
}

// Bounds of one step of settling, Reclaim and Extend.
const (
	SettleAfter = settleAfter
	DeleteChunk = deleteChunk
	ReclaimRun  = reclaimRun
	SweepRun    = sweepRun
	ExtendChunk = extendChunk
)

// Damage overwrites a slot's entry in the log.
func (s *Store) Damage(shard shardlog.Shard, slot uint64, value []byte) error {
	if err := s.Settle(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketLog)).Put(slotKey(shard, slot), value)
	})
}

// Expired returns how many contents of a shard a Reclaim that has come to it would drop.
func (s *Store) Expired(shard shardlog.Shard, now time.Time) (n int, err error) {
	if err := s.Settle(); err != nil {
		return 0, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		w, err := findExpired(tx, shard, 0, now, reclaimRun)
		n = len(w.expired)
		return err
	})
	return n, err
}

// SetFormat overwrites the file's format version.
func (s *Store) SetFormat(version uint32) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), binary.BigEndian.AppendUint32(nil, version))
	})
}

// Left returns how many entries stand in all buckets but meta.
func (s *Store) Left() int {
	n := 0
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketStreams, bucketShards, bucketCounters, bucketLog, bucketFiles} {
			n += tx.Bucket([]byte(name)).Stats().KeyN
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return n
}
