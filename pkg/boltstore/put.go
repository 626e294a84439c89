package boltstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

	told    atomic.Bool
	outcome error         // to be read once done is closed
	done    chan struct{} // closed when the outcome is known
}

// tell gives a put its outcome, unless it has one.
func (p *put) tell(outcome error) {
	if p.told.CompareAndSwap(false, true) {
		p.outcome = outcome
		close(p.done)
	}
}

// wait returns the outcome once it is known, which is not long after the context ends.
func (p *put) wait() error {
	<-p.done
	return p.outcome
}

// PutOnce implements [shardlog.Store]. The error for a slot that is taken leaves Packed out. A put for a shard that is gone with its
// stream is taken and forgotten, as if it had come before the deletion.
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := checkContent(c); err != nil {
		return err
	}
	return s.await(&put{ctx: ctx, kind: kindContent, shard: shard, slot: slot, content: c})
}

// await has a put committed, and returns its outcome.
func (s *Store) await(p *put) error {
	if err := s.enqueue(p); err != nil {
		return err
	}
	return p.wait()
}

// enqueue hands a put to the goroutine that commits, and starts it where none is at work.
func (s *Store) enqueue(p *put) error {
	p.done = make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	s.queue = append(s.queue, p)
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
	defer s.mu.Unlock()
	for _, waiting := range [][]*put{s.taken, s.queue} {
		for _, p := range waiting {
			if err := p.ctx.Err(); err != nil {
				p.tell(err)
			}
		}
	}
	s.watched = s.committing
	if s.watched {
		time.AfterFunc(watchEvery, s.watch)
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
