package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/shardlog"
)

// testLimits moves the clock about, as the clocks of several writers do, and holds each answer against Counter.Charge.
func testLimits(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	want := shardlog.NewCounter(stream.Created, stream.Retention)
	draw := rand.New(rand.NewPCG(1, 2))
	steps := []time.Duration{0, 0, 0, 0, 0, 200, 700, 1000, 1000, -1000, -1000, 2000, -2000, 4000, -4000, 20_000, 61 * 60_000}
	now, newest, refused, moved := stream.Created, stream.Created, 0, 0
	for i := range 400 {
		now = later(now.Add(steps[draw.IntN(len(steps))]*time.Millisecond), newest.Add(-shardlog.WindowSpread))
		newest = later(newest, now)
		u := shardlog.Usage{Records: 1 + draw.IntN(500), Bytes: draw.IntN(500_000)}
		if draw.IntN(8) == 0 {
			u = shardlog.Usage{} // of an append without limits
		}
		charged, wantErr := want.Charge(now, u)
		a, err := s.Allocate(t.Context(), shard, now, u)
		if left, wantLeft := leftOf(err), leftOf(wantErr); left != wantLeft || (err == nil) != (wantErr == nil) {
			t.Fatalf("step %d, %+v at %v: %+v, %v; want %v\nof %+v", i, u, now, a, err, wantErr, want)
		}
		if err != nil {
			refused++
			continue
		}
		if a.Slot != want.Next {
			t.Fatalf("step %d: slot %d, want %d", i, a.Slot, want.Next)
		}
		want = charged.Allocate(now)
		moved++
	}
	if refused < 50 || moved < 100 {
		t.Errorf("%d were refused and %d were not: nothing was tried", refused, moved)
	}
	got, err := s.Counter(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameCounter(got, want); err != nil {
		t.Error(err)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// testLimitsAfterAWrongClock: what a clock that was an hour ahead counted throttles nobody, neither now nor when it is that time.
func testLimitsAfterAWrongClock(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	now := baseTime().Add(time.Second)
	all := shardlog.Usage{Records: shardlog.LimitRecords, Bytes: 1}
	for i, at := range []time.Duration{40 * time.Minute, 0, time.Second, 40*time.Minute - 3*time.Second, 40*time.Minute - 2*time.Second} {
		if _, err := s.Allocate(t.Context(), shard, now.Add(at), all); err != nil {
			t.Errorf("allocation %d: %v", i, err)
		}
	}
}

// leftOf returns what a refusal says is left, or -1 records where it is none.
func leftOf(err error) shardlog.Usage {
	var over *shardlog.OverLimitError
	if errors.As(err, &over) {
		return over.Left
	}
	return shardlog.Usage{Records: -1}
}

// testLimitSizes: a second takes what Kinesis says it does, to the record and the byte.
func testLimitSizes(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	now := baseTime().Add(time.Second)
	const refused = -1
	for i, step := range []struct {
		pass          time.Duration
		records, size int
		left          int // records
	}{
		{0, 500, 10, 0}, {0, 499, 10, 0}, {0, 2, 0, 1}, {0, 1, 10, 0}, {0, 1, 0, refused},
		{time.Second, 1, 1<<20 + 256, 0}, {0, 1, 0, refused}, // with its key, the largest record
		{time.Second, 3, 1 << 20, 0}, {0, 1, 0, 0}, {0, 1, 1, refused},
		{time.Second, 2, 1<<20 + 1, refused}, {0, 1001, 5, refused}, {0, 1000, 5, 0},
		{2 * time.Hour, 700, 5, 0}, {0, 301, 5, refused}, {0, 300, 5, 0}, // a mark is set on the way
	} {
		now = now.Add(step.pass)
		_, err := s.Allocate(t.Context(), shard, now, shardlog.Usage{Records: step.records, Bytes: step.size})
		wantErr := step.left != 0
		var over *shardlog.OverLimitError
		if errors.As(err, &over) != wantErr || (err != nil) != wantErr {
			t.Fatalf("step %d: %v, want a refusal %v", i, err, wantErr)
		}
		if step.left > 0 && over.Left.Records != step.left {
			t.Errorf("step %d: %d records are left, want %d", i, over.Left.Records, step.left)
		}
	}
	if next := allocate(t, s, shard); next != 10 {
		t.Errorf("slot %d, want 10: refusals take none", next)
	}
}

// testLimitsRace has writers in several processes take all that a shard has, with clocks that differ.
func testLimitsRace(t *testing.T, b Backend) {
	const handles, writers = 3, 9
	for _, clocks := range []int{1, 2, 4} { // seconds that are the present one to somebody
		t.Run(fmt.Sprintf("clocks=%d", clocks), func(t *testing.T) {
			s := b.Open(t)
			shard := create(t, s, "orders", "a1", 1).Shard(0)
			stores := []shardlog.Store{s}
			for b.Join != nil && len(stores) < handles {
				stores = append(stores, b.Join(t, s))
			}
			now := baseTime().Add(time.Second)
			for range 2 {
				now = now.Add(10 * time.Second)
				var records, bytes atomic.Int64
				g, ctx := errgroup.WithContext(t.Context())
				for w := range writers {
					at := now.Add(time.Duration(w%clocks) * time.Second)
					g.Go(func() error { return takeAll(ctx, stores[w%len(stores)], shard, at, &records, &bytes) })
				}
				if err := g.Wait(); err != nil {
					t.Fatal(err)
				}
				most := int64(clocks) * shardlog.LimitRecords
				// With two seconds both are taken whole; of more, some may have passed unused.
				if n := records.Load(); n > most || (clocks <= 2 && n < most) || n < shardlog.LimitRecords {
					t.Errorf("%d records were taken in %d seconds", n, clocks)
				}
				if n := bytes.Load(); n > int64(clocks)*shardlog.LimitBytes {
					t.Errorf("%d bytes were taken in %d seconds", n, clocks)
				}
			}
		})
	}
}

// takeAll allocates at one time until not one record more is taken.
func takeAll(ctx context.Context, s shardlog.Store, shard shardlog.Shard, at time.Time, records, bytes *atomic.Int64) error {
	for n := 64; n > 0; {
		u := shardlog.Usage{Records: n, Bytes: n * 1000}
		_, err := allocateSoon(ctx, s, shard, at, u)
		var over *shardlog.OverLimitError
		switch {
		case errors.As(err, &over):
			n /= 2
		case err != nil:
			return err
		default:
			records.Add(int64(u.Records))
			bytes.Add(int64(u.Bytes))
		}
	}
	return nil
}
