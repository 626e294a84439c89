package shardlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

// told is what one append of a test was told, and when.
type told struct {
	at    shardlog.Appended
	taken int
	err   error
	after time.Duration
}

// crowd has appends to one shard wait behind one whose content is held back.
type crowd struct {
	*fixture
	t       *testing.T
	release chan struct{}
	start   time.Time
	wg      sync.WaitGroup
	told    []*told
}

// newCrowd starts the append that the others wait for, with n records. After its call the plan has its way with the calls that follow.
func newCrowd(t *testing.T, n int, limited bool, plan func(faultstore.Call) faultstore.Fault) *crowd {
	t.Helper()
	c := &crowd{t: t, release: make(chan struct{}), start: time.Now()}
	c.fixture = newFixture(t, 1, func(call faultstore.Call) faultstore.Fault {
		switch {
		case call.Op == faultstore.PutOnce && call.Slot == 1 && !call.Fill:
			return faultstore.Fault{Wait: func(context.Context) { <-c.release }}
		case plan != nil:
			return plan(call)
		}
		return faultstore.Fault{}
	})
	c.append(t.Context(), records(0, 0, n), limited)
	return c
}

// append starts an append and waits until nothing moves.
func (c *crowd) append(ctx context.Context, rs []segment.Record, limited bool) *told {
	c.t.Helper()
	got := &told{taken: len(rs)}
	c.told = append(c.told, got)
	c.wg.Go(func() {
		if limited {
			got.at, got.taken, got.err = c.log.AppendLimited(ctx, c.stream.Shard(0), rs)
		} else {
			got.at, got.err = c.log.Append(ctx, c.stream.Shard(0), rs)
		}
		got.after = time.Since(c.start)
	})
	synctest.Wait()
	return got
}

// end lets the first append go on, and waits for all.
func (c *crowd) end() {
	close(c.release)
	c.wg.Wait()
}

func (c *crowd) wantCalls(allocates, puts int) {
	c.t.Helper()
	if got := c.faults.Calls(); got[faultstore.Allocate] != allocates || got[faultstore.PutOnce] != puts {
		c.t.Errorf("calls %v, want %d allocations and %d puts", got, allocates, puts)
	}
}

// TestAppendsShareASlot: what waits goes together, each told its own place, in the order in which they came.
func TestAppendsShareASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		want := []string{"0/0/0"}
		for w := 1; w <= 64; w++ {
			c.append(t.Context(), records(w, 0, 1+w%3), false)
			for i := range 1 + w%3 {
				want = append(want, fmt.Sprintf("%d/0/%d", w, i))
			}
		}
		c.wantCalls(1, 1)
		c.end()
		c.wantCalls(2, 2)
		first := 0
		for w, got := range c.told[1:] {
			if got.err != nil || got.at.Slot != 2 || got.at.First != first || got.after != 0 {
				t.Errorf("append %d was told %+v, want index %d of slot 2", w+1, got, first)
			}
			first += 1 + (w+1)%3
		}
		wantData(t, readAll(t, c.reader, c.stream, 0), want...)
		// Nobody is under way any more.
		if at, err := c.log.Append(t.Context(), c.stream.Shard(0), records(65, 0, 1)); err != nil || at.Slot != 3 || at.First != 0 {
			t.Errorf("the next append: %+v, %v", at, err)
		}
	})
}

// TestGroupsAreBounded: a slot holds so many records and bytes, and what does not fit waits for nobody.
func TestGroupsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		for w := 1; w <= 3; w++ {
			c.append(t.Context(), records(w, 0, 250), false) // the third has no room beside the two
		}
		c.wantCalls(2, 2)
		for range 31 {
			c.append(t.Context(), sized(8_100), false)
		}
		c.wantCalls(2, 2)
		c.append(t.Context(), sized(8_100), false) // no room beside the third and the 31
		c.wantCalls(3, 3)
		for _, size := range []int{8_200, 5 << 20} {
			if got := c.append(t.Context(), sized(size), false); got.err != nil || got.at.First != 0 {
				t.Errorf("an append of %d bytes: %+v", size, got)
			}
		}
		if got := c.append(t.Context(), records(4, 0, 512), false); got.err != nil || got.at.First != 0 {
			t.Errorf("an append of 512 records: %+v", got)
		}
		c.wantCalls(6, 6)
		c.end()
		c.wantCalls(7, 7)
		for i, got := range c.told {
			if got.err != nil || got.after != 0 {
				t.Errorf("append %d: %+v", i, got)
			}
		}
	})
}

