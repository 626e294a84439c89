package shardlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"millrace/pkg/deadline"
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
	m := l.newMember(ctx, lane{shard: shard}, records)
	l.share([]*member{m})
	return m.at, m.err
}

// AppendLimited is Append of as many of the records, from the first on, as the shard's limits leave room for. It returns
// how many those are. The others are certainly not stored. An error is that of those; an *[OverLimitError] says that
// there was room for none.
func (l *Log) AppendLimited(ctx context.Context, shard Shard, records []segment.Record) (at Appended, taken int, err error) {
	m := l.newMember(ctx, lane{shard: shard, limited: true}, records)
	l.share([]*member{m})
	return m.at, m.taken, m.err
}

// attempt is a group's append under way.
type attempt struct {
	*group
	ctx  context.Context   // ends once those of all members have
	end  time.Time         // the first of the members' deadlines
	work *deadline.Context // of all but step 3, for which it leaves GiveUpTime
	stop func()            // lets go of ctx

	parts   [][]segment.Record // of each member, as many as the shard takes
	content Content
	slot    Allocation
	started time.Time
}

// append puts the parts into one slot, one after another. On a limited lane it cuts them to what the shard takes.
func (l *Log) append(t *attempt) (Appended, error) {
	for {
		if err := l.begin(t.work, t); err != nil {
			return Appended{}, err
		}
		at, again, err := l.finish(t, l.put(t))
		if !again {
			return at, err
		}
	}
}

// begin has the attempt's content ready for a slot of its own: step 1.
func (l *Log) begin(ctx context.Context, t *attempt) (err error) {
	shard, c := t.lane.shard, &t.content
	if !t.lane.limited {
		c.pack(&l.packer, t.parts)
	}
	// Stamped before the slot is handed out, so that whatever lies below an old slot is old.
	c.Arrival = l.now()
	t.started = time.Now()
	if t.slot, err = l.allocate(ctx, t.lane, c.Arrival, t.parts); err != nil {
		return fmt.Errorf("allocate a slot of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	c.pack(&l.packer, t.parts)
	c.Expires = expiry(c.Arrival, t.slot.Retention)
	return nil
}

// put is one try of step 2.
func (l *Log) put(t *attempt) error {
	return l.try(t.work, func(ctx context.Context) error { return l.store.PutOnce(ctx, t.lane.shard, t.slot.Slot, t.content) })
}

// finish goes on from the store's answer to the first put of the content until its outcome is known. Again tells that somebody else had
// filled the slot, and the attempt is to begin again.
func (l *Log) finish(t *attempt, answer error) (at Appended, again bool, err error) {
	verdict, err := l.putAgain(t, answer) // step 2
	if verdict == undecided || verdict == failed {
		verdict, err = l.giveUp(t, verdict, err) // step 3
	}
	switch {
	case verdict == filled:
		return Appended{}, true, nil
	case verdict == stored && time.Since(t.started) > longestAppend:
		return Appended{}, false, t.wrap(fmt.Errorf("%w: it was stored too late to be sure of its order", ErrUndecided))
	case verdict == stored:
		return Appended{Slot: t.slot.Slot, Arrival: t.content.Arrival}, false, nil
	default:
		return Appended{}, false, t.wrap(err)
	}
}

// letGo ends the attempt's contexts, and those within.
func (t *attempt) letGo() {
	t.work.Cancel()
	t.stop()
}

func (t *attempt) wrap(err error) error {
	return fmt.Errorf("append to shard %d of stream id %s at slot %d: %w", t.lane.shard.Index, t.lane.shard.StreamID, t.slot.Slot, err)
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

// putAgain is step 2 from the answer to its first try on: it tries until the slot's content is known, or the context ends. The error says why a
// verdict is failed or undecided.
func (l *Log) putAgain(t *attempt, answer error) (verdict, error) {
	known := failed // until a try is lost from sight
	for n := 1; ; n++ {
		var taken *SlotTakenError
		switch {
		case answer == nil:
			return stored, nil
		case errors.As(answer, &taken) && taken.Existing.Nonce == t.content.Nonce:
			return stored, nil // an earlier try was applied
		case errors.As(answer, &taken):
			return filled, nil
		case errors.Is(answer, ErrRefused):
			return known, answer
		case !errors.Is(answer, ErrThrottled):
			known = undecided
		}
		if !backoff(t.work, n) {
			return known, answer
		}
		answer = l.put(t)
	}
}

// giveUp is step 3: the writer fills its own slot, to learn what became of it, and so that no reader has to wait for it.
// It does so even where the context ended because the producer went away.
func (l *Log) giveUp(t *attempt, known verdict, cause error) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), l.options.GiveUpTime)
	defer cancel()
	filler := l.filler(t.slot.Retention)
	for n := 1; ; n++ {
		err := l.try(ctx, func(ctx context.Context) error { return l.store.PutOnce(ctx, t.lane.shard, t.slot.Slot, filler) })
		var taken *SlotTakenError
		switch {
		case err == nil:
			return failed, cause
		case errors.As(err, &taken) && taken.Existing.Nonce == t.content.Nonce:
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
