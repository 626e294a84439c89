package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

// Reshard implements [shardlog.Store]. It fails with [shardlog.ErrRefused] where nothing opens, more than
// [shardlog.MaxReshard] close and open, or those that open do not have the indexes that follow.
//
// It is one transaction, and the parents hand out no slot while it runs. So what was handed out before lies below their final next slot,
// and if the commit fails they go on as if nothing had been.
func (s *Store) Reshard(ctx context.Context, stream shardlog.Stream, closing []uint32, opening []shardlog.ShardInfo) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	r := reshard{slots: &s.slots, stream: stream, closing: closing, opening: opening, release: func() {}}
	err := r.check()
	if err == nil {
		err = s.updateCounters(ctx, func(tx *bbolt.Tx) (bool, error) { return true, r.store(tx) }, r.applied)
	}
	r.release()
	if err != nil {
		return fmt.Errorf("reshard stream %s: %w", stream.Name, err)
	}
	return nil
}

// reshard is one Reshard under way.
type reshard struct {
	slots   *sequencer
	stream  shardlog.Stream
	closing []uint32
	opening []shardlog.ShardInfo
	release func() // ends the hold on the parents
}

func (r *reshard) check() error {
	if n := len(r.closing) + len(r.opening); len(r.opening) == 0 || n > shardlog.MaxReshard {
		return fmt.Errorf("%w: %d shards open, %d close", shardlog.ErrRefused, len(r.opening), len(r.closing))
	}
	for i, info := range r.opening {
		if int(info.Index) != len(r.stream.Shards)+i {
			return fmt.Errorf("%w: shard %d opens as the %d. of the stream", shardlog.ErrRefused, info.Index, len(r.stream.Shards)+i+1)
		}
	}
	return nil
}

func (r *reshard) parents() []shardlog.Shard {
	var parents []shardlog.Shard
	for _, index := range r.closing {
		parents = append(parents, r.stream.Shard(index))
	}
	return parents
}

func (r *reshard) store(tx *bbolt.Tx) error {
	record, err := standing(tx, r.stream)
	if err != nil {
		return err
	}
	if countKeys(tx.Bucket([]byte(bucketShards)), streamPrefix(r.stream.ID)) != len(r.stream.Shards) {
		return shardlog.ErrStreamChanged
	}
	var held map[shardlog.Shard]shardlog.Counter
	held, r.release = r.slots.hold(r.parents())
	for _, parent := range r.parents() {
		c, open := held[parent]
		if !open {
			return shardlog.ErrStreamChanged
		}
		if err := closeShard(tx, parent, c, r.opening[0].Created); err != nil {
			return err
		}
	}
	r.stream.Settings = record.stream(r.stream.Name).Settings // as they are now, not as they were loaded
	return putShards(tx, r.stream, r.opening)
}

func (r *reshard) applied() {
	r.slots.close(r.parents())
	r.slots.open(newCounters(r.stream, r.opening))
}

// closeShard closes a shard that is open, and stores its counter as it is in memory, closed.
func closeShard(tx *bbolt.Tx, shard shardlog.Shard, c shardlog.Counter, at time.Time) error {
	key := shardKey(shard)
	info, err := decodeShard(shard.Index, tx.Bucket([]byte(bucketShards)).Get(key))
	if err != nil {
		return err
	}
	if !info.IsOpen() {
		return shardlog.ErrStreamChanged
	}
	info.Closed = at
	counters := tx.Bucket([]byte(bucketCounters))
	standing, err := decodeCounter(counters.Get(key))
	if err != nil {
		return err
	}
	c.Open, c.Next = false, max(c.Next, standing.Next)
	if err := putShard(tx, shard, info); err != nil {
		return err
	}
	return counters.Put(key, encodeCounter(c))
}

func countKeys(b *bbolt.Bucket, prefix []byte) (n int) {
	c := b.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		n++
	}
	return n
}

// SealShard implements [shardlog.Store]. It fails with [shardlog.ErrStreamChanged] where the shard is open, or gone with its stream.
func (s *Store) SealShard(ctx context.Context, shard shardlog.Shard, final uint64) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	err := s.update(ctx, func(tx *bbolt.Tx) (changed bool, err error) {
		key := shardKey(shard)
		raw := tx.Bucket([]byte(bucketShards)).Get(key)
		if raw == nil || tx.Bucket([]byte(bucketCounters)).Get(key) == nil {
			return false, shardlog.ErrStreamChanged
		}
		info, err := decodeShard(shard.Index, raw)
		if err != nil {
			return false, err
		}
		if info.IsOpen() {
			return false, shardlog.ErrStreamChanged
		}
		if info.Sealed && info.Final == final {
			return false, nil
		}
		info.Sealed, info.Final = true, final
		return true, putShard(tx, shard, info)
	}, nil)
	if err != nil {
		return fmt.Errorf("seal shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	return nil
}
