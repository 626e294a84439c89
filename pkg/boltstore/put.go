package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

const (
	// maxCommitBytes and maxCommitPuts bound one commit: how long it takes and what memory it needs, and by how much it brings the journal ahead of the
	// index.
	maxCommitBytes = 16 << 20
	maxCommitPuts  = 1024
	// watchEvery is how long after its context ended a put waits on at most.
	watchEvery = 100 * time.Millisecond
)

// put is one call of PutOnce that waits for its commit, or of Counter, which has no content to store, or a segment that moves.
type put struct {
	ctx     context.Context
	kind    byte
	shard   shardlog.Shard
	slot    uint64
	content shardlog.Content
	old     journal.Place // where a segment that moves stands

	err error // what the commit has for an outcome so far

	told atomic.Bool
	then func(outcome error) // called once the outcome is known
}

// tell gives a put its outcome, unless it has one.
func (p *put) tell(outcome error) {
	if p.told.CompareAndSwap(false, true) {
		p.then(outcome)
	}
}

// PutOnce implements [shardlog.Store]. The error for a slot that is taken leaves Packed out. A put for a shard that is gone with its
// stream is taken and forgotten, as if it had come before the deletion.
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	p, err := s.newPut(shardlog.Put{Context: ctx, Shard: shard, Slot: slot, Content: c})
	if err != nil {
		return err
	}
	return s.await(p)
}

// PutAll implements [shardlog.Together].
func (s *Store) PutAll(puts []shardlog.Put, tell func(i int, outcome error)) {
	var told sync.WaitGroup
	told.Add(len(puts))
	queued := make([]*put, 0, len(puts))
	for i, given := range puts {
		then := func(outcome error) {
			tell(i, outcome)
			told.Done()
		}
		p, err := s.newPut(given)
		if err != nil {
			then(err)
			continue
		}
		p.then = then
		queued = append(queued, p)
	}
	s.enqueue(queued)
	told.Wait()
}

// newPut returns the put of a content, which is to be told.
func (s *Store) newPut(given shardlog.Put) (*put, error) {
	if err := s.ready(given.Context); err != nil {
		return nil, err
	}
	if err := checkContent(given.Content); err != nil {
		return nil, err
	}
	return &put{ctx: given.Context, kind: kindContent, shard: given.Shard, slot: given.Slot, content: given.Content}, nil
}

// await has puts committed, and returns once the outcome of each is known, which is not long after its context ends: an error of one of them, or nil.
func (s *Store) await(puts ...*put) (err error) {
	outcomes := make(chan error, len(puts))
	for _, p := range puts {
		p.then = func(outcome error) { outcomes <- outcome }
	}
	s.enqueue(puts)
	for range puts {
		err = cmp.Or(err, <-outcomes)
	}
	return err
}

// enqueue hands puts to the goroutine that commits, and starts it where none is at work.
func (s *Store) enqueue(puts []*put) {
	if err := s.queuePuts(puts); err != nil {
		for _, p := range puts {
			p.tell(err)
		}
	}
}

func (s *Store) queuePuts(puts []*put) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	s.queue = append(s.queue, puts...)
	if !s.watched {
		s.watched = true
		time.AfterFunc(watchEvery, s.watch)
	}
	if !s.committing {
		s.committing = true
		s.commits.Go(s.commitQueue)
	}
	return nil
}

// commitQueue commits what waits, again and again, until nothing does.
func (s *Store) commitQueue() {
	for {
		// Lets the writers that were just answered put again before the commit is cut. More of this is no faster, neither for 32 producers of single
		// records nor for 8 of 500.
		runtime.Gosched()
		puts := s.take()
		if puts == nil {
			return
		}
		s.commitPuts(puts)
		s.settleSoon()
	}
}

// take returns the puts of the next commit, in the order in which they came, or nil if none wait.
func (s *Store) take() []*put {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.committing, s.queue, s.taken = false, nil, nil
		return nil
	}
	n, size := 0, 0
	for n < min(len(s.queue), maxCommitPuts) && (n == 0 || size+len(s.queue[n].content.Packed) <= maxCommitBytes) {
		size += len(s.queue[n].content.Packed)
		n++
	}
	s.taken = s.queue[:n:n]
	s.queue = s.queue[n:]
	return s.taken
}

// watch tells puts so whose contexts have ended while they wait, now and then for as long as any do. A timer for each of them, and for each
// append that waits, takes 5 to 8 percent of what a single put costs.
func (s *Store) watch() {
	s.mu.Lock()
	waiting := slices.Concat(s.taken, s.queue)
	s.watched = s.committing
	if s.watched {
		time.AfterFunc(watchEvery, s.watch)
	}
	s.mu.Unlock()
	for _, p := range waiting {
		if err := p.ctx.Err(); err != nil {
			p.tell(err)
		}
	}
}

// commitPuts gives each put its outcome: all with one append to the journal or, where that fails, each with its own.
func (s *Store) commitPuts(puts []*put) {
	s.journaling <- struct{}{}
	err := s.journalPuts(puts)
	<-s.journaling
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
		if p.err != nil && p.kind == kindContent {
			p.err = fmt.Errorf("store slot %d of shard %d: %w", p.slot, p.shard.Index, p.err)
		}
		p.tell(p.err)
	}
}

// journalPuts journals what can be stored of the puts, behind the counters of their shards, and sets the error of each that cannot. It
// fails if all of it does. The caller holds journaling.
func (s *Store) journalPuts(puts []*put) error {
	s.mu.Lock()
	err := s.distrust()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	b := newBatch(s)
	for _, p := range puts {
		p.err = nil
		var fits bool
		if fits, p.err = b.check(p); fits {
			b.take(p)
		}
	}
	records := b.records()
	if len(records) == 0 {
		return nil
	}
	if err := s.journal.Append(records); err != nil {
		return s.journalError(err)
	}
	s.pending.add(b.journaled(records), s.journal.End())
	s.slots.noteStored(b.stored)
	return nil
}

// journalError tells what a failed append left behind: nothing, unless the journal is broken, and the store with it.
func (s *Store) journalError(cause error) error {
	if !errors.Is(cause, journal.ErrBroken) {
		return fmt.Errorf("%w: %w", shardlog.ErrRefused, cause)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = cause
	return cause
}
