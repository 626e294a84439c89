package shardlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
)

// Position is a place in a shard's log: before the record of that index in that slot. The zero Position is the log's
// start.
type Position struct {
	Slot  uint64
	Index int
}

// At returns the position of a record.
func At(n seqnum.Number) Position { return Position{Slot: n.Slot, Index: n.Index} }

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
	// Behind is how long ago what comes next arrived, at least a millisecond, and 0 where nothing does: at the tip.
	Behind time.Duration
	// Ended: the shard is closed, and nothing will ever come next.
	Ended bool
}

// Limits bound one [Log.Read]. A read returns at least one record where there is one to return.
type Limits struct {
	Records int
	Bytes   int       // of records, by Size
	Since   time.Time // what arrived earlier is left out; the zero Time leaves nothing out
	// Size returns what a record counts towards Bytes. Default: its data and its partition key.
	Size func(segment.Record) int
}

func dataSize(r segment.Record) int { return len(r.Data) + len(r.PartitionKey) }

// Read returns the records of a shard from a position on, in the order of their sequence numbers, without those whose
// retention has ended. It fills holes whose time has come, and never passes one that is not decided: it then returns
// what stands before it, or nothing, and reading on must wait. The same holds for a shard whose parents may still get
// records.
//
// A segment that cannot be decoded gives an error that wraps what package segment says, once everything before it was
// returned.
func (l *Log) Read(ctx context.Context, stream Stream, index uint32, from Position, limits Limits) (Read, error) {
	w := walk{log: l, stream: stream, info: stream.Shards[index], limits: limits, out: Read{Next: from}}
	if from.Slot == 0 { // no record has it
		w.out.Next = Position{Slot: 1}
	}
	if w.limits.Size == nil {
		w.limits.Size = dataSize
	}
	if err := l.sealParents(ctx, stream, w.info); err != nil {
		return w.out, err
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
	bytes  int // returned so far
	full   bool
	out    Read
}

func (w *walk) run(ctx context.Context) error {
	shard := w.stream.Shard(w.info.Index)
	sealed := false // before the last scan
	for {
		page, err := w.log.scan(ctx, shard, w.out.Next.Slot, max(w.limits.Bytes-w.bytes, 1))
		if err != nil {
			return err
		}
		done, err := w.takePage(ctx, page)
		switch {
		case err != nil || done:
			return err
		case page.More || w.out.Behind > 0: // a fill was lost: its slot has content
			w.out.Behind = 0
			continue
		case w.info.IsOpen():
			return nil
		}
		final, err := w.log.seal(ctx, w.stream, w.info)
		if err != nil {
			return err
		}
		if sealed || w.out.Next.Slot > final { // what has no content by now was dropped, or never gets an acknowledged one
			w.out.Next.Slot = max(w.out.Next.Slot, final+1)
			w.out.Ended = true
			return nil
		}
		sealed = true
	}
}

// takePage walks the contents of a page, and tells whether the read is done with them. Where it stops before one of
// them, Behind tells how old that is.
func (w *walk) takePage(ctx context.Context, page Page) (done bool, err error) {
	for _, p := range page.Contents {
		for w.out.Next.Slot < p.Slot {
			age := w.log.now().Sub(p.Arrival)
			if age < w.log.options.Grace {
				w.stopBefore(p)
				return true, nil
			}
			won, err := w.log.fill(ctx, w.stream.Shard(w.info.Index), w.out.Next.Slot, w.stream.Retention)
			if err != nil {
				w.stopBefore(p)
				return true, err
			}
			if !won {
				w.stopBefore(p)
				return false, nil
			}
			w.out.Next = Position{Slot: w.out.Next.Slot + 1}
		}
		if w.full {
			w.stopBefore(p)
			return true, nil
		}
		if err := w.take(p); err != nil {
			w.stopBefore(p)
			return true, err
		}
		if w.out.Next.Slot == p.Slot {
			w.stopBefore(p)
			return true, nil
		}
	}
	if w.full && page.More {
		w.out.Behind = time.Millisecond
		if n := len(w.out.Records); n > 0 {
			w.out.Behind = max(w.log.now().Sub(w.out.Records[n-1].Arrival), time.Millisecond)
		}
		return true, nil
	}
	return false, nil
}

func (w *walk) stopBefore(p Placed) { w.out.Behind = max(w.log.now().Sub(p.Arrival), time.Millisecond) }

// take returns the records of one content, as far as the limits allow, and moves on.
func (w *walk) take(p Placed) error {
	if p.Filler() || w.stream.Expired(p.Arrival, w.log.now()) || p.Arrival.Before(w.limits.Since) {
		w.out.Next = Position{Slot: p.Slot + 1}
		return nil
	}
	records, err := w.log.packer.Unpack(p.Packed)
	if err != nil {
		return fmt.Errorf("slot %d of shard %d of stream id %s: %w", p.Slot, w.info.Index, w.stream.ID, err)
	}
	for i := w.out.Next.Index; i < len(records); i++ {
		size := w.limits.Size(records[i])
		if n := len(w.out.Records); n == w.limits.Records || (n > 0 && w.bytes+size > w.limits.Bytes) {
			w.out.Next.Index, w.full = i, true
			return nil
		}
		w.bytes += size
		w.out.Records = append(w.out.Records, Stored{
			Record:  records[i],
			Number:  w.info.Number(p.Slot, i, p.Arrival),
			Arrival: p.Arrival,
		})
	}
	w.out.Next = Position{Slot: p.Slot + 1}
	w.full = len(w.out.Records) >= w.limits.Records || w.bytes >= w.limits.Bytes
	return nil
}

// scan is one page of a shard, tried again where the store throttles or does not answer.
func (l *Log) scan(ctx context.Context, shard Shard, from uint64, maxBytes int) (page Page, err error) {
	err = l.tryQuickly(ctx, func(ctx context.Context) (err error) {
		page, err = l.store.Scan(ctx, shard, from, maxBytes)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("read shard %d of stream id %s from slot %d: %w", shard.Index, shard.StreamID, from, err)
	}
	return page, nil
}

// fill puts a filler into a hole. It tells whether that won; otherwise something stands there after all.
func (l *Log) fill(ctx context.Context, shard Shard, slot uint64, retention time.Duration) (won bool, err error) {
	err = l.try(ctx, func(ctx context.Context) error {
		return l.store.PutOnce(ctx, shard, slot, l.filler(retention))
	})
	var taken *SlotTakenError
	if errors.As(err, &taken) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("fill slot %d of shard %d of stream id %s: %w", slot, shard.Index, shard.StreamID, err)
	}
	return true, nil
}

// Number returns the sequence number of a record of the shard.
func (s ShardInfo) Number(slot uint64, index int, arrival time.Time) seqnum.Number {
	return seqnum.Number{ShardCreated: s.Created, Shard: s.Index, Slot: slot, Index: index, Arrival: arrival.Truncate(time.Second)}
}

// Expired tells whether the retention of what arrived then has ended.
func (s Settings) Expired(arrival, now time.Time) bool {
	return !now.Before(arrival.Add(s.Retention)) || arrival.Before(s.RetainedSince)
}
