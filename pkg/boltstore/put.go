package boltstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

const (
	// maxCommitBytes bounds the contents of one transaction: how long a commit takes and what memory it needs.
	maxCommitBytes = 16 << 20

	// logFill is how full a leaf is left when it splits. Slots of a shard come in order, so little joins a leaf later.
	logFill = 0.9
)

// put is one call of PutOnce that waits for its commit.
type put struct {
	ctx   context.Context
	shard shardlog.Shard
	slot  uint64
	value []byte // of its own, as the caller may be gone before it is written

	err  error         // the outcome, to be read once done is closed
	done chan struct{} // closed when the outcome is known
}

// PutOnce implements [shardlog.Store]. The error for a slot that is taken leaves Packed out. A put for a shard that is gone with its
// stream is taken and forgotten, as if it had come before the deletion.
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	value, err := encodeContent(c)
	if err != nil {
		return err
	}
	p := &put{ctx: ctx, shard: shard, slot: slot, value: value, done: make(chan struct{})}
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
	for n < len(s.queue) && (n == 0 || size+len(s.queue[n].value) <= maxCommitBytes) {
		size += len(s.queue[n].value)
		n++
	}
	puts := s.queue[:n:n]
	s.queue = s.queue[n:]
	return puts
}

// commitPuts gives each put its outcome, all in one transaction or, where that fails, each in its own.
func (s *Store) commitPuts(puts []*put) {
	err := s.update(context.Background(), func(tx *bbolt.Tx) (bool, error) { return storePuts(tx, puts) }, nil)
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
		if p.err != nil {
			p.err = fmt.Errorf("store slot %d of shard %d: %w", p.slot, p.shard.Index, p.err)
		}
		close(p.done)
	}
}

// storePuts stores what can be stored of the puts, and sets the error of each that cannot. It fails if
// the transaction as a whole does.
func storePuts(tx *bbolt.Tx, puts []*put) (changed bool, err error) {
	log, counters := tx.Bucket([]byte(bucketLog)), tx.Bucket([]byte(bucketCounters))
	log.FillPercent = logFill
	next := map[shardlog.Shard]uint64{}
	for _, p := range puts {
		var fits bool
		if fits, p.err = p.check(log, counters); !fits {
			continue
		}
		if err := p.store(log); err != nil {
			return false, err
		}
		next[p.shard] = max(next[p.shard], p.slot+1)
	}
	for shard, slot := range next {
		if err := raiseCounter(counters, shard, slot); err != nil {
			return false, err
		}
	}
	return len(next) > 0, nil
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
	if _, err := decodeCounter(raw); err != nil {
		return false, err
	}
	standing := log.Get(slotKey(p.shard, p.slot, 0))
	if standing == nil {
		return true, nil
	}
	existing, _, _, err := decodeHead(standing)
	if err != nil {
		return false, err
	}
	return false, &shardlog.SlotTakenError{Existing: existing}
}

func (p *put) store(log *bbolt.Bucket) error {
	piece := 0
	for part := range slices.Chunk(p.value, pieceSize) {
		if err := log.Put(slotKey(p.shard, p.slot, piece), part); err != nil {
			return fmt.Errorf("%w: %w", shardlog.ErrRefused, err)
		}
		piece++
	}
	return nil
}

// raiseCounter brings the shard's next slot in the file to at least next.
func raiseCounter(counters *bbolt.Bucket, shard shardlog.Shard, next uint64) error {
	key := shardKey(shard)
	c, err := decodeCounter(counters.Get(key))
	if err != nil || c.next >= next {
		return err
	}
	c.next = next
	return counters.Put(key, c.encode())
}
