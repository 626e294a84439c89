package boltstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

const (
	// maxCommitBytes bounds the segments of one commit: how long it takes and what memory it needs.
	maxCommitBytes = 16 << 20
	// yields is how often the goroutine that commits lets others run before it cuts a commit, if any wait for a processor. One lets the writers
	// that were just answered go on, and those behind them take some more to put: three are a tenth faster than one, for 32 producers of single records and for 8
	// of 500, as commits are fewer and larger.
	yields = 3
)

// put is one call of PutOnce that waits for its commit, or of Counter, which has no content to store, or a segment that moves.
type put struct {
	ctx     context.Context
	kind    byte
	shard   shardlog.Shard
	slot    uint64
	content shardlog.Content
	old     journal.Place // where a segment that moves stands

	err  error         // the outcome, to be read once done is closed
	done chan struct{} // closed when the outcome is known
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
	return s.await(ctx, &put{ctx: ctx, kind: kindContent, shard: shard, slot: slot, content: c})
}

// await has a put committed, and returns its outcome.
func (s *Store) await(ctx context.Context, p *put) error {
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
	p.done = make(chan struct{})
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
	for {
		for range yields {
			runtime.Gosched()
		}
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
		s.committing, s.queue = false, nil
		return nil
	}
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size+len(s.queue[n].content.Packed) <= maxCommitBytes) {
		size += len(s.queue[n].content.Packed)
		n++
	}
	puts := s.queue[:n:n]
	s.queue = s.queue[n:]
	return puts
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
		close(p.done)
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