// TestPatience: an append waits so long for one that is stuck.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		early := c.append(t.Context(), records(1, 0, 1), false)
		time.Sleep(20 * time.Millisecond)
		late := c.append(t.Context(), records(2, 0, 1), false)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, got := range []*told{early, late} {
			if got.err != nil || got.at.Slot != 2 || got.after != 50*time.Millisecond {
				t.Errorf("told %+v, want slot 2 after 50 ms", got)
			}
		}
		next := c.append(t.Context(), records(3, 0, 1), false)
		time.Sleep(time.Second)
		synctest.Wait()
		if next.at.Slot != 3 || next.after != 1070*time.Millisecond {
			t.Errorf("the next one was told %+v, want slot 3 after 50 ms more", next)
		}
		c.end()
	})
}

// TestWaitingAppendGivesUp: an append whose producer goes away while it waits is not stored, and those beside it are. It is told so when the group
// goes, which patience bounds.
func TestWaitingAppendGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		ctx, cancel := context.WithCancel(t.Context())
		alone := c.append(ctx, records(1, 0, 2), false)
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		beside := c.append(ctx, records(2, 0, 2), false)
		cancel()
		other := c.append(t.Context(), records(3, 0, 1), false)
		c.end()
		c.wantCalls(2, 2)
		for _, gone := range []*told{alone, beside} {
			if !errors.Is(gone.err, context.Canceled) || errors.Is(gone.err, shardlog.ErrUndecided) {
				t.Errorf("it was told %+v", gone)
			}
		}
		if alone.after != 50*time.Millisecond || beside.after != time.Second {
			t.Errorf("told after %v and %v, want 50 ms and when the first was done", alone.after, beside.after)
		}
		if other.err != nil || other.at.First != 0 {
			t.Errorf("the other was told %+v", other)
		}
		wantData(t, readAll(t, c.reader, c.stream, 0), "0/0/0", "3/0/0")
	})
}

// TestAppendUnderWayGivesUp: an append whose producer goes away takes none with it, and is told the truth; when all are gone the group
// gives up.
func TestAppendUnderWayGivesUp(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			hold := make(chan struct{})
			c := newCrowd(t, 1, false, func(call faultstore.Call) faultstore.Fault {
				if call.Op == faultstore.PutOnce && call.Slot == 2 && !call.Fill {
					return faultstore.Fault{Wait: func(ctx context.Context) {
						select {
						case <-hold:
						case <-ctx.Done():
						}
					}}
				}
				return faultstore.Fault{}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			one := c.append(ctx, records(1, 0, 1), false)
			two := c.append(ctx, records(2, 0, 1), false)
			three := one
			if !all {
				three = c.append(t.Context(), records(3, 0, 1), false)
			}
			close(c.release)
			synctest.Wait() // slot 2 is under way
			cancel()
			synctest.Wait()
			close(hold)
			c.wg.Wait()
			for i, got := range []*told{one, two, three} {
				if all && (!errors.Is(got.err, context.Canceled) || errors.Is(got.err, shardlog.ErrUndecided)) {
					t.Errorf("all gone: append %d was told %+v", i, got)
				}
				if !all && (got.err != nil || got.at != shardlog.Appended{Slot: 2, First: i, Arrival: got.at.Arrival}) {
					t.Errorf("append %d was told %+v", i, got)
				}
			}
			want := []string{"0/0/0"}
			if !all {
				want = append(want, "1/0/0", "2/0/0", "3/0/0")
			}
			wantData(t, readAll(t, c.reader, c.stream, 0), want...)
		})
	}
}

// TestGroupOfDifferentDeadlines: who has no more time is told so in time, and who has goes again.
func TestGroupOfDifferentDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, func(call faultstore.Call) faultstore.Fault {
			if call.Op == faultstore.PutOnce && call.Slot == 2 && !call.Fill {
				return faultstore.Hangs
			}
			return faultstore.Fault{}
		})
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		hasty := c.append(short, records(1, 0, 1), false)
		patient := c.append(t.Context(), records(2, 0, 1), false)
		c.end()
		if hasty.err == nil || errors.Is(hasty.err, shardlog.ErrUndecided) || hasty.after > 2*time.Second {
			t.Errorf("the one with 2 s was told %+v", hasty)
		}
		if patient.err != nil || patient.at.Slot != 3 {
			t.Errorf("the other one was told %+v, want slot 3", patient)
		}
		wantData(t, readAll(t, c.reader, c.stream, 0), "0/0/0", "2/0/0")
	})
}

