package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

const (
	// extendChunk is how many entries of the log one transaction of an Extend rewrites.
	extendChunk = 1024
	// walkChunk bounds what one read transaction walks: a writer that maps the file anew waits for it.
	walkChunk = 4096
)

// Extend implements [shardlog.Store]. It fails with [shardlog.ErrShardClosed] for a shard that is gone with its stream.
//
// It looks for what moves in read transactions, and writes in others, of bounded size each: puts pass between them.
func (s *Store) Extend(ctx context.Context, shard shardlog.Shard, below uint64, keep time.Duration) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return fmt.Errorf("extend shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	for from, more := uint64(0), true; more; {
		var moving []uint64
		err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
			moving, from, more, err = findMoving(tx, shard, from, below, keep)
			return err
		})
		if err == nil && len(moving) > 0 {
			err = s.update(ctx, func(tx *bbolt.Tx) (bool, error) { return moveExpires(tx, shard, moving, keep) }, nil)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("extend shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
		}
	}
	return nil
}

// extended returns to when a content's Expires moves, and false if it stays.
func extended(c shardlog.Content, keep time.Duration) (time.Time, bool) {
	later := c.Arrival.Add(keep).Truncate(time.Second)
	return later, later.After(c.Expires)
}

// findMoving returns the next slots from `from` on whose contents move, and where to go on if there may be more.
func findMoving(tx *bbolt.Tx, shard shardlog.Shard, from, below uint64, keep time.Duration) (moving []uint64, next uint64, more bool, err error) {
	if tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard)) == nil {
		return nil, from, false, shardlog.ErrShardClosed
	}
	walked := 0
	for p, err := range entries(tx, shard, from, nil) {
		if err != nil {
			return nil, from, false, err
		}
		if p.slot >= below {
			break
		}
		if walked == walkChunk || len(moving) == extendChunk {
			return moving, p.slot, true, nil
		}
		if _, moves := extended(p.Content, keep); moves {
			moving = append(moving, p.slot)
		}
		walked++
	}
	return moving, below, false, nil
}

// moveExpires rewrites the entries of those of the slots that still have a content.
func moveExpires(tx *bbolt.Tx, shard shardlog.Shard, slots []uint64, keep time.Duration) (changed bool, err error) {
	log := logBucket(tx)
	for _, slot := range slots {
		key := slotKey(shard, slot)
		raw := log.Get(key)
		if raw == nil {
			continue
		}
		e, err := decodeEntry(raw)
		if err != nil {
			return false, fmt.Errorf("slot %d: %w", slot, err)
		}
		later, moves := extended(e.Content, keep)
		if !moves {
			continue
		}
		raw = bytes.Clone(raw)
		binary.BigEndian.PutUint64(raw[expiresAt:], uint64(later.Unix()))
		if err := log.Put(key, raw); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}
