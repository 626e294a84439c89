package boltstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"millrace/pkg/shardlog"
)

// ErrClosed is wrapped by what a store answers once Close was called. Nothing was applied.
var ErrClosed = fmt.Errorf("%w: it is closed", shardlog.ErrRefused)

// Store is a [shardlog.Store] in one file. It is safe for use by many goroutines.
type Store struct {
	db    *bbolt.DB
	path  string
	slots sequencer

	writing chan struct{}  // holds one element while a write transaction runs
	commits sync.WaitGroup // the goroutine that commits puts, while there are any

	mu         sync.Mutex
	closed     bool
	broken     error // why the file is not to be trusted; nil while it is
	queue      []*put
	committing bool          // whether a goroutine takes from queue
	syncing    int           // id of the transaction that is being committed, 0 if none is
	synced     chan struct{} // closed when that commit has ended
	swept      position      // where the next Reclaim's sweep goes on
}

func newStore(db *bbolt.DB, path string) *Store {
	return &Store{db: db, path: path, writing: make(chan struct{}, 1), slots: newSequencer()}
}

// Close commits the puts that wait, waits for the calls under way, and lets go of the file. Calls that come later fail
// with [ErrClosed]. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.commits.Wait()
	if err := s.db.Close(); err != nil {
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

// update runs fn in the write transaction and commits if fn changed anything. Before a reader can see the change it calls applied,
// if given, to bring memory up to the file. If fn or the commit fails, nothing changed, unless the store is then broken.
func (s *Store) update(ctx context.Context, fn func(tx *bbolt.Tx) (changed bool, err error), applied func()) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
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
	changed, err := fn(tx)
	if err != nil || !changed {
		return err
	}
	return s.commit(tx, applied)
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
