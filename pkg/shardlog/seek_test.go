package shardlog_test

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

// clocked is a stream of one shard in a memstore, under a clock that the test moves.
type clocked struct {
	now    time.Time
	stream shardlog.Stream
	shard  shardlog.Shard
	mem    *memstore.Store
	faults *faultstore.Store
	log    *shardlog.Log
	keep   time.Duration
}

type fataler interface{ Fatal(...any) }

func newClocked(t *testing.T, keep time.Duration) *clocked {
	c := &clocked{now: epoch(), stream: storetest.NewStream("orders", "a1", 1), mem: memstore.New(), keep: keep}
	c.stream.Created, c.stream.Shards[0].Created = c.now, c.now
	c.shard = c.stream.Shard(0)
	c.faults = faultstore.New(c.mem, nil)
	c.log = shardlog.NewLog(c.faults, shardlog.Options{Now: func() time.Time { return c.now }})
	if err := c.mem.CreateStream(t.Context(), c.stream); err != nil {
		t.Fatal(err)
	}
	return c
}

// allocate hands out a slot to a writer whose clock is off by skew.
func (c *clocked) allocate(t *testing.T, ft fataler, skew time.Duration) kept {
	a, err := c.mem.Allocate(t.Context(), c.shard, c.now.Add(skew), shardlog.Usage{})
	if err != nil {
		ft.Fatal(err)
	}
	return kept{slot: a.Slot, arrival: c.now.Add(skew), expires: c.now.Add(skew + c.keep)}
}

func (c *clocked) put(t *testing.T, ft fataler, k kept) {
	packed := segment.Encode([]segment.Record{{PartitionKey: "k", Data: fmt.Append(nil, k.slot)}})
	content := shardlog.Content{Nonce: shardlog.Nonce{1}, Count: 1, Packed: packed, Arrival: k.arrival, Expires: k.expires}
	if err := c.mem.PutOnce(t.Context(), c.shard, k.slot, content); err != nil {
		ft.Fatal(err)
	}
}

func (c *clocked) reclaim(t *testing.T, ft fataler) {
	if _, err := c.mem.Reclaim(t.Context(), c.now); err != nil {
		ft.Fatal(err)
	}
}

// TestSeek: no slot of a record that arrived at the time or later is passed, written yet or not; what stands first at the
// position is no more than a minute older; and that takes a number of looks that grows as the logarithm of the slots.
func TestSeek(t *testing.T) {
	keep := expiryOf(t, retention)
	rapid.Check(t, func(rt *rapid.T) {
		c := newClocked(t, keep)
		var all []kept
		var contents []kept // and fillers
		n := rapid.IntRange(0, 120).Draw(rt, "slots")
		gaps := rapid.SampledFrom([]time.Duration{0, time.Second, 20 * time.Second, 10 * time.Minute, 100 * time.Minute})
		for range n {
			c.now = c.now.Add(gaps.Draw(rt, "gap"))
			k := c.allocate(t, rt, time.Duration(rapid.IntRange(-15, 15).Draw(rt, "skew"))*time.Second)
			all = append(all, k)
			switch rapid.IntRange(0, 4).Draw(rt, "fate") {
			case 0: // a hole
			case 1:
				filler := shardlog.Content{Nonce: shardlog.Nonce{2}, Arrival: k.arrival.Add(5 * time.Second), Expires: k.expires}
				if err := c.mem.PutOnce(t.Context(), c.shard, k.slot, filler); err != nil {
					rt.Fatal(err)
				}
				contents = append(contents, kept{slot: k.slot, arrival: k.arrival.Add(5 * time.Second)})
			default:
				c.put(t, rt, k)
				contents = append(contents, k)
			}
		}
		c.now = c.now.Add(gaps.Draw(rt, "gap"))
		c.reclaim(t, rt)
		since := c.now.Add(-time.Duration(rapid.IntRange(-3600, 40*3600).Draw(rt, "since")) * time.Second)
		before := c.faults.Calls()[faultstore.Peek]
		at, err := c.log.Seek(t.Context(), c.stream, 0, since)
		if err != nil {
			rt.Fatal(err)
		}
		if peeks := c.faults.Calls()[faultstore.Peek] - before; peeks > bits.Len(uint(n))+3 {
			rt.Fatalf("%d looks at %d slots", peeks, n)
		}
		if oldest := c.now.Add(-retention); since.Before(oldest) {
			since = oldest
		}
		for _, k := range all {
			if k.slot < at.Slot && !k.arrival.Before(since) {
				rt.Fatalf("seeking %v passed slot %d, which arrived %v, and stands at %d", since, k.slot, k.arrival, at.Slot)
			}
		}
		for _, k := range contents {
			if k.slot >= at.Slot {
				if k.arrival.Before(since.Add(-time.Minute)) {
					rt.Fatalf("seeking %v stands before slot %d, which arrived %v", since, k.slot, k.arrival)
				}
				break
			}
		}
	})
}

