package shardlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
)

// Position is a place in a shard's log: before the record of that index in that slot. The zero Position is the log's start.
type Position struct {
	Slot  uint64
	Index int
}

// After returns the position behind a record.
func After(n seqnum.Number) Position { return Position{Slot: n.Slot, Index: n.Index + 1} }

// Stored is a record as it was read back.
type Stored struct {
	segment.Record
	Number  seqnum.Number
	Arrival time.Time // whole milliseconds
}

// Read is what one call of [Log.Read] found.
type Read struct {
	Records []Stored
	Next    Position // where to read on
	// Tip: nothing stood at Next or after it.
	Tip bool
	// Waiting: at Next is a hole whose writer may be alive, so that reading on must wait.
	Waiting bool
}

// Limits bound one [Log.Read]. A read returns at least one record where there is one to return.
type Limits struct {
	Records int
	Bytes   int // of packed segments
}

// Read returns the records of a shard from a position on, in the order of their sequence numbers, leaving out those whose retention
// has ended. It fills holes whose time has come, and never passes one that is not decided.
//
// A segment that cannot be decoded gives an error that wraps what package segment says, once everything before it was
// returned.
func (l *Log) Read(ctx context.Context, stream Stream, index uint32, from Position, limits Limits) (Read, error) {
	w := walk{log: l, stream: stream, info: stream.Shards[index], limits: limits, out: Read{Next: from}}
	if w.out.Next.Slot == 0 {
		w.out.Next.Slot = 1
	}
	err := w.run(ctx)
	if err != nil && len(w.out.Records) > 0 {
		return w.out, nil // what went wrong is met again at Next
	}
	return w.out, err
}

// walk is one Read under way. out.Next is where it stands.
type walk struct {
	log    *Log
	stream Stream
	info   ShardInfo
	limits Limits
	bytes  int
	out    Read
}

func (w *walk) run(ctx context.Context) error {
	for {
		var page Page
		err := w.log.try(ctx, func(ctx context.Context) (err error) {
			page, err = w.log.store.Scan(ctx, w.stream.Shard(w.info.Index), w.out.Next.Slot, max(w.limits.Bytes-w.bytes, 1))
			return err
		})
		if err != nil {
			return fmt.Errorf("read shard %d of stream id %s from slot %d: %w", w.info.Index, w.stream.ID, w.out.Next.Slot, err)
		}
		again, err := w.takePage(ctx, page)
		switch {
		case err != nil || w.out.Waiting || w.full():
			return err
		case !again && !page.More:
			w.out.Tip = true
			return nil
		}
	}
}

// takePage walks the contents of a page. Again says that the walk stopped before one of them, to be scanned again.
func (w *walk) takePage(ctx context.Context, page Page) (again bool, err error) {
	for _, p := range page.Contents {
		for w.out.Next.Slot < p.Slot {
			if w.log.options.Now().Sub(p.Arrival) < w.log.options.Grace {
				w.out.Waiting = true
				return false, nil
			}
			won, err := w.fill(ctx, w.out.Next.Slot)
			if err != nil {
				return false, err
			}
			if !won {
				return true, nil
			}
			w.out.Next = Position{Slot: w.out.Next.Slot + 1}
		}
		if err := w.take(p); err != nil {
			return false, err
		}
		if w.full() {
			return false, nil
		}
	}
	return false, nil
}

// fill puts a filler into a hole. It tells whether that won; otherwise something stands there after all.
func (w *walk) fill(ctx context.Context, slot uint64) (won bool, err error) {
	err = w.log.try(ctx, func(ctx context.Context) error {
		return w.log.store.PutOnce(ctx, w.stream.Shard(w.info.Index), slot, w.log.filler(w.stream.Retention))
	})
	var taken *SlotTakenError
	if errors.As(err, &taken) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("fill slot %d of shard %d of stream id %s: %w", slot, w.info.Index, w.stream.ID, err)
	}
	return true, nil
}

// take returns the records of one content, as far as the limits allow, and moves on.
func (w *walk) take(p Placed) error {
	if p.Filler() || !w.log.options.Now().Before(p.Expires) {
		w.out.Next = Position{Slot: p.Slot + 1}
		return nil
	}
	records, err := segment.Decode(p.Packed)
	if err != nil {
		return fmt.Errorf("slot %d of shard %d of stream id %s: %w", p.Slot, w.info.Index, w.stream.ID, err)
	}
	w.bytes += len(p.Packed)
	for i := w.out.Next.Index; i < len(records); i++ {
		if len(w.out.Records) == w.limits.Records {
			w.out.Next.Index = i
			return nil
		}
		w.out.Records = append(w.out.Records, Stored{
			Record:  records[i],
			Number:  w.info.number(p.Slot, i, p.Arrival),
			Arrival: p.Arrival,
		})
	}
	w.out.Next = Position{Slot: p.Slot + 1}
	return nil
}

func (w *walk) full() bool {
	return len(w.out.Records) >= w.limits.Records || (w.bytes >= w.limits.Bytes && len(w.out.Records) > 0)
}

// number returns the sequence number of a record of the shard.
func (s ShardInfo) number(slot uint64, index int, arrival time.Time) seqnum.Number {
	return seqnum.Number{ShardCreated: s.Created, Shard: s.Index, Slot: slot, Index: index, Arrival: arrival.Truncate(time.Second)}
}
