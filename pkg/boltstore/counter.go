package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

// Counter implements [shardlog.Store]. What it returns outlives a crash: where slots were handed out and are not stored yet, it
// first has the counter stored, in the transaction that the puts of the moment share.
func (s *Store) Counter(ctx context.Context, shard shardlog.Shard) (shardlog.Counter, error) {
	if err := s.ready(ctx); err != nil {
		return shardlog.Counter{}, err
	}
	c, ahead, open := s.slots.counter(shard)
	var err error
	switch {
	case !open:
		c, err = s.storedCounter(ctx, shard)
	case ahead:
		err = s.await(&put{ctx: ctx, kind: kindCounter, shard: shard})
	}
	if err != nil {
		return shardlog.Counter{}, fmt.Errorf("read the counter of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	return c, nil
}

func (s *Store) storedCounter(ctx context.Context, shard shardlog.Shard) (c shardlog.Counter, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		raw := tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard))
		if raw == nil {
			return shardlog.ErrShardClosed
		}
		c, err = decodeCounter(raw)
		return err
	})
	return c, err
}

// SetRetention implements [shardlog.Store]. No slot from the returned counter's Next on is handed out with the retention of before.
func (s *Store) SetRetention(ctx context.Context, shard shardlog.Shard, retention time.Duration) (shardlog.Counter, error) {
	if err := s.ready(ctx); err != nil {
		return shardlog.Counter{}, err
	}
	var c shardlog.Counter
	release := func() {}
	err := s.updateCounters(ctx, func(tx *bbolt.Tx) (changed bool, err error) {
		var held map[shardlog.Shard]shardlog.Counter
		held, release = s.slots.hold([]shardlog.Shard{shard})
		c, changed, err = putRetention(tx, shard, held, retention)
		return changed, err
	}, func() {
		if c.Open {
			s.slots.change(map[shardlog.Shard]shardlog.Counter{shard: c})
		}
	})
	release()
	if err != nil {
		return shardlog.Counter{}, fmt.Errorf("set the retention of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	return c, nil
}

// putRetention stores the counter that is held, or else the closed one that is in the file, with another retention.
func putRetention(
	tx *bbolt.Tx, shard shardlog.Shard, held map[shardlog.Shard]shardlog.Counter, retention time.Duration,
) (c shardlog.Counter, changed bool, err error) {
	counters, key := tx.Bucket([]byte(bucketCounters)), shardKey(shard)
	raw := counters.Get(key)
	if raw == nil {
		return c, false, shardlog.ErrShardClosed
	}
	standing, err := decodeCounter(raw)
	if err != nil {
		return c, false, err
	}
	c = standing
	if live, open := held[shard]; open {
		c = live
		c.Next = max(c.Next, standing.Next)
	}
	c = c.WithRetention(retention)
	value := encodeCounter(c)
	if bytes.Equal(value, raw) {
		return c, false, nil
	}
	return c, true, counters.Put(key, value)
}
