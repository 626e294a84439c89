package boltstore

import (
	"context"
	"sync"
	"time"

	"millrace/pkg/shardlog"
)

// sequencer hands out the slots of the shards whose counters are open in the file. Whoever holds the write transaction finds
// the same shards open here as there.
type sequencer struct {
	mu     sync.Mutex
	shards map[shardlog.Shard]*sequence
}

// sequence is an open shard's counter. It runs ahead of the one in the file by what was handed out and not stored yet.
type sequence struct {
	counter shardlog.Counter
	durable durable
	held    chan struct{} // nil, or: no slot is handed out until it is closed
}

// durable is what outlives a crash of an open shard.
type durable struct {
	next uint64 // what the next slot will be at least
	top  uint64 // no slot above it has content
}

// open lets shards hand out slots, by counters that are in the file. Whatever content they have stands below their next slots.
func (q *sequencer) open(counters map[shardlog.Shard]shardlog.Counter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for shard, c := range counters {
		q.shards[shard] = &sequence{counter: c, durable: durable{next: c.Next, top: c.Next - 1}}
	}
}

// close fences shards: no slot is handed out after it returns.
func (q *sequencer) close(shards []shardlog.Shard) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, shard := range shards {
		delete(q.shards, shard)
	}
}

// hold makes Allocate wait for the given shards until release is called, and returns the counters of those that are open. So what
// a transaction writes of them is what they are when it ends. It is called in the write transaction.
func (q *sequencer) hold(shards []shardlog.Shard) (counters map[shardlog.Shard]shardlog.Counter, release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := make(chan struct{})
	counters = map[shardlog.Shard]shardlog.Counter{}
	for _, shard := range shards {
		if seq := q.shards[shard]; seq != nil {
			seq.held = held
			counters[shard] = seq.counter
		}
	}
	return counters, func() { q.release(held) }
}

// release ends one hold. The next transaction may hold some of the shards by then.
func (q *sequencer) release(held chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, seq := range q.shards {
		if seq.held == held {
			seq.held = nil
		}
	}
	close(held)
}

// allocate returns what to wait for before trying again where the shard is held.
func (q *sequencer) allocate(
	shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (a shardlog.Allocation, held <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seq := q.shards[shard]
	switch {
	case seq == nil:
		return a, nil, shardlog.ErrShardClosed
	case seq.held != nil:
		return a, seq.held, nil
	}
	charged, err := seq.counter.Charge(now, u)
	if err != nil {
		return a, nil, err
	}
	a = shardlog.Allocation{Slot: charged.Next, Retention: charged.Retention}
	seq.counter = charged.Allocate(now)
	return a, nil, nil
}

// counter returns the counter of an open shard, and whether a crash would take back some of what it handed out.
func (q *sequencer) counter(shard shardlog.Shard) (c shardlog.Counter, ahead, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seq := q.shards[shard]
	if seq == nil {
		return c, false, false
	}
	return seq.counter, seq.counter.Next > seq.durable.next, true
}

// durable returns what is durable of an open shard.
func (q *sequencer) durable(shard shardlog.Shard) (d durable, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if seq := q.shards[shard]; seq != nil {
		return seq.durable, true
	}
	return d, false
}

// noteStored notes what has come to be durable.
func (q *sequencer) noteStored(of map[shardlog.Shard]durable) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for shard, d := range of {
		if seq := q.shards[shard]; seq != nil {
			seq.durable = d
		}
	}
}

// change replaces the counters of open shards that are held.
func (q *sequencer) change(counters map[shardlog.Shard]shardlog.Counter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for shard, c := range counters {
		seq := q.shards[shard]
		seq.counter, seq.durable.next = c, c.Next
	}
}

func newSequencer() sequencer { return sequencer{shards: map[shardlog.Shard]*sequence{}} }

// newCounters returns the counters of shards that are created with a stream, or by resharding it.
func newCounters(stream shardlog.Stream, infos []shardlog.ShardInfo) map[shardlog.Shard]shardlog.Counter {
	counters := map[shardlog.Shard]shardlog.Counter{}
	for _, info := range infos {
		counters[stream.Shard(info.Index)] = shardlog.NewCounter(info.Created, stream.Retention)
	}
	return counters
}

// Allocate implements [shardlog.Store]. It touches no disk: see "Slots and crashes" in the package's comment. While a
// transaction changes the shard's counter it waits for the outcome.
func (s *Store) Allocate(
	ctx context.Context, shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (shardlog.Allocation, error) {
	for {
		if err := s.ready(ctx); err != nil {
			return shardlog.Allocation{}, err
		}
		a, held, err := s.slots.allocate(shard, now, u)
		if err != nil || held == nil {
			return a, err
		}
		select {
		case <-held:
		case <-ctx.Done():
			return shardlog.Allocation{}, ctx.Err()
		}
	}
}
