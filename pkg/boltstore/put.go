package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

const (
	// maxCommitBytes bounds the contents of one transaction: how long a commit takes and what memory it needs.
	maxCommitBytes = 16 << 20

	// logFill is how full a leaf is left when it splits. Slots of a shard come in order, so little joins a leaf later.
	logFill = 0.9
)

// put is one call of PutOnce that waits for its commit, or of Counter, which has no content to store.
type put struct {
	ctx   context.Context
	shard shardlog.Shard
	slot  uint64
	entry []byte // what the log is to hold; nil: the shard's counter alone is stored
	large []byte // the segment that goes into a blob, of its own, as the caller may be gone before it is written; nil: there is none

	err  error         // the outcome, to be read once done is closed
	done chan struct{} // closed when the outcome is known
}

// PutOnce implements [shardlog.Store]. The error for a slot that is taken leaves Packed out. A put for a shard that is gone with its
// stream is taken and forgotten, as if it had come before the deletion.
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	p := &put{ctx: ctx, shard: shard, slot: slot}
	var err error
	if p.entry, err = encodeEntry(c); err != nil {
		return err
	}
	if len(c.Packed) > maxInline {
		p.large = bytes.Clone(c.Packed)
	}
	return s.await(ctx, p)
}

// await has a put committed, and returns its outcome.
func (s *Store) await(ctx context.Context, p *put) error {
	p.done = make(chan struct{})
	if err := s.enqueue(p); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enqueue hands a put to the goroutine that commits, and starts it where none is at work.
func (s *Store) enqueue(p *put) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	s.queue = append(s.queue, p)
	if !s.committing {
		s.committing = true
		s.commits.Go(s.commitQueue)
	}
	return nil
}

// commitQueue commits what waits, again and again, until nothing does.
func (s *Store) commitQueue() {
	for puts := s.take(); puts != nil; puts = s.take() {
		s.commitPuts(puts)
		// Lets the writers just answered put again before the next transaction is cut: it is about twice as full for that.
		runtime.Gosched()
	}
}

// take returns the puts of the next transaction, in the order in which they came, or nil if none wait.
func (s *Store) take() []*put {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.committing, s.queue = false, nil
		return nil
	}
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size+s.queue[n].size() <= maxCommitBytes) {
		size += s.queue[n].size()
		n++
	}
	puts := s.queue[:n:n]
	s.queue = s.queue[n:]
	return puts
}

// commitPuts gives each put its outcome, all in one transaction or, where that fails, each in its own.
func (s *Store) commitPuts(puts []*put) {
	var next map[shardlog.Shard]uint64
	err := s.update(context.Background(), func(tx *bbolt.Tx) (changed bool, err error) {
		next, err = s.storePuts(tx, puts)
		return len(next) > 0, err
	}, func() { s.slots.noteStored(next) })
	if len(puts) > 1 && errors.Is(err, shardlog.ErrRefused) {
		for _, p := range puts {
			s.commitPuts([]*put{p})
		}
		return
	}
	for _, p := range puts {
		if err != nil {
			p.err = err
		}
		if p.err != nil && p.entry != nil {
			p.err = fmt.Errorf("store slot %d of shard %d: %w", p.slot, p.shard.Index, p.err)
		}
		close(p.done)
	}
}

// storePuts stores what can be stored of the puts, with the counters of their shards, and sets the error of each that cannot. It
// returns the next slots of the counters that it stored, and fails if the transaction as a whole does.
func (s *Store) storePuts(tx *bbolt.Tx, puts []*put) (next map[shardlog.Shard]uint64, err error) {
	log, counters := logBucket(tx), tx.Bucket([]byte(bucketCounters))
	least, blobs := map[shardlog.Shard]uint64{}, newDrafts(tx)
	for _, p := range puts {
		var fits bool
		if p.entry == nil {
			_, fits, _ = s.slots.counter(p.shard)
		} else {
			fits, p.err = p.check(log, counters)
		}
		if !fits {
			continue
		}
		if err := p.store(log, blobs); err != nil {
			return nil, err
		}
		least[p.shard] = max(least[p.shard], p.slot+1)
	}
	if err := blobs.store(tx); err != nil {
		return nil, err
	}
	next = map[shardlog.Shard]uint64{}
	for shard, slot := range least {
		if next[shard], err = s.storeCounter(counters, shard, slot); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// check tells whether the put is to be stored; if not, the error is its outcome.
func (p *put) check(log, counters *bbolt.Bucket) (fits bool, err error) {
	if err := p.ctx.Err(); err != nil {
		return false, err
	}
	raw := counters.Get(shardKey(p.shard))
	if raw == nil {
		return false, nil
	}
	c, err := decodeCounter(raw)
	if err != nil {
		return false, err
	}
	standing := log.Get(slotKey(p.shard, p.slot))
	switch {
	case standing == nil && !c.Open && p.slot >= c.Next:
		return false, fmt.Errorf("%w: the shard is closed, and its final slot is %d", shardlog.ErrRefused, c.Next-1)
	case standing == nil:
		return true, nil
	}
	existing, err := decodeEntry(standing)
	if err != nil {
		return false, err
	}
	return false, &shardlog.SlotTakenError{Existing: existing.Content}
}

// size is how many bytes the put stores, but for keys and counters.
func (p *put) size() int { return len(p.entry) + len(p.large) }

func (p *put) store(log *bbolt.Bucket, blobs drafts) error {
	if p.entry == nil {
		return nil
	}
	if p.large != nil {
		setPlace(p.entry, blobs.add(p.shard.StreamID, p.large))
	}
	if err := log.Put(slotKey(p.shard, p.slot), p.entry); err != nil {
		return fmt.Errorf("%w: %w", shardlog.ErrRefused, err)
	}
	return nil
}

// storeCounter brings the shard's counter in the file up to the one in memory, with a next slot of at least least, and returns its
// next slot. A closed one stays as it is.
func (s *Store) storeCounter(counters *bbolt.Bucket, shard shardlog.Shard, least uint64) (next uint64, err error) {
	key := shardKey(shard)
	standing, err := decodeCounter(counters.Get(key))
	if err != nil || !standing.Open {
		return standing.Next, err
	}
	c, _, open := s.slots.counter(shard)
	if !open {
		return 0, corrupt("the counter of shard %d of stream id %s is open in the file alone", shard.Index, shard.StreamID)
	}
	c.Next = max(c.Next, standing.Next, least)
	if value := encodeCounter(c); !bytes.Equal(value, counters.Get(key)) {
		err = counters.Put(key, value)
	}
	return c.Next, err
}

// logBucket returns the log, to be written to.
func logBucket(tx *bbolt.Tx) *bbolt.Bucket {
	log := tx.Bucket([]byte(bucketLog))
	log.FillPercent = logFill
	return log
}
