package shardlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/segment"
)

// longestAppend is how long after it asked for its slot an append is acknowledged at the latest: one that was asleep
// for longer does not know what readers were told meanwhile. See [Log.seal].
const longestAppend = skew

// Appended tells where an append put its records: record i has index i in the slot.
type Appended struct {
	Slot    uint64
	Arrival time.Time // whole milliseconds
}

// Append stores 1 to [segment.MaxRecords] records in the shard, in order and together, and returns once they are
// durable.
//
// It fails with [ErrShardClosed] if the shard takes no records, with [ErrUndecided] if the records may be stored all the
// same, and with any other error, [ErrThrottled] among them, if they certainly are not.
func (l *Log) Append(ctx context.Context, shard Shard, records []segment.Record) (Appended, error) {
	a, _, err := l.append(ctx, shard, records, false)
	return a, err
}

// AppendLimited is Append of as many of the records, from the first on, as the shard's limits leave room for. It returns
// how many those are. The others are certainly not stored. An error is that of those; an *[OverLimitError] says that
// there was room for none.
func (l *Log) AppendLimited(ctx context.Context, shard Shard, records []segment.Record) (a Appended, taken int, err error) {
	return l.append(ctx, shard, records, true)
}

func (l *Log) append(ctx context.Context, shard Shard, records []segment.Record, limited bool) (at Appended, taken int, err error) {
	work, cancel := l.workContext(ctx)
	defer cancel()
	c := Content{Nonce: newNonce()}
	if !limited {
		c.Packed, c.Count = l.packer.Pack(records), len(records)
	}
	for {
		// Stamped before the slot is handed out, so that whatever lies below an old slot is old.
		c.Arrival = l.now()
		started := time.Now()
		a, n, err := l.allocate(work, shard, c.Arrival, records, limited) // step 1
		if err != nil {
			return Appended{}, n, fmt.Errorf("allocate a slot of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
		}
		if records = records[:n]; c.Count != n {
			c.Packed, c.Count = l.packer.Pack(records), n
		}
		c.Expires = expiry(c.Arrival, a.Retention)
		verdict, err := l.putOnce(work, shard, a.Slot, c) // step 2
		if verdict == undecided || verdict == failed {
			verdict, err = l.giveUp(ctx, shard, a, c.Nonce, verdict, err) // step 3
		}
		switch {
		case verdict == filled:
			continue
		case verdict == stored && time.Since(started) > longestAppend:
			return Appended{}, n, wrap(fmt.Errorf("%w: it was stored too late to be sure of its order", ErrUndecided), shard, a.Slot)
		case verdict == stored:
			return Appended{Slot: a.Slot, Arrival: c.Arrival}, n, nil
		default:
			return Appended{}, n, wrap(err, shard, a.Slot)
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

// limitTries bounds how often an append asks for less because others took of what was left.
const limitTries = 3

// allocate is step 1, for as many of the records as the shard takes. It returns how many: if it fails, how many were not refused by the limits.
func (l *Log) allocate(ctx context.Context, shard Shard, now time.Time, records []segment.Record, limited bool) (a Allocation, n int, err error) {
	if !limited {
		a, err = l.allocateFor(ctx, shard, now, Usage{})
		return a, len(records), err
	}
	n = fitting(records, unused())
	for range limitTries {
		a, err = l.allocateFor(ctx, shard, now, usageOf(records[:n]))
		var over *OverLimitError
		if !errors.As(err, &over) {
			return a, n, err
		}
		if n = fitting(records[:n], over.Left); n == 0 {
			break
		}
	}
	return Allocation{}, 0, err
}

func (l *Log) allocateFor(ctx context.Context, shard Shard, now time.Time, u Usage) (a Allocation, err error) {
	err = l.tryQuickly(ctx, func(ctx context.Context) (err error) {
		a, err = l.store.Allocate(ctx, shard, now, u)
		return err
	})
	return a, err
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
func (l *Log) giveUp(ctx context.Context, shard Shard, a Allocation, mine Nonce, known verdict, cause error) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.options.GiveUpTime)
	defer cancel()
	filler := l.filler(a.Retention)
	for n := 1; ; n++ {
		err := l.try(ctx, func(ctx context.Context) error { return l.store.PutOnce(ctx, shard, a.Slot, filler) })
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
