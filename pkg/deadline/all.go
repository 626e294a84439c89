package deadline

import (
	"context"
	"sync"
	"time"
)

// Shared is a context for what is done for several callers at once. It asks their contexts when it is asked whether it has ended, and is
// known to them only once somebody waits for that. It is safe for use by many goroutines.
type Shared struct {
	parents []context.Context

	mu     sync.Mutex
	err    error              // why it ended; nil: that was not seen
	waited context.Context    // ends when this one does; nil until somebody waits
	stops  []func() bool      // of what has waited end
	cancel context.CancelFunc // of waited
}

var _ context.Context = (*Shared)(nil)

// All returns a context that has the values of the first of the parents, no deadline, and is cancelled once all parents have ended. It must be
// cancelled once it is no longer needed.
func All(parents []context.Context) *Shared { return &Shared{parents: parents} }

// Cancel ends the context, unless it has ended.
func (s *Shared) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// end is Cancel. The caller holds mu.
func (s *Shared) end() {
	if s.err != nil {
		return
	}
	s.err = context.Canceled
	if s.waited == nil {
		return
	}
	for _, stop := range s.stops {
		stop()
	}
	s.cancel()
}

// Deadline implements [context.Context].
func (s *Shared) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (s *Shared) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waited != nil {
		return s.waited.Done()
	}
	s.waited, s.cancel = context.WithCancel(context.WithoutCancel(s.parents[0]))
	if s.err != nil {
		s.cancel()
		return s.waited.Done()
	}
	for _, parent := range s.parents {
		s.stops = append(s.stops, context.AfterFunc(parent, func() { _ = s.Err() }))
	}
	return s.waited.Done()
}

// Err implements [context.Context].
func (s *Shared) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, parent := range s.parents {
		if s.err != nil || parent.Err() == nil {
			return s.err
		}
	}
	s.end()
	return s.err
}

// Value implements [context.Context].
func (s *Shared) Value(key any) any {
	s.mu.Lock()
	waited := s.waited
	s.mu.Unlock()
	if waited == nil {
		return context.WithoutCancel(s.parents[0]).Value(key)
	}
	return waited.Value(key)
}