// TestTrimHorizon: a reader from the oldest record on does not work its way through what was reclaimed.
func TestTrimHorizon(t *testing.T) {
	const expired, live = 100_000, 50
	c := newClocked(t, expiryOf(t, retention))
	for range expired {
		c.now = c.now.Add(400 * time.Millisecond)
		c.put(t, t, c.allocate(t, t, 0))
	}
	c.now = c.now.Add(retention + 3*time.Hour)
	c.reclaim(t, t)
	wantTrimmed := func(want int) {
		t.Helper()
		at, err := c.log.Seek(t.Context(), c.stream, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		read, err := c.log.Read(t.Context(), c.stream, 0, at, shardlog.Limits{Records: 1000, Bytes: 1 << 20})
		if err != nil || len(read.Records) != want || read.Behind != 0 {
			t.Errorf("from slot %d: %d records, behind %v, %v; want %d at the tip", at.Slot, len(read.Records), read.Behind, err, want)
		}
		if fills := c.faults.Calls()[faultstore.PutOnce]; fills != 0 {
			t.Errorf("%d fills", fills)
		}
	}
	wantTrimmed(0)
	for range live {
		c.now = c.now.Add(time.Second)
		c.put(t, t, c.allocate(t, t, 0))
	}
	wantTrimmed(live)
	c.now = c.now.Add(10 * time.Hour)
	c.put(t, t, c.allocate(t, t, 0))
	wantTrimmed(live + 1)
	if n := c.faults.Calls()[faultstore.Peek]; n > 3*20 {
		t.Errorf("%d looks", n)
	}
}

// TestInFlightBehindReclaimed: a slot that was handed out and has no content yet looks like one whose content was dropped, and
// must not be taken for it.
func TestInFlightBehindReclaimed(t *testing.T) {
	for _, followed := range []bool{false, true} {
		t.Run(fmt.Sprintf("followed %v", followed), func(t *testing.T) {
			c := newClocked(t, expiryOf(t, retention))
			for range 1000 {
				c.now = c.now.Add(time.Second)
				c.put(t, t, c.allocate(t, t, 0))
			}
			c.now = c.now.Add(retention + 3*time.Hour)
			c.reclaim(t, t)
			slow := c.allocate(t, t, 0)
			if followed {
				c.now = c.now.Add(time.Second)
				c.put(t, t, c.allocate(t, t, 0))
			}
			for _, since := range []time.Time{{}, slow.arrival, slow.arrival.Add(-time.Hour)} {
				at, err := c.log.Seek(t.Context(), c.stream, 0, since)
				if err != nil || at.Slot != slow.slot {
					t.Errorf("seeking %v stands at slot %d, %v; want %d", since, at.Slot, err, slow.slot)
				}
			}
			c.put(t, t, slow)
			read, err := c.log.Read(t.Context(), c.stream, 0, shardlog.Position{Slot: slow.slot}, shardlog.Limits{Records: 9, Bytes: 1 << 20})
			if err != nil || len(read.Records) == 0 || read.Records[0].Number.Slot != slow.slot {
				t.Errorf("read %+v, %v", read, err)
			}
		})
	}
}

// TestResume: a reader goes on where it stood, unless all that came next has expired meanwhile.
func TestResume(t *testing.T) {
	c := newClocked(t, expiryOf(t, retention))
	var all []kept
	for range 100 {
		c.now = c.now.Add(10 * time.Minute)
		k := c.allocate(t, t, 0)
		c.put(t, t, k)
		all = append(all, k)
	}
	resume := func(k kept) shardlog.Position {
		t.Helper()
		at, err := c.log.Resume(t.Context(), c.stream, 0, shardlog.Position{Slot: k.slot, Index: 1}, k.arrival)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if at := resume(all[3]); at != (shardlog.Position{Slot: all[3].slot, Index: 1}) {
		t.Errorf("before anything expired it resumes at %+v", at)
	}
	if n := c.faults.Calls()[faultstore.Counter]; n != 0 {
		t.Errorf("%d counters were read", n)
	}
	c.now = all[49].arrival.Add(retention)
	c.reclaim(t, t)
	if at := resume(all[3]); at.Slot <= all[3].slot || at.Slot > all[50].slot {
		t.Errorf("half of it expired: it resumes at %+v, want after %d and not after %d", at, all[3].slot, all[50].slot)
	}
	if at := resume(all[60]); at != (shardlog.Position{Slot: all[60].slot, Index: 1}) {
		t.Errorf("further on it resumes at %+v", at)
	}
	c.now = all[99].arrival.Add(retention + 5*time.Hour)
	c.reclaim(t, t)
	for _, i := range []int{3, 60, 99} {
		if at := resume(all[i]); at != (shardlog.Position{Slot: 101}) {
			t.Errorf("all of it expired: it resumes from %d at %+v, want slot 101", all[i].slot, at)
		}
	}
}

// TestTip stands behind slots that are handed out and not written yet, too.
func TestTip(t *testing.T) {
	c := newClocked(t, retention)
	for want := uint64(1); want <= 4; want++ {
		if at, err := c.log.Tip(t.Context(), c.stream, 0); err != nil || at != (shardlog.Position{Slot: want}) {
			t.Errorf("tip is %+v, %v; want slot %d", at, err, want)
		}
		k := c.allocate(t, t, 0)
		if want%2 == 0 {
			c.put(t, t, k)
		}
	}
}
