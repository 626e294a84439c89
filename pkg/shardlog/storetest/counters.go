package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/pkg/shardlog"
)

// testCounter: a counter is as NewCounter makes it, and then as Counter.Allocate leaves it.
func testCounter(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	want := shardlog.NewCounter(stream.Created, stream.Retention)
	expectCounter(t, s, stream.Shard(0), want)
	now := stream.Created
	for range 3 {
		now = now.Add(1700 * time.Millisecond)
		allocateAt(t, s, stream.Shard(0), now)
		want = want.Allocate(now)
		expectCounter(t, s, stream.Shard(0), want)
	}
	expectCounter(t, s, stream.Shard(1), shardlog.NewCounter(stream.Created, stream.Retention))
	for _, absent := range []shardlog.Shard{stream.Shard(2), {StreamID: "zz"}} {
		if c, err := s.Counter(t.Context(), absent); !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("Counter of absent %v: %+v, error %v, want ErrShardClosed", absent, c, err)
		}
	}
}

// testCounterMarks moves the clock over hours and days, and now and then a little back, as the clocks of writers differ.
func testCounterMarks(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	want := shardlog.NewCounter(stream.Created, stream.Retention)
	now := stream.Created.Add(400 * time.Millisecond)
	steps := []time.Duration{
		0, 59 * time.Minute, time.Minute, time.Second, -20 * time.Second, 3 * time.Hour, 20 * time.Minute, 45 * time.Minute,
		23 * time.Hour, 10 * 24 * time.Hour, 30 * time.Second, -30 * time.Second, time.Hour, time.Hour,
	}
	for i := range 6 * len(steps) {
		now = now.Add(steps[i%len(steps)])
		if a := allocateAt(t, s, shard, now); a.Slot != want.Next {
			t.Fatalf("step %d: slot %d, want %d", i, a.Slot, want.Next)
		}
		want = want.Allocate(now)
		if i%5 == 0 {
			expectCounter(t, s, shard, want)
		}
	}
	expectCounter(t, s, shard, want)
	for range 50 { // more marks than are kept
		now = now.Add(61 * time.Minute)
		allocateAt(t, s, shard, now)
		want = want.Allocate(now)
	}
	expectCounter(t, s, shard, want)
	if len(want.Marks) < 20 {
		t.Errorf("%d marks: the clock did not move enough", len(want.Marks))
	}
}

// testMarkRace: writers that meet at a due mark set it once, whoever comes first.
func testMarkRace(t *testing.T, s shardlog.Store) {
	const before, writers, each = 4, 8, 5
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	start := stream.Created.Add(time.Minute)
	for range before {
		allocateAt(t, s, shard, start)
	}
	now := start.Add(90 * time.Minute)
	slots := make([][]uint64, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				a, err := allocateSoon(t.Context(), s, shard, now, shardlog.Usage{})
				if err != nil {
					errs[w] = err
					return
				}
				slots[w] = append(slots[w], a.Slot)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	all := slices.Sorted(slices.Values(slices.Concat(slots...)))
	if unique := len(slices.Compact(slices.Clone(all))); unique != writers*each {
		t.Errorf("%d slots were handed out, of which %d differ: %v", len(all), unique, all)
	}
	got, err := s.Counter(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	if got.Next <= all[len(all)-1] {
		t.Errorf("the counter's next slot is %d, %d was handed out", got.Next, all[len(all)-1])
	}
	if len(got.Marks) != 1 || got.Marks[0].Slot != before+1 || !got.Marks[0].Before.Equal(start) {
		t.Errorf("marks are %+v, want one at slot %d, before %v", got.Marks, before+1, start)
	}
}

// allocateSoon allocates as the protocol does: again where the store throttles.
func allocateSoon(
	ctx context.Context, s shardlog.Store, shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (shardlog.Allocation, error) {
	for n := 1; ; n++ {
		a, err := s.Allocate(ctx, shard, now, u)
		if !errors.Is(err, shardlog.ErrThrottled) || n == 20 {
			return a, err
		}
		pause(ctx, time.Duration(n)*5*time.Millisecond)
	}
}

func testSetRetention(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	shard := stream.Shard(0)
	now := stream.Created
	for i, retention := range []time.Duration{0, 48 * time.Hour, 8760 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		want := stream.Retention
		if retention > 0 {
			before, err := s.Counter(t.Context(), shard)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.SetRetention(t.Context(), shard, retention)
			if err != nil {
				t.Fatalf("SetRetention to %v: %v", retention, err)
			}
			expectCounter(t, s, shard, before.WithRetention(retention))
			expectCounter(t, s, shard, got)
			want = retention
		}
		now = now.Add(5 * time.Hour)
		if a := allocateAt(t, s, shard, now); a.Retention != want || a.Slot != uint64(i+1) {
			t.Errorf("allocation %d is %+v, want retention %v", i, a, want)
		}
	}
	if a := allocateAt(t, s, stream.Shard(1), now); a.Retention != stream.Retention {
		t.Errorf("the other shard's retention is %v", a.Retention)
	}
	if _, err := s.SetRetention(t.Context(), stream.Shard(2), time.Hour); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("SetRetention of an absent shard: %v, want ErrShardClosed", err)
	}
}

// testClosedCounter: a closed shard's counter is kept, its retention changes, and it stays closed.
func testClosedCounter(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	want := shardlog.NewCounter(stream.Created, stream.Retention)
	for i := range 5 {
		now := stream.Created.Add(time.Duration(i) * 40 * time.Minute)
		allocateAt(t, s, shard, now)
		want = want.Allocate(now)
	}
	split(t, s, stream, 0)
	want.Open = false
	expectCounter(t, s, shard, want)
	got, err := s.SetRetention(t.Context(), shard, 48*time.Hour)
	if err != nil || got.Open || got.Next != 6 || got.Retention != 48*time.Hour {
		t.Errorf("SetRetention of a closed shard: %+v, %v", got, err)
	}
	expectCounter(t, s, shard, got)
	expectClosed(t, s, shard)
}

func allocateAt(t *testing.T, s shardlog.Store, shard shardlog.Shard, now time.Time) shardlog.Allocation {
	t.Helper()
	a, err := s.Allocate(t.Context(), shard, now, shardlog.Usage{})
	if err != nil {
		t.Fatalf("Allocate: %v", err)
	}
	return a
}

func expectClosed(t *testing.T, s shardlog.Store, shard shardlog.Shard) {
	t.Helper()
	if a, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate on closed %v: slot %d, error %v, want ErrShardClosed", shard, a.Slot, err)
	}
}

func expectCounter(t *testing.T, s shardlog.Store, shard shardlog.Shard, want shardlog.Counter) {
	t.Helper()
	got, err := s.Counter(t.Context(), shard)
	if err != nil {
		t.Fatalf("Counter: %v", err)
	}
	if err := sameCounter(got, want); err != nil {
		t.Errorf("counter of %v: %v", shard, err)
	}
}

func sameCounter(got, want shardlog.Counter) error {
	sameMark := func(a, b shardlog.Mark) bool { return a.Slot == b.Slot && a.Before.Equal(b.Before) }
	if got.Open != want.Open || got.Next != want.Next || got.Retention != want.Retention || !got.Last.Equal(want.Last) ||
		!got.MarkDue.Equal(want.MarkDue) || !slices.EqualFunc(got.Marks, want.Marks, sameMark) {
		return fmt.Errorf("it is\n%+v, want\n%+v", got, want)
	}
	return nil
}
