package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

const (
	// reclaimRun is after how many contents that have not expired Reclaim takes the rest of a shard for not expired either. Fillers and
	// appends that took their time expire a little out of order.
	reclaimRun = 64
	// sweepRun is how many contents that have not expired the sweep passes in one Reclaim.
	sweepRun = 512
)

// position is a place in the log.
type position struct {
	shard shardlog.Shard
	slot  uint64
}

// Reclaim drops the contents that expired at or before now, and returns how many bytes of segments that freed, also where it fails. Files of
// the journal that nothing is left in are removed, and what is left in others that are mostly dropped is moved, so that they can go too.
//
// A shard's contents expire roughly in the order of their slots, so each shard is walked from its start until a run of contents has
// not expired. What expires before such a run that stands in front of it, as after a long retention was shortened, is found by a
// sweep: each call walks on a little through the log as a whole, from where the last call stopped. Contents that cannot be read
// end the walk through their shard, and are reported once all others were walked.
func (s *Store) Reclaim(ctx context.Context, now time.Time) (freed int64, err error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	if err := s.settle(ctx); err != nil {
		return 0, fmt.Errorf("reclaim: %w", err)
	}
	shards, err := s.shardKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("reclaim: %w", err)
	}
	r := reclaim{store: s, now: now}
	for _, shard := range shards {
		if _, err := r.walk(ctx, position{shard: shard}, reclaimRun); err != nil {
			return r.freed, fmt.Errorf("reclaim: %w", err)
		}
	}
	if err := r.sweep(ctx, shards); err != nil {
		return r.freed, fmt.Errorf("reclaim: %w", err)
	}
	if err := errors.Join(s.compact(ctx), s.removeUnused(ctx)); err != nil {
		return r.freed, fmt.Errorf("reclaim: %w", err)
	}
	return r.freed, errors.Join(r.unreadable...)
}

// shardKeys returns the shards that have counters, in the order of their keys.
func (s *Store) shardKeys(ctx context.Context) (shards []shardlog.Shard, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketCounters)).ForEach(func(k, _ []byte) error {
			shard, err := decodeShardKey(k)
			shards = append(shards, shard)
			return err
		})
	})
	return shards, err
}

// reclaim is one Reclaim under way.
type reclaim struct {
	store      *Store
	now        time.Time
	freed      int64
	unreadable []error
}

// sweep walks through all shards from where the last sweep stopped, until it has passed sweepRun contents or is round.
func (r *reclaim) sweep(ctx context.Context, shards []shardlog.Shard) error {
	at, first := r.store.sweptTo(), 0
	for first < len(shards) && bytes.Compare(shardKey(shards[first]), shardKey(at.shard)) < 0 {
		first++
	}
	run := sweepRun
	for i := range len(shards) + 1 {
		if run <= 0 || len(shards) == 0 {
			break
		}
		if shard := shards[(first+i)%len(shards)]; i > 0 || shard != at.shard {
			at = position{shard: shard}
		}
		w, err := r.walk(ctx, at, run)
		if err != nil {
			return err
		}
		at.slot, run = w.next, run-w.passed
	}
	r.store.setSwept(at)
	return nil
}

func (s *Store) sweptTo() position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.swept
}

func (s *Store) setSwept(at position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept = at
}

// walk drops what has expired in a shard from a slot on, until it has passed a run of contents that have not.
func (r *reclaim) walk(ctx context.Context, at position, run int) (w walked, err error) {
	w.more = true
	for w.next = at.slot; w.more; {
		if err := ctx.Err(); err != nil {
			return w, err
		}
		err := r.store.view(ctx, func(tx *bbolt.Tx) (err error) {
			w, err = findExpired(tx, at.shard, w.next, r.now, run)
			return err
		})
		if errors.Is(err, ErrCorrupt) {
			r.unreadable = append(r.unreadable, fmt.Errorf("reclaim stream id %s: %w", at.shard.StreamID, err))
			err = nil
		}
		if err == nil && len(w.expired) > 0 {
			var freed int64
			err = r.store.update(ctx, func(tx *bbolt.Tx) (changed bool, err error) {
				freed, changed, err = dropExpired(tx, at.shard, w.expired, r.now)
				return changed, err
			}, func() { r.freed += freed })
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// walked is what a part of a walk found.
type walked struct {
	expired []uint64
	next    uint64 // where to go on
	passed  int    // contents in the run that has not expired, up to next
	more    bool   // the run is not over, and neither is the shard
}

// findExpired walks from a slot on to the end of a run of contents that have not expired, or until what it found makes a transaction.
func findExpired(tx *bbolt.Tx, shard shardlog.Shard, from uint64, now time.Time, run int) (w walked, err error) {
	w.next = from
	if tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard)) == nil {
		return w, nil // its stream is being deleted, and its contents may be gone in part
	}
	for p, err := range entries(tx, shard, from, nil) {
		switch {
		case err != nil:
			w.next = p.slot + 1
			return w, err
		case w.passed == run:
			return w, nil
		case len(w.expired) == deleteChunk:
			w.more = true
			return w, nil
		case now.Before(p.Expires):
			w.passed++
		default:
			w.expired = append(w.expired, p.slot)
			w.passed = 0
		}
		w.next = p.slot + 1
	}
	return w, nil
}

// dropExpired removes those of the contents that stand and have still expired: an Extend may have come between.
func dropExpired(tx *bbolt.Tx, shard shardlog.Shard, slots []uint64, now time.Time) (freed int64, changed bool, err error) {
	log, uses := logBucket(tx), fileUses{}
	for _, slot := range slots {
		key := slotKey(shard, slot)
		raw := log.Get(key)
		if raw == nil {
			continue
		}
		e, err := decodeEntry(raw)
		if err != nil {
			return 0, false, fmt.Errorf("slot %d of shard %d: %w", slot, shard.Index, err)
		}
		if now.Before(e.Expires) {
			continue
		}
		if err := log.Delete(key); err != nil {
			return 0, false, err
		}
		uses.drop(e.place, e.length)
		freed, changed = freed+int64(e.length), true
	}
	return freed, changed, uses.store(tx)
}
