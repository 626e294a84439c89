package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// replaceShard closes a shard of a stream that was loaded and opens one with the same keys.
func replaceShard(ctx context.Context, s *boltstore.Store, stream shardlog.Stream, index uint32, now time.Time) error {
	return s.Reshard(ctx, stream, []uint32{index}, []shardlog.ShardInfo{{
		Index: uint32(len(stream.Shards)), Keys: stream.Shards[index].Keys, Created: now.UTC().Truncate(time.Second), Parents: []uint32{index},
	}})
}

func load(tb testing.TB, s *boltstore.Store, name string) shardlog.Stream {
	tb.Helper()
	stream, err := s.LoadStream(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return stream
}

func counter(tb testing.TB, s *boltstore.Store, shard shardlog.Shard) shardlog.Counter {
	tb.Helper()
	c, err := s.Counter(tb.Context(), shard)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestClosedShardAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	stream := create(t, s, "orders", "a1")
	parent := stream.Shard(0)
	mustAdd(t, s, parent, 80)
	for range 3 { // appends that are under way when the shard closes
		if _, err := s.Allocate(t.Context(), parent, time.Now(), shardlog.Usage{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := replaceShard(t.Context(), s, stream, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	want := counter(t, s, parent)
	if want.Open || want.Next != 5 {
		t.Errorf("the closed counter is %+v, want it closed with next slot 5", want)
	}
	closeChecked(t, s)
	s = open(t, dir)
	if got := counter(t, s, parent); !reflect.DeepEqual(got, want) {
		t.Errorf("the counter is %+v after opening anew, want %+v", got, want)
	}
	if _, err := s.Allocate(t.Context(), parent, time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate: %v, want ErrShardClosed", err)
	}
	if err := s.PutOnce(t.Context(), parent, 4, segment(4, 80)); err != nil {
		t.Errorf("a put at a slot below the final one: %v", err)
	}
	if err := s.PutOnce(t.Context(), parent, 5, segment(5, 80)); !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("a put at a slot that was never handed out: %v, want ErrRefused", err)
	}
	if got := slots(t, s, parent); len(got) != 2 || !got[1] || !got[4] {
		t.Errorf("slots %v have content, want 1 and 4", got)
	}
	if got := mustAdd(t, s, stream.Shard(2), 80); got != 1 {
		t.Errorf("the child starts with slot %d", got)
	}
	if c, err := s.SetRetention(t.Context(), parent, 48*time.Hour); err != nil || c.Open || c.Next != 5 || c.Retention != 48*time.Hour {
		t.Errorf("SetRetention of the closed shard: %+v, %v", c, err)
	}
}

// TestReshardFencesExactly closes a shard while goroutines allocate: the final slot is the last that one of them got.
func TestReshardFencesExactly(t *testing.T) {
	for round := range 10 {
		s := open(t, t.TempDir())
		stream := create(t, s, "orders", "a1")
		parent := stream.Shard(0)
		var last atomic.Uint64
		var g errgroup.Group
		for range 8 {
			g.Go(func() error {
				for own := uint64(0); ; {
					a, err := s.Allocate(t.Context(), parent, time.Now(), shardlog.Usage{})
					if errors.Is(err, shardlog.ErrShardClosed) {
						return nil
					}
					if err != nil || a.Slot <= own {
						return fmt.Errorf("slot %d after %d, %v", a.Slot, own, err)
					}
					own = a.Slot
					for seen := last.Load(); seen < own && !last.CompareAndSwap(seen, own); seen = last.Load() {
					}
				}
			})
		}
		for range round { // so that puts share the transactions around it
			g.Go(func() error { _, err := add(t.Context(), s, stream.Shard(1), 80); return err })
		}
		for last.Load() < 100 {
			if _, err := s.Allocate(t.Context(), stream.Shard(1), time.Now(), shardlog.Usage{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := replaceShard(t.Context(), s, stream, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if c := counter(t, s, parent); c.Open || c.Next != last.Load()+1 {
			t.Errorf("the closed counter is %+v, the last slot handed out was %d", c, last.Load())
		}
		closeChecked(t, s)
	}
}

// TestReshardThatCannotCommit has the disk full while goroutines allocate: they go on as if nothing had been.
func TestReshardThatCannotCommit(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	parent := stream.Shard(0)
	s.LimitSize(1)
	var opening []shardlog.ShardInfo
	for i, info := range storetest.NewStream("", "", shardlog.MaxReshard-1).Shards {
		info.Index = uint32(2 + i)
		opening = append(opening, info)
	}
	stop := make(chan struct{})
	var handedOut atomic.Uint64
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if _, err := s.Allocate(t.Context(), parent, time.Now(), shardlog.Usage{}); err != nil {
					return err
				}
				handedOut.Add(1)
			}
		})
	}
	for range 5 {
		err := s.Reshard(t.Context(), stream, []uint32{0}, opening)
		if !errors.Is(err, shardlog.ErrRefused) || !errors.Is(err, bolterrors.ErrMaxSizeReached) {
			t.Errorf("Reshard: %v, want ErrRefused and its cause", err)
		}
	}
	close(stop)
	if err := g.Wait(); err != nil {
		t.Fatalf("an Allocate while Reshard failed: %v", err)
	}
	s.LimitSize(0)
	if c := counter(t, s, parent); !c.Open || c.Next != handedOut.Load()+1 {
		t.Errorf("the counter is %+v after %d slots were handed out", c, handedOut.Load())
	}
	if got := load(t, s, "orders"); len(got.Shards) != 2 || !got.Shards[0].IsOpen() {
		t.Errorf("the stream is %+v, want it unchanged", got)
	}
	if _, err := s.Allocate(t.Context(), stream.Shard(2), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate on a child: %v, want ErrShardClosed", err)
	}
	if err := s.Reshard(t.Context(), stream, []uint32{0}, opening); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}

func TestReshardRefused(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	child := shardlog.ShardInfo{Index: 2, Keys: stream.Shards[0].Keys, Created: stream.Created}
	other, fewer := stream, stream
	other.ID, fewer.Shards = "b2", stream.Shards[:1]
	tests := []struct {
		name    string
		stream  shardlog.Stream
		closing []uint32
		opening []shardlog.ShardInfo
		want    error
	}{
		{"nothing opens", stream, []uint32{0}, nil, shardlog.ErrRefused},
		{"too many", stream, []uint32{0}, make([]shardlog.ShardInfo, shardlog.MaxReshard), shardlog.ErrRefused},
		{"wrong index", stream, []uint32{0}, []shardlog.ShardInfo{{Index: 3}}, shardlog.ErrRefused},
		{"another id", other, []uint32{0}, []shardlog.ShardInfo{child}, shardlog.ErrStreamChanged},
		{"another name", shardlog.Stream{Name: "x", ID: "a1", Shards: stream.Shards}, []uint32{0}, []shardlog.ShardInfo{child}, shardlog.ErrStreamChanged},
		{"fewer shards", fewer, []uint32{0}, []shardlog.ShardInfo{{Index: 1}}, shardlog.ErrStreamChanged},
		{"no such shard", stream, []uint32{0, 7}, []shardlog.ShardInfo{child}, shardlog.ErrStreamChanged},
		{"one shard twice", stream, []uint32{0, 0}, []shardlog.ShardInfo{child}, shardlog.ErrStreamChanged},
	}
	before := s.Commits()
	for _, test := range tests {
		if err := s.Reshard(t.Context(), test.stream, test.closing, test.opening); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		mustAllocate(t, s, stream.Shard(0))
	}
	if err := s.SealShard(t.Context(), stream.Shard(0), 3); !errors.Is(err, shardlog.ErrStreamChanged) {
		t.Errorf("sealing an open shard: %v, want ErrStreamChanged", err)
	}
	if got := s.Commits(); got != before {
		t.Errorf("%d transactions were committed, want none", got-before)
	}
}

func mustAllocate(tb testing.TB, s *boltstore.Store, shard shardlog.Shard) shardlog.Allocation {
	tb.Helper()
	a, err := s.Allocate(tb.Context(), shard, time.Now(), shardlog.Usage{})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// TestAllocateWaitsForTransaction has a transaction hold a shard: Allocate waits for it, or until its context ends.
func TestAllocateWaitsForTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		stream := create(t, s, "orders", "a1")
		release := s.Hold(stream.Shard(0))
		ctx, cancel := context.WithCancel(t.Context())
		abandoned, outcome := make(chan error, 1), make(chan error, 1)
		go func() { _, err := s.Allocate(ctx, stream.Shard(0), time.Now(), shardlog.Usage{}); abandoned <- err }()
		go func() {
			_, err := s.Allocate(t.Context(), stream.Shard(0), time.Now(), shardlog.Usage{})
			outcome <- err
		}()
		synctest.Wait()
		if len(abandoned)+len(outcome) != 0 {
			t.Error("a slot of a held shard was handed out")
		}
		mustAllocate(t, s, stream.Shard(1))
		cancel()
		if err := <-abandoned; !errors.Is(err, context.Canceled) {
			t.Errorf("Allocate whose context ended: %v, want context.Canceled", err)
		}
		again := s.Hold(stream.Shard(0)) // the next transaction, which starts before the first lets go
		release()
		synctest.Wait()
		if len(outcome) != 0 {
			t.Error("a slot was handed out under the second hold")
		}
		again()
		if err := <-outcome; err != nil {
			t.Errorf("Allocate once nothing holds the shard: %v", err)
		}
		if c := counter(t, s, stream.Shard(0)); c.Next != 2 {
			t.Errorf("next slot is %d, want 2", c.Next)
		}
	})
}

// TestRetentionChangesAtOneSlot changes a shard's retention while goroutines allocate: slots below the returned counter's next one
// have the old retention, the others the new one.
func TestRetentionChangesAtOneSlot(t *testing.T) {
	const after = 48 * time.Hour
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	shard := stream.Shard(0)
	got := make([][]shardlog.Allocation, 4)
	var g errgroup.Group
	var started atomic.Int64
	for i := range got {
		g.Go(func() error {
			for started.Add(1); len(got[i]) == 0 || got[i][len(got[i])-1].Retention != after; {
				a, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{})
				if err != nil {
					return err
				}
				got[i] = append(got[i], a)
			}
			return nil
		})
	}
	for started.Load() < int64(len(got)) {
		mustAllocate(t, s, stream.Shard(1))
	}
	c, err := s.SetRetention(t.Context(), shard, after)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, a := range got {
		for _, a := range a {
			if (a.Retention == after) != (a.Slot >= c.Next) {
				t.Fatalf("slot %d has retention %v, the counter's next slot was %d", a.Slot, a.Retention, c.Next)
			}
		}
	}
}

// TestCounterOutlivesCrash reads a counter of which nothing else was stored: a reader that starts there misses nothing.
func TestCounterOutlivesCrash(t *testing.T) {
	dir := t.TempDir()
	s, disk := openOn(t, dir, 0)
	shard := create(t, s, "orders", "a1").Shard(0)
	mustAdd(t, s, shard, 80)
	for range 3 {
		mustAllocate(t, s, shard)
	}
	before := disk.syncs.Load()
	want := counter(t, s, shard)
	if got := counter(t, s, shard); !reflect.DeepEqual(got, want) || disk.syncs.Load() != before+1 {
		t.Errorf("two readings gave %+v and %+v and took %d commits, want 1", want, got, disk.syncs.Load()-before)
	}
	mustAllocate(t, s, shard)
	closeChecked(t, s)
	s = open(t, dir)
	if a := mustAllocate(t, s, shard); a.Slot != want.Next {
		t.Errorf("slot %d is handed out next, the counter said %d", a.Slot, want.Next)
	}
	if _, err := s.Counter(t.Context(), shardlog.Shard{StreamID: "zz"}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Counter of no shard: %v, want ErrShardClosed", err)
	}
}
