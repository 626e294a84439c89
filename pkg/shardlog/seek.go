package shardlog

import (
	"context"
	"fmt"
	"time"
)

// Seek returns a position such that every record of the shard that arrived at the time since or later, and whose
// retention has not ended, stands at it or after it. It takes as many reads as the number of slots has binary digits.
func (l *Log) Seek(ctx context.Context, stream Stream, index uint32, since time.Time) (Position, error) {
	shard := stream.Shard(index)
	counter, err := l.counter(ctx, shard)
	if err != nil {
		return Position{}, err
	}
	slot, err := l.seek(ctx, shard, counter, later(since, stream.Settings.since(l.now())))
	return Position{Slot: slot}, err
}

// Tip returns the position behind every slot that the shard has handed out.
func (l *Log) Tip(ctx context.Context, stream Stream, index uint32) (Position, error) {
	counter, err := l.counter(ctx, stream.Shard(index))
	return Position{Slot: counter.Next}, err
}

// Resume returns the position to read on from where a reader once stood, which is further on where all that comes
// next has expired: what was dropped there cannot be told from holes. Arrived is when the record that it stood at or behind arrived.
func (l *Log) Resume(ctx context.Context, stream Stream, index uint32, at Position, arrived time.Time) (Position, error) {
	if !stream.Expired(arrived.Add(time.Second), l.now()) { // a second, as sequence numbers bear no more
		return at, nil
	}
	oldest, err := l.Seek(ctx, stream, index, time.Time{})
	if err != nil || oldest.Slot <= at.Slot {
		return at, err
	}
	return oldest, nil
}

// since returns the arrival time of the oldest record that is retained.
func (s Settings) since(now time.Time) time.Time {
	return later(now.Add(-s.Retention), s.RetainedSince)
}

// seek is Seek by a counter, for a time within the retention. Contents lie in the order of their arrival but for the
// difference of their writers' clocks.
func (l *Log) seek(ctx context.Context, shard Shard, counter Counter, since time.Time) (uint64, error) {
	low, high := counter.Horizon(since), counter.Next
	old := since.Add(-skew)
	for low < high {
		middle := low + (high-low)/2
		p, found, err := l.peek(ctx, shard, middle)
		if err != nil {
			return 0, err
		}
		if found && p.Slot < high && p.Arrival.Before(old) {
			low = p.Slot + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

func (l *Log) peek(ctx context.Context, shard Shard, from uint64) (p Placed, found bool, err error) {
	err = l.tryQuickly(ctx, func(ctx context.Context) (err error) {
		p, found, err = l.store.Peek(ctx, shard, from)
		return err
	})
	if err != nil {
		return Placed{}, false, fmt.Errorf("look at slot %d of shard %d of stream id %s: %w", from, shard.Index, shard.StreamID, err)
	}
	return p, found, nil
}

func (l *Log) counter(ctx context.Context, shard Shard) (c Counter, err error) {
	err = l.tryQuickly(ctx, func(ctx context.Context) (err error) {
		c, err = l.store.Counter(ctx, shard)
		return err
	})
	if err != nil {
		return Counter{}, fmt.Errorf("read the counter of shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
	}
	return c, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
