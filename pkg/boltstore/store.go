package boltstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// ErrClosed is wrapped by what a store answers once Close was called. Nothing was applied.
var ErrClosed = fmt.Errorf("%w: it is closed", shardlog.ErrRefused)

// settleAfter is how many contents wait in the journal for the index before they are settled.
const settleAfter = 4096

// Store is a [shardlog.Store] in a directory. It is safe for use by many goroutines.
type Store struct {
	db         *bbolt.DB
	path       string
	journal    *journal.Journal
	journalDir string
	slots      sequencer
	pending    pending

	// Each holds one element while its owner is at work. Who takes both takes journaling first.
	journaling chan struct{} // what is journaled, and the counters that it goes by
	writing    chan struct{} // a write transaction

	commits  sync.WaitGroup // the goroutine that commits puts, while there are any
	settling sync.WaitGroup // the goroutine that settles, while it does

	mu         sync.Mutex
	closed     bool
	broken     error // why the file is not to be trusted; nil while it is
	queue      []*put
	taken      []*put        // of the commit under way
	watched    bool          // whether watch will look at them
	committing bool          // whether a goroutine takes from queue
	syncing    int           // id of the transaction that is being committed, 0 if none is
	synced     chan struct{} // closed when that commit has ended
	swept      position      // where the next Reclaim's sweep goes on
	settles    bool          // whether a goroutine settles
}

// Close commits the puts that wait, waits for the calls under way, and lets go of the files. Calls that come later fail
// with [ErrClosed]. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	s.commits.Wait()
	s.settling.Wait()
	if closed {
		return nil
	}
	// Where this fails, nothing is lost: the next Open settles.
	_ = s.settle(context.Background())
	if err := errors.Join(s.journal.Close(), s.db.Close()); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// ready tells whether a call may begin.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal()
}

// refusal returns why no call may begin, or nil. The caller holds mu.
func (s *Store) refusal() error {
	if s.closed {
		return ErrClosed
	}
	return s.distrust()
}

// distrust returns why the file is not to be trusted, or nil. The caller holds mu.
func (s *Store) distrust() error {
	if s.broken == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", shardlog.ErrRefused, s.broken)
}

// view runs fn in a read transaction that sees nothing but what has been synced.
func (s *Store) view(ctx context.Context, fn func(tx *bbolt.Tx) error) error {
	for {
		tx, err := s.db.Begin(false)
		if err != nil {
			return s.beginError(err)
		}
		synced, err := s.awaited(tx.ID())
		if synced == nil && err == nil {
			err = fn(tx)
		}
		// Given back before waiting: a writer that maps the file anew waits for every reader.
		if rollbackErr := tx.Rollback(); synced == nil || rollbackErr != nil {
			return errors.Join(err, rollbackErr)
		}
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaited returns what to wait for where a read transaction of that id sees a commit that is not yet synced.
func (s *Store) awaited(id int) (synced <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == s.syncing {
		return s.synced, nil
	}
	return nil, s.distrust()
}

// update runs fn in the write transaction, whose index has all that was journaled before, and commits if fn changed anything. Before a reader
// can see the change it calls applied, if given, to bring memory up to the file. If fn or the commit fails, nothing changed, unless the store is then broken.
func (s *Store) update(ctx context.Context, fn func(tx *bbolt.Tx) (changed bool, err error), applied func()) error {
	if err := acquire(ctx, s.writing); err != nil {
		return err
	}
	defer func() { <-s.writing }()
	tx, err := s.db.Begin(true)
	if err != nil {
		return s.beginError(err)
	}
	defer tx.Rollback() // does nothing once the transaction has ended
	s.mu.Lock()
	err = s.distrust()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	generations := s.pending.freeze()
	uses := fileUses{}
	for _, g := range generations {
		err = errors.Join(err, g.apply(tx, uses))
	}
	if err := errors.Join(err, uses.store(tx)); err != nil {
		return fmt.Errorf("%w: settle the journal: %w", shardlog.ErrRefused, err)
	}
	changed, err := fn(tx)
	if err != nil || !changed {
		return err
	}
	err = s.commit(tx, applied)
	if err == nil {
		s.pending.drop(len(generations))
	}
	return err
}

// updateCounters is update for what changes the counters of shards that are open: nothing is journaled meanwhile, as that goes by them.
func (s *Store) updateCounters(ctx context.Context, fn func(tx *bbolt.Tx) (changed bool, err error), applied func()) error {
	if err := acquire(ctx, s.journaling); err != nil {
		return err
	}
	defer func() { <-s.journaling }()
	return s.update(ctx, fn, applied)
}

func acquire(ctx context.Context, lock chan struct{}) error {
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle brings the index up to the journal.
func (s *Store) settle(ctx context.Context) error {
	if s.pending.count() == 0 {
		return nil
	}
	return s.update(ctx, func(*bbolt.Tx) (bool, error) { return true, nil }, nil)
}

// settleSoon settles once enough waits: beside the puts, or before the next of them where they come faster than they can be settled.
func (s *Store) settleSoon() {
	waiting := s.pending.count()
	if waiting < settleAfter {
		return
	}
	s.mu.Lock()
	under := s.settles
	s.settles = true
	s.mu.Unlock()
	if !under {
		s.settling.Go(func() {
			// Where this fails it is tried again after the next commit, and nothing is lost meanwhile.
			_ = s.settle(context.Background())
			s.mu.Lock()
			s.settles = false
			s.mu.Unlock()
		})
	}
	if waiting >= 8*settleAfter {
		s.settling.Wait()
	}
}

func (s *Store) commit(tx *bbolt.Tx, applied func()) error {
	id, done := tx.ID(), make(chan struct{})
	s.setSyncing(id, done)
	defer close(done)
	defer s.setSyncing(0, nil)
	if err := tx.Commit(); err != nil {
		return s.commitError(id, err)
	}
	if applied != nil {
		applied()
	}
	return nil
}

func (s *Store) setSyncing(id int, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncing, s.synced = id, done
}

// commitError finds out what a failed commit left behind. If the file shows none of the transaction, nothing was applied.
// Else its meta page was written but not synced, or the file cannot be read any more, and the store is broken.
func (s *Store) commitError(id int, cause error) error {
	tx, err := s.db.Begin(false)
	if err == nil {
		defer tx.Rollback()
		if tx.ID() < id {
			return fmt.Errorf("%w: write %s: %w", shardlog.ErrRefused, s.path, cause)
		}
	}
	broken := fmt.Errorf("a write to %s failed half way, and the store must be opened anew: %w", s.path, errors.Join(cause, err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
	return broken
}

// beginError explains why a transaction did not begin.
func (s *Store) beginError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return fmt.Errorf("%w: open a transaction of %s: %w", shardlog.ErrRefused, s.path, err)
}
