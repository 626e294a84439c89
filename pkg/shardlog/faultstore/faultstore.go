// Package faultstore wraps a store and makes calls fail, as real databases fail: before anything was applied, or after it
// was, with the caller told the same. It is for tests.
package faultstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"millrace/pkg/shardlog"
)

// ErrUnknown is a failure that does not tell whether the call was applied, as a lost connection is.
var ErrUnknown = errors.New("connection lost")

// Op is a call of [shardlog.Store].
type Op string

// The calls, by name.
const (
	Allocate     Op = "Allocate"
	Counter      Op = "Counter"
	PutOnce      Op = "PutOnce"
	Scan         Op = "Scan"
	Peek         Op = "Peek"
	SetRetention Op = "SetRetention"
	Extend       Op = "Extend"
	CreateStream Op = "CreateStream"
	LoadStream   Op = "LoadStream"
	ListStreams  Op = "ListStreams"
	UpdateStream Op = "UpdateStream"
	Reshard      Op = "Reshard"
	SealShard    Op = "SealShard"
	DeleteStream Op = "DeleteStream"
)

// Call is one call that the store is about to get.
type Call struct {
	Op    Op
	N     int            // how many calls of this Op came before
	Shard shardlog.Shard // of the calls on a shard
	Slot  uint64         // of the calls that name one
	Fill  bool           // PutOnce of a filler
	Name  string         // of the calls on a stream
}

// Fault says what happens to a call. The zero Fault lets it through.
type Fault struct {
	Wait   func(ctx context.Context) // runs before the call: a delay, a rendezvous, a hang
	Before error                     // the call is not applied and fails with this
	After  error                     // the call is applied and then fails with this
}

// The usual faults.
var (
	None        = Fault{}
	Throttled   = Fault{Before: shardlog.ErrThrottled}
	Failed      = Fault{Before: ErrUnknown}
	FailedAfter = Fault{After: ErrUnknown}
	Hangs       = Fault{Wait: func(ctx context.Context) { <-ctx.Done() }}
)

// Store is a [shardlog.Store] that fails on demand.
type Store struct {
	inner shardlog.Store
	plan  func(Call) Fault

	mu    sync.Mutex
	calls map[Op]int
}

// New wraps a store. The plan is asked before each call, by one goroutine at a time; nil lets every call through.
func New(inner shardlog.Store, plan func(Call) Fault) *Store {
	if plan == nil {
		plan = func(Call) Fault { return None }
	}
	return &Store{inner: inner, plan: plan, calls: map[Op]int{}}
}

// Calls returns how many calls of each kind came so far, failed ones included.
func (s *Store) Calls() map[Op]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make(map[Op]int, len(s.calls))
	for op, n := range s.calls {
		calls[op] = n
	}
	return calls
}

func (s *Store) do(ctx context.Context, call Call, apply func() error) error {
	s.mu.Lock()
	call.N = s.calls[call.Op]
	s.calls[call.Op]++
	fault := s.plan(call)
	s.mu.Unlock()
	if fault.Wait != nil {
		fault.Wait(ctx)
	}
	if fault.Before != nil {
		return fmt.Errorf("%s: %w", call.Op, fault.Before)
	}
	err := apply()
	if fault.After != nil {
		return fmt.Errorf("%s: %w", call.Op, fault.After)
	}
	return err
}
