package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"runtime"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

// Check runs bbolt's consistency check, and holds the blobs against the contents that are in them.
func (s *Store) Check() error {
	var errs []error
	err := s.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			errs = append(errs, err)
		}
		return checkBlobs(tx)
	})
	return errors.Join(append(errs, err)...)
}

// checkBlobs fails unless every blob has a count, which is that of the entries that point into it, and each entry a blob. Entries that
// cannot be read are passed, as tests that damage some have others.
func checkBlobs(tx *bbolt.Tx) error {
	holders := map[string]uint32{}
	var errs []error
	errs = append(errs, tx.Bucket([]byte(bucketLog)).ForEach(func(k, v []byte) error {
		shard, err := decodeShardKey(k[:len(k)-8])
		if err != nil {
			return err
		}
		if e, err := decodeEntry(v); err == nil && e.blob != 0 {
			holders[string(blobKey(shard.StreamID, e.blob))]++
		}
		return nil
	}))
	blobs := tx.Bucket([]byte(bucketBlobs))
	errs = append(errs, blobs.ForEach(func(k, v []byte) error {
		if v != nil {
			if blobs.Bucket(k[:len(k)-1]) == nil {
				return corrupt("count %x has no blob", k)
			}
			return nil
		}
		count := blobs.Get(append(bytes.Clone(k), 'n'))
		if want := binary.BigEndian.AppendUint32(nil, holders[string(k)]); !bytes.Equal(count, want) || holders[string(k)] == 0 {
			return corrupt("blob %x has count %x, want %x", k, count, want)
		}
		delete(holders, string(k))
		return nil
	}))
	for k, n := range holders {
		errs = append(errs, corrupt("%d contents are in blob %x, which is gone", n, k))
	}
	return errors.Join(errs...)
}

// Blobs returns how many blobs a stream has, and how many bytes are in them.
func (s *Store) Blobs(streamID string) (n, size int) {
	err := s.db.View(func(tx *bbolt.Tx) error {
		blobs, prefix := tx.Bucket([]byte(bucketBlobs)), streamPrefix(streamID)
		for k, v := range every(blobs) {
			if v == nil && bytes.HasPrefix(k, prefix) {
				n, size = n+1, size+len(blobs.Bucket(k).Get([]byte(keyBlob)))
			}
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return n, size
}

// LoseBlobs removes a stream's blobs and their counts.
func (s *Store) LoseBlobs(streamID string) error {
	return s.db.Update(func(tx *bbolt.Tx) error { _, err := dropBlobs(blobBucket(tx), streamID); return err })
}

func every(b *bbolt.Bucket) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.First(); k != nil && yield(k, v); k, v = c.Next() {
		}
	}
}

// Commits returns the id of the last write transaction that was committed; the ids count up by one.
func (s *Store) Commits() int {
	id := 0
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		panic(err)
	}
	return id
}

// HoldCommits keeps write transactions from starting until release is called.
func (s *Store) HoldCommits() (release func()) {
	s.writing <- struct{}{}
	return func() { <-s.writing }
}

// AwaitQueue returns once a transaction has taken its puts and n others wait for the next.
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

// LimitSize makes the file refuse to grow beyond n bytes, as a full disk does; 0 lifts that.
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

// Bounds of one step of Reclaim and Extend, and of what stands in the log.
const (
	MaxInline   = maxInline
	BlobBytes   = blobBytes
	ReclaimRun  = reclaimRun
	SweepRun    = sweepRun
	ExtendChunk = extendChunk
)

// Damage overwrites a slot's entry in the log.
func (s *Store) Damage(shard shardlog.Shard, slot uint64, value []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketLog)).Put(slotKey(shard, slot), value)
	})
}

// Expired returns how many contents of a shard a Reclaim that has come to it would drop.
func (s *Store) Expired(shard shardlog.Shard, now time.Time) (n int, err error) {
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
		for _, name := range []string{bucketStreams, bucketShards, bucketCounters, bucketLog, bucketBlobs} {
			n += tx.Bucket([]byte(name)).Stats().KeyN
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return n
}
