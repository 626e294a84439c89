package shardlog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
			log := shardlog.NewLog(f.faults, shardlog.Options{Rounds: rounds})
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

// TestRoundFails: what fails for one shard fails for none of the others of its round.
func TestRoundFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(t, 3, func(call faultstore.Call) faultstore.Fault {
			switch {
			case call.Op == faultstore.PutOnce && call.Shard.Index == 0:
				return faultstore.Fault{Wait: func(context.Context) { <-release }}
			case call.Op == faultstore.PutOnce && call.Shard.Index == 1:
				return faultstore.Fault{Before: shardlog.ErrRefused}
			}
			return faultstore.Fault{}
		})
		log := shardlog.NewLog(f.faults, shardlog.Options{Rounds: true})
		var all sync.WaitGroup
		errs := make([]error, 3)
		for shard := range uint32(3) {
			all.Go(func() { _, errs[shard] = log.Append(t.Context(), f.stream.Shard(shard), records(0, 0, 1)) })
			synctest.Wait()
		}
		close(release)
		all.Wait()
		if errs[0] != nil || !errors.Is(errs[1], shardlog.ErrRefused) || errs[2] != nil {
			t.Errorf("they were told %v, want shard 1 alone to fail", errs)
		}
	})
}
