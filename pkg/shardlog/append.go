package shardlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/segment"
)

// quickTries bounds what is done before anything is stored, step 1 above all, where the store throttles or does not
// answer: the producer can as well try again itself, and Kinesis too answers a throttled put at once.
const quickTries = 3

// Appended tells where an append put its records: record i has index i in the slot.
type Appended struct {
	Slot    uint64
	Arrival time.Time // whole milliseconds
}

// Append stores 1 to [segment.MaxRecords] records in the shard, in order and together, and returns once they are durable.
// Their retention ends that long after their arrival.
//
// It fails with [ErrShardClosed] if the shard takes no records, with [ErrUndecided] if the records may be stored all the same,
// and with any other error, [ErrThrottled] among them, if they certainly are not.
func (l *Log) Append(ctx context.Context, shard Shard, retention time.Duration, records []segment.Record) (Appended, error) {
	work, cancel := l.workContext(ctx)
	defer cancel()
	c := Content{Nonce: newNonce(), Packed: segment.Encode(records), Count: len(records)}
	for {
		c.Arrival, c.Expires = l.stamp(retention)
		slot, err := l.allocate(work, shard) // step 1
		if err != nil {
			return Appended{}, fmt.Errorf("allocate a slot of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
		}
		verdict, err := l.putOnce(work, shard, slot, c) // step 2
		if verdict == undecided || verdict == failed {
			verdict, err = l.giveUp(ctx, shard, slot, c.Nonce, retention, verdict, err) // step 3
		}
		switch verdict {
		case stored:
			return Appended{Slot: slot, Arrival: c.Arrival}, nil
		case filled:
			continue
		default:
			return Appended{}, wrap(err, shard, slot)
		}
	}
}

// workContext ends early enough to leave GiveUpTime for step 3.
func (l *Log) workContext(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(l.options.AppendTimeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	return context.WithDeadline(ctx, end.Add(-l.options.GiveUpTime))
}

// verdict is what a writer knows of the content of its slot.
type verdict int

const (
	undecided verdict = iota // the segment may stand there, or come to
	failed                   // the segment does not stand there, and no request that could put it there is under way
	stored                   // the segment stands there
	filled                   // a filler of somebody else's stands there
)

// allocate is step 1.
func (l *Log) allocate(ctx context.Context, shard Shard) (slot uint64, err error) {
	for n := 1; ; n++ {
		err = l.try(ctx, func(ctx context.Context) error {
			slot, err = l.store.Allocate(ctx, shard)
			return err
		})
		switch {
		case err == nil, errors.Is(err, ErrShardClosed), errors.Is(err, ErrRefused):
			return slot, err
		case n == quickTries || !backoff(ctx, n):
			return 0, err
		}
	}
}

// putOnce is step 2: it tries until the slot's content is known, or the context ends. The error says why a verdict is
// failed or undecided.
func (l *Log) putOnce(ctx context.Context, shard Shard, slot uint64, c Content) (verdict, error) {
	known := failed // until a try is lost from sight
	for n := 1; ; n++ {
		err := l.try(ctx, func(ctx context.Context) error { return l.store.PutOnce(ctx, shard, slot, c) })
		var taken *SlotTakenError
		switch {
		case err == nil:
			return stored, nil
		case errors.As(err, &taken) && taken.Existing.Nonce == c.Nonce:
			return stored, nil // an earlier try was applied
		case errors.As(err, &taken):
			return filled, nil
		case errors.Is(err, ErrRefused):
			return known, err
		case !errors.Is(err, ErrThrottled):
			known = undecided
		}
		if !backoff(ctx, n) {
			return known, err
		}
	}
}

// giveUp is step 3: the writer fills its own slot, to learn what became of it, and so that no reader has to wait for it.
// It does so even where the context ended because the producer went away.
func (l *Log) giveUp(ctx context.Context, shard Shard, slot uint64, mine Nonce, retention time.Duration, known verdict, cause error) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.options.GiveUpTime)
	defer cancel()
	filler := l.filler(retention)
	for n := 1; ; n++ {
		err := l.try(ctx, func(ctx context.Context) error { return l.store.PutOnce(ctx, shard, slot, filler) })
		var taken *SlotTakenError
		switch {
		case err == nil:
			return failed, cause
		case errors.As(err, &taken) && taken.Existing.Nonce == mine:
			return stored, nil
		case errors.As(err, &taken):
			return failed, cause
		case errors.Is(err, ErrRefused) || !backoff(ctx, n):
			if known == failed {
				return failed, cause
			}
			return undecided, fmt.Errorf("%w: %w; filling the slot: %w", ErrUndecided, cause, err)
		}
	}
}