// TestHastyAppendsGoAlone: an append with hardly any time makes no group end early.
func TestHastyAppendsGoAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		short, cancel := context.WithTimeout(t.Context(), 1040*time.Millisecond)
		defer cancel()
		if got := c.append(short, records(1, 0, 1), false); got.err != nil || got.at.Slot != 2 || got.after != 0 {
			t.Errorf("it was told %+v", got)
		}
		c.end()
	})
}

// TestGroupFailsAlike: every append of a group is told what the group's failure means for its own records.
func TestGroupFailsAlike(t *testing.T) {
	for name, test := range map[string]struct {
		plan func(faultstore.Call) faultstore.Fault
		want error
	}{
		"throttled": {first(faultstore.Allocate, always, faultstore.Throttled), shardlog.ErrThrottled},
		"refused":   {first(faultstore.PutOnce, always, faultstore.Fault{Before: shardlog.ErrRefused}), shardlog.ErrRefused},
		"undecided": {either(first(faultstore.PutOnce, always, faultstore.Failed), fills(faultstore.Failed)), shardlog.ErrUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				armed := false
				c := newCrowd(t, 1, false, func(call faultstore.Call) faultstore.Fault {
					if !armed {
						return faultstore.Fault{}
					}
					return test.plan(call)
				})
				c.append(t.Context(), records(1, 0, 1), false)
				c.append(t.Context(), records(2, 0, 1), false)
				armed = true
				c.end()
				for i, got := range c.told[1:] {
					if !errors.Is(got.err, test.want) || errors.Is(got.err, shardlog.ErrUndecided) != (name == "undecided") {
						t.Errorf("append %d was told %+v, want %v", i, got, test.want)
					}
				}
			})
		})
	}
}

// TestGroupOnAClosingShard: the shard closes before the group has its slot; each request of it is routed again.
func TestGroupOnAClosingShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, false, nil)
		streams := shardlog.NewStreams(c.log)
		results := make([]*shardlog.Results, 8)
		for i := range results {
			c.wg.Go(func() {
				var err error
				if results[i], err = streams.Put(t.Context(), "orders", spread(4)[:2+i%3]); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		change := shardlog.Split(c.stream.Shards[0], hashkey.Uniform(4)[2].Start)
		for i := range change.Opening {
			change.Opening[i].Index, change.Opening[i].Created = uint32(1+i), time.Now()
		}
		if err := c.mem.Reshard(t.Context(), c.stream, change.Closing, change.Opening); err != nil {
			t.Fatal(err)
		}
		c.end()
		for i, rs := range results {
			wantAllStored(t, rs)
			for n, r := range rs.All() {
				if r.Shard != 1+uint32(n/2) {
					t.Errorf("record %d of request %d went to shard %d", n, i, r.Shard)
				}
			}
		}
	})
}

// TestGroupAtItsLimits: a group counts as the sum of its appends, and each is told how much of its own was taken, as if they had come
// one after another.
func TestGroupAtItsLimits(t *testing.T) {
	for name, test := range map[string]struct {
		first int
		rest  [][]segment.Record
		want  []int
	}{
		"records": {100, [][]segment.Record{records(1, 0, 200), records(2, 0, 250)}, []int{200, 250}},
		"more than the records": {200, [][]segment.Record{records(1, 0, 250), records(2, 0, 250), records(3, 0, 250), records(4, 0, 60), records(5, 0, 1)},
			[]int{250, 250, 250, 50, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, test.first, true, nil)
				for _, rs := range test.rest {
					c.append(t.Context(), rs, true)
				}
				unlimited := c.append(t.Context(), records(9, 0, 3), false)
				c.end()
				if unlimited.err != nil || unlimited.after != 0 {
					t.Errorf("one without limits was told %+v", unlimited)
				}
				for i, want := range test.want {
					got := c.told[1+i]
					if got.taken != want || overLimit(got.err) != (want == 0) || (got.err != nil) != (want == 0) {
						t.Errorf("append %d was told %+v, want %d records taken", i, got, want)
					}
				}
			})
		})
	}
}

// TestGroupTakesWhatFits: where one append's record is too large for what is left, a smaller one that came later is taken.
func TestGroupTakesWhatFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, true, nil)
		c.append(t.Context(), sized(1_000_000-5), true) // goes alone
		first := c.append(t.Context(), sized(28_000), true)
		large := c.append(t.Context(), sized(25_000, 10), true)
		small := c.append(t.Context(), sized(15_000, 15_000), true)
		c.end()
		if first.err != nil || first.taken != 1 {
			t.Errorf("the first one was told %+v", first)
		}
		if !overLimit(large.err) || large.taken != 0 {
			t.Errorf("the large one was told %+v", large)
		}
		if small.err != nil || small.taken != 1 {
			t.Errorf("the small one was told %+v", small)
		}
	})
}
