package shardlog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

// TestRounds: what waits for one shard's append goes together with what waits for another's, each shard's in a slot of its own.
func TestRounds(t *testing.T) {
	for _, rounds := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			held := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
			f := newFixture(t, 3, func(call faultstore.Call) faultstore.Fault {
				if call.Op == faultstore.PutOnce && call.Slot <= 2 && call.Shard.Index == 0 {
					return faultstore.Fault{Wait: func(context.Context) { <-held[call.Slot-1] }}
				}
				return faultstore.Fault{}
			})
			var store shardlog.Store = f.faults
			if rounds {
				store = faultstore.Together{Store: f.faults}
			}
			log := shardlog.NewLog(store, shardlog.Options{})
			var done [3]int
			var mu sync.Mutex
			var all sync.WaitGroup
			start := func(shard uint32) {
				all.Go(func() {
					if _, err := log.Append(t.Context(), f.stream.Shard(shard), records(int(shard), 0, 1)); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					done[shard]++
				})
				synctest.Wait()
			}
			type state struct {
				done [3]int // appends, by shard
				puts int
			}
			want := func(when string, alone, inRounds state) {
				t.Helper()
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				want := map[bool]state{false: alone, true: inRounds}[rounds]
				if got := (state{done, f.faults.Calls()[faultstore.PutOnce]}); got != want {
					t.Errorf("rounds %v, %s: %+v, want %+v", rounds, when, got, want)
				}
			}
			for _, shard := range []uint32{0, 0, 1, 1, 2, 0} {
				start(shard)
			}
			want("while the first is under way", state{[3]int{0, 2, 1}, 4}, state{[3]int{0, 0, 0}, 1})
			close(held[0])
			want("with shard 0 in its second slot", state{[3]int{1, 2, 1}, 5}, state{[3]int{1, 2, 1}, 4})
			start(1)
			want("with another for shard 1", state{[3]int{1, 3, 1}, 6}, state{[3]int{1, 2, 1}, 4})
			time.Sleep(50 * time.Millisecond)
			want("when its patience ends", state{[3]int{1, 3, 1}, 6}, state{[3]int{1, 3, 1}, 5})
			close(held[1])
			all.Wait()
			wantData(t, readAll(t, f.reader, f.stream, 0), "0/0/0", "0/0/0", "0/0/0")
		})
	}
}

// TestRequestInRounds: what one request brings to several shards goes at once where nothing is under way, and with others where something is, but
// for what is large.
func TestRequestInRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(t, 4, func(call faultstore.Call) faultstore.Fault {
			if call.Op == faultstore.PutOnce && call.N < 5 {
				return faultstore.Fault{Wait: func(context.Context) { <-release }}
			}
			return faultstore.Fault{}
		})
		streams := shardlog.NewStreams(shardlog.NewLog(faultstore.Together{Store: f.faults}, shardlog.Options{}))
		large := spread(4)
		large[3].Data = make([]byte, 10_000)
		var all sync.WaitGroup
		for i, request := range []struct {
			records []segment.Record
			puts    int // under way then
		}{{spread(4), 4}, {spread(4), 4}, {large, 5}, {spread(2), 5}} {
			all.Go(func() {
				results, err := streams.Put(t.Context(), "orders", request.records)
				if err != nil {
					t.Error(err)
					return
				}
				wantAllStored(t, results)
			})
			synctest.Wait()
			if got := f.faults.Calls()[faultstore.PutOnce]; got != request.puts {
				t.Errorf("with %d requests %d puts, want %d", i+1, got, request.puts)
			}
		}
		close(release)
		all.Wait()
		if got := f.faults.Calls()[faultstore.PutOnce]; got != 9 {
			t.Errorf("%d puts in all, want 9", got)
		}
	})
}

// TestRoundFails: what goes wrong for one shard holds up the others of its round for as long as patience at most, and each is told of its own
// alone.
func TestRoundFails(t *testing.T) {
	const patience = 50 * time.Millisecond
	fill := func(f *fixture) faultstore.Fault {
		return faultstore.Fault{Wait: func(ctx context.Context) {
			filler := shardlog.Content{Nonce: shardlog.Nonce{1}, Arrival: time.Now(), Expires: time.Now().Add(time.Hour).Truncate(time.Second)}
			if err := f.mem.PutOnce(ctx, f.stream.Shard(1), 1, filler); err != nil {
				t.Error(err)
			}
		}}
	}
	for name, test := range map[string]roundFault{
		"refused":               {op: faultstore.PutOnce, fault: with(faultstore.Fault{Before: shardlog.ErrRefused}), err: shardlog.ErrRefused},
		"failed":                {op: faultstore.PutOnce, fault: with(faultstore.Failed), slot: 1},
		"failed after":          {op: faultstore.PutOnce, fault: with(faultstore.FailedAfter), slot: 1},
		"filled":                {op: faultstore.PutOnce, fault: fill, slot: 2},
		"hangs":                 {op: faultstore.PutOnce, fault: with(faultstore.Hangs), slot: 1},
		"closed":                {op: faultstore.Allocate, fault: with(faultstore.Fault{Before: shardlog.ErrShardClosed}), slot: 1},
		"no slot for long":      {op: faultstore.Allocate, fault: with(faultstore.Hangs), calls: 2, slot: 1, held: patience},
		"no slot":               {op: faultstore.Allocate, fault: with(faultstore.Hangs), slot: 1, held: patience},
		"a slot, and not known": {op: faultstore.Allocate, fault: with(faultstore.FailedAfter), slot: 2, held: patience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRoundFails(t, test) })
		})
	}
}

// roundFault is what goes wrong for shard 1.
type roundFault struct {
	op    faultstore.Op
	fault func(*fixture) faultstore.Fault // of its first calls
	calls int                             // how many, if not one
	slot  uint64                          // what it is told
	err   error                           // or what it fails with
	held  time.Duration                   // how long the others are, at most
}

func with(f faultstore.Fault) func(*fixture) faultstore.Fault {
	return func(*fixture) faultstore.Fault { return f }
}

func testRoundFails(t *testing.T, test roundFault) {
	release, left := make(chan struct{}), max(test.calls, 1)
	var f *fixture
	f = newFixture(t, 4, func(call faultstore.Call) faultstore.Fault {
		switch {
		case call.Op == faultstore.PutOnce && call.Shard.Index == 0:
			return faultstore.Fault{Wait: func(context.Context) { <-release }}
		case call.Op == test.op && call.Shard.Index == 1 && left > 0:
			left--
			return test.fault(f)
		}
		return faultstore.Fault{}
	})
	log := shardlog.NewLog(faultstore.Together{Store: f.faults}, shardlog.Options{})
	appends := make([]told, 4)
	var released time.Time
	var all sync.WaitGroup
	for shard := range uint32(4) {
		all.Go(func() {
			got := &appends[shard]
			got.at, got.err = log.Append(t.Context(), f.stream.Shard(shard), records(int(shard), 0, 1))
			got.after = time.Since(released)
		})
		synctest.Wait()
	}
	released = time.Now()
	close(release)
	all.Wait()
	if got := appends[1]; got.at.Slot != test.slot || !errors.Is(got.err, test.err) {
		t.Errorf("shard 1 was told %+v, want slot %d, %v", got, test.slot, test.err)
	}
	for _, shard := range []int{2, 3} {
		if got := appends[shard]; got.at.Slot != 1 || got.err != nil || got.after > test.held {
			t.Errorf("shard %d was told %+v, want slot 1 within %v", shard, got, test.held)
		}
	}
}
