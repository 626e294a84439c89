package faultstore

import (
	"context"
	"sync"
	"time"

	"millrace/pkg/shardlog"
)

// answer runs one call that answers with a value: the zero value where the call fails.
func answer[T any](ctx context.Context, s *Store, call Call, apply func() (T, error)) (T, error) {
	var v T
	err := s.do(ctx, call, func() (err error) {
		v, err = apply()
		return err
	})
	if err != nil {
		v = *new(T)
	}
	return v, err
}

// Allocate implements [shardlog.Store].
func (s *Store) Allocate(
	ctx context.Context, shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (shardlog.Allocation, error) {
	return answer(ctx, s, Call{Op: Allocate, Shard: shard}, func() (shardlog.Allocation, error) {
		return s.inner.Allocate(ctx, shard, now, u)
	})
}

// Counter implements [shardlog.Store].
func (s *Store) Counter(ctx context.Context, shard shardlog.Shard) (shardlog.Counter, error) {
	return answer(ctx, s, Call{Op: Counter, Shard: shard}, func() (shardlog.Counter, error) {
		return s.inner.Counter(ctx, shard)
	})
}

// PutOnce implements [shardlog.Store].
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	return s.do(ctx, Call{Op: PutOnce, Shard: shard, Slot: slot, Fill: c.Filler()}, func() error {
		return s.inner.PutOnce(ctx, shard, slot, c)
	})
}

// Together is a [shardlog.Together] that fails on demand: of each put for itself.
type Together struct{ *Store }

// PutAll implements [shardlog.Together]. It makes the calls at one time, and tells of one after another.
func (s Together) PutAll(puts []shardlog.Put, tell func(i int, outcome error)) {
	var calls sync.WaitGroup
	telling := make(chan struct{}, 1)
	for i, p := range puts {
		calls.Go(func() {
			outcome := s.PutOnce(p.Context, p.Shard, p.Slot, p.Content)
			telling <- struct{}{}
			tell(i, outcome)
			<-telling
		})
	}
	calls.Wait()
}

// Scan implements [shardlog.Store].
func (s *Store) Scan(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	return answer(ctx, s, Call{Op: Scan, Shard: shard, Slot: from}, func() (shardlog.Page, error) {
		return s.inner.Scan(ctx, shard, from, maxBytes)
	})
}

// Peek implements [shardlog.Store].
func (s *Store) Peek(ctx context.Context, shard shardlog.Shard, from uint64) (first shardlog.Placed, found bool, err error) {
	first, err = answer(ctx, s, Call{Op: Peek, Shard: shard, Slot: from}, func() (p shardlog.Placed, err error) {
		p, found, err = s.inner.Peek(ctx, shard, from)
		return p, err
	})
	return first, found && err == nil, err
}

// SetRetention implements [shardlog.Store].
func (s *Store) SetRetention(ctx context.Context, shard shardlog.Shard, retention time.Duration) (shardlog.Counter, error) {
	return answer(ctx, s, Call{Op: SetRetention, Shard: shard}, func() (shardlog.Counter, error) {
		return s.inner.SetRetention(ctx, shard, retention)
	})
}

// Extend implements [shardlog.Store].
func (s *Store) Extend(ctx context.Context, shard shardlog.Shard, below uint64, keep time.Duration) error {
	return s.do(ctx, Call{Op: Extend, Shard: shard, Slot: below}, func() error { return s.inner.Extend(ctx, shard, below, keep) })
}

// CreateStream implements [shardlog.Store].
func (s *Store) CreateStream(ctx context.Context, stream shardlog.Stream) error {
	return s.do(ctx, Call{Op: CreateStream, Name: stream.Name}, func() error { return s.inner.CreateStream(ctx, stream) })
}

// LoadStream implements [shardlog.Store].
func (s *Store) LoadStream(ctx context.Context, name string) (shardlog.Stream, error) {
	return answer(ctx, s, Call{Op: LoadStream, Name: name}, func() (shardlog.Stream, error) { return s.inner.LoadStream(ctx, name) })
}

// ListStreams implements [shardlog.Store].
func (s *Store) ListStreams(ctx context.Context, after string, limit int) (streams []shardlog.Stream, more bool, err error) {
	streams, err = answer(ctx, s, Call{Op: ListStreams, Name: after}, func() (found []shardlog.Stream, err error) {
		found, more, err = s.inner.ListStreams(ctx, after, limit)
		return found, err
	})
	return streams, more && err == nil, err
}

// UpdateStream implements [shardlog.Store].
func (s *Store) UpdateStream(ctx context.Context, stream shardlog.Stream) error {
	return s.do(ctx, Call{Op: UpdateStream, Name: stream.Name}, func() error { return s.inner.UpdateStream(ctx, stream) })
}

// Reshard implements [shardlog.Store].
func (s *Store) Reshard(ctx context.Context, stream shardlog.Stream, closing []uint32, opening []shardlog.ShardInfo) error {
	return s.do(ctx, Call{Op: Reshard, Name: stream.Name}, func() error {
		return s.inner.Reshard(ctx, stream, closing, opening)
	})
}

// SealShard implements [shardlog.Store].
func (s *Store) SealShard(ctx context.Context, shard shardlog.Shard, final uint64) error {
	return s.do(ctx, Call{Op: SealShard, Shard: shard, Slot: final}, func() error { return s.inner.SealShard(ctx, shard, final) })
}

// DeleteStream implements [shardlog.Store].
func (s *Store) DeleteStream(ctx context.Context, name string) error {
	return s.do(ctx, Call{Op: DeleteStream, Name: name}, func() error { return s.inner.DeleteStream(ctx, name) })
}
