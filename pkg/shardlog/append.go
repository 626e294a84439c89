package shardlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"millrace/pkg/segment"
)

// longestAppend is how long after it asked for its slot an append is acknowledged at the latest: one that was asleep
// for longer does not know what readers were told meanwhile. See [Log.seal].
const longestAppend = skew

// Appended tells where an append put its records: record i has index First+i in the slot.
type Appended struct {
	Slot    uint64
	First   int
	Arrival time.Time // whole milliseconds
}

// Append stores 1 to [segment.MaxRecords] records in the shard, in order and together, and returns once they are
// durable. Appends that meet may share a slot.
//
// It fails with [ErrShardClosed] if the shard takes no records, with [ErrUndecided] if the records may be stored all the
// same, and with any other error, [ErrThrottled] among them, if they certainly are not.
func (l *Log) Append(ctx context.Context, shard Shard, records []segment.Record) (Appended, error) {
	at, _, err := l.share(ctx, lane{shard: shard}, records)
	return at, err
}

// AppendLimited is Append of as many of the records, from the first on, as the shard's limits leave room for. It returns
// how many those are. The others are certainly not stored. An error is that of those; an *[OverLimitError] says that
// there was room for none.
func (l *Log) AppendLimited(ctx context.Context, shard Shard, records []segment.Record) (at Appended, taken int, err error) {
	return l.share(ctx, lane{shard: shard, limited: true}, records)
}

// append puts the parts into one slot, one after another. On a limited lane it cuts them to what the shard takes. Work is the context of
// all but step 3, and ends early enough to leave GiveUpTime for that.
func (l *Log) append(ctx, work context.Context, ln lane, parts [][]segment.Record) (Appended, error) {
	shard := ln.shard
	c := Content{Nonce: newNonce()}
	if !ln.limited {
		c.pack(&l.packer, parts)
	}
	for {
		// Stamped before the slot is handed out, so that whatever lies below an old slot is old.
		c.Arrival = l.now()
		started := time.Now()
		a, err := l.allocate(work, ln, c.Arrival, parts) // step 1
		if err != nil {
			return Appended{}, fmt.Errorf("allocate a slot of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
		}
		c.pack(&l.packer, parts)
		c.Expires = expiry(c.Arrival, a.Retention)
		verdict, err := l.putOnce(work, shard, a.Slot, c) // step 2
		if verdict == undecided || verdict == failed {
			verdict, err = l.giveUp(ctx, shard, a, c.Nonce, verdict, err) // step 3
		}
		switch {
		case verdict == filled:
			continue
		case verdict == stored && time.Since(started) > longestAppend:
			return Appended{}, wrap(fmt.Errorf("%w: it was stored too late to be sure of its order", ErrUndecided), shard, a.Slot)
		case verdict == stored:
			return Appended{Slot: a.Slot, Arrival: c.Arrival}, nil
		default:
			return Appended{}, wrap(err, shard, a.Slot)
		}
	}
}

// pack makes a segment of the parts, unless it is that already.
func (c *Content) pack(packer *segment.Packer, parts [][]segment.Record) {
	count := 0
	for _, part := range parts {
		count += len(part)
	}
	if c.Count == count {
		return
	}
	records := parts[0]
	if len(parts) > 1 {
		records = slices.Concat(parts...)
	}
	c.Packed, c.Count = packer.Pack(records), count
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

// allocate is step 1. On a limited lane it cuts the parts to what the shard takes.
func (l *Log) allocate(ctx context.Context, ln lane, now time.Time, parts [][]segment.Record) (a Allocation, err error) {
	if !ln.limited {
		return l.allocateFor(ctx, ln.shard, now, Usage{})
	}
	u := cut(parts, unused())
	for range limitTries {
		a, err = l.allocateFor(ctx, ln.shard, now, u)
		var over *OverLimitError
		if !errors.As(err, &over) {
			return a, err
		}
		if u = cut(parts, over.Left); u.Records == 0 {
			return Allocation{}, err
		}
	}
	cut(parts, Usage{})
	return Allocation{}, err
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
