package storetest

import (
	"bytes"
	"testing"
	"time"

	"millrace/pkg/shardlog"
)

// testPeek looks at every slot of a shard with holes, fillers, and segments that a store may keep in parts.
func testPeek(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	shard := stream.Shard(0)
	expectPeek(t, s, shard, 1, nil)
	sizes := map[uint64]int{2: 100, 3: 0, 6: 1<<20 + 300, 7: 50, 9: 5<<20 + 200_000, 10: 0}
	placed := map[uint64]*shardlog.Placed{}
	for slot := uint64(1); slot <= 12; slot++ {
		allocate(t, s, shard)
		size, ok := sizes[slot]
		if !ok {
			continue
		}
		c := content(slot, size)
		if size == 0 {
			c.Count, c.Packed = 0, nil
		}
		put(t, s, shard, slot, c)
		placed[slot] = &shardlog.Placed{Slot: slot, Content: c}
	}
	var next *shardlog.Placed
	for slot := uint64(13); ; slot-- {
		if placed[slot] != nil {
			next = placed[slot]
		}
		expectPeek(t, s, shard, slot, next)
		if slot == 0 {
			break
		}
	}
	expectPeek(t, s, stream.Shard(1), 0, nil)
	expectPeek(t, s, shardlog.Shard{StreamID: "zz"}, 1, nil)
}

func expectPeek(t *testing.T, s shardlog.Store, shard shardlog.Shard, from uint64, want *shardlog.Placed) {
	t.Helper()
	got, found, err := s.Peek(t.Context(), shard, from)
	if err != nil {
		t.Fatalf("Peek from %d: %v", from, err)
	}
	if found != (want != nil) {
		t.Fatalf("Peek from %d found %v (slot %d), want %+v", from, found, got.Slot, want)
	}
	if want == nil {
		return
	}
	if len(got.Packed) > 0 {
		t.Errorf("Peek from %d returns %d packed bytes", from, len(got.Packed))
	}
	bare := *want
	got.Packed, bare.Packed = nil, nil
	expect(t, []shardlog.Placed{got}, []shardlog.Placed{bare})
}

// testExtend: Expires moves where it is to, only there, only later, and nothing else changes.
func testExtend(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	shard, other := stream.Shard(0), stream.Shard(1)
	var want []shardlog.Placed
	for slot, size := range map[uint64]int{1: 100, 2: 0, 3: 1 << 20, 5: 50, 6: 410_000, 7: 70} {
		c := content(slot, size)
		if size == 0 {
			c.Count, c.Packed = 0, nil
		}
		want = insert(want, shardlog.Placed{Slot: slot, Content: c})
	}
	for range 8 {
		allocate(t, s, shard)
	}
	for i := range want {
		if want[i].Slot == 5 {
			want[i].Expires = want[i].Expires.Add(100 * time.Hour)
		}
		put(t, s, shard, want[i].Slot, want[i].Content)
	}
	elsewhere := content(9, 100)
	put(t, s, other, allocate(t, s, other), elsewhere)
	for _, step := range []struct {
		below uint64
		keep  time.Duration
	}{
		{1, 90 * time.Hour},  // none
		{6, 12 * time.Hour},  // none: earlier
		{6, 48 * time.Hour},  // 1, 2, 3
		{6, 48 * time.Hour},  // none: again
		{6, 30 * time.Hour},  // none: earlier
		{9, 200 * time.Hour}, // all
		{100, 9000 * time.Hour},
	} {
		if err := s.Extend(t.Context(), shard, step.below, step.keep); err != nil {
			t.Fatalf("Extend below %d to %v: %v", step.below, step.keep, err)
		}
		for i, p := range want {
			// Whole seconds, whichever way a store rounds what the contract leaves open.
			if later := p.Arrival.Truncate(time.Second).Add(step.keep); p.Slot < step.below && later.After(p.Expires) {
				want[i].Expires = later
			}
		}
		expectExtended(t, scanAll(t, s, shard, 1, 64<<20), want)
		for _, p := range want {
			got, found, err := s.Peek(t.Context(), shard, p.Slot)
			if err != nil || !found || !near(got.Expires, p.Expires) {
				t.Errorf("Peek at %d: expires %v, %v, %v; want %v", p.Slot, got.Expires, found, err, p.Expires)
			}
		}
	}
	expect(t, scanAll(t, s, other, 1, 1<<20), []shardlog.Placed{{Slot: 1, Content: elsewhere}})
}

// near tells whether two times are the same but for one second up: where whole seconds are kept of a time, it may be rounded up.
func near(got, want time.Time) bool {
	over := got.Sub(want)
	return over == 0 || over == time.Second
}

func expectExtended(t *testing.T, got, want []shardlog.Placed) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d contents, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Slot != w.Slot || g.Count != w.Count || g.Nonce != w.Nonce || !bytes.Equal(g.Packed, w.Packed) || !g.Arrival.Equal(w.Arrival) {
			t.Fatalf("content %d, of slot %d, is not the one of slot %d any more", i, g.Slot, w.Slot)
		}
		if !near(g.Expires, w.Expires) {
			t.Errorf("slot %d expires %v, want %v", g.Slot, g.Expires, w.Expires)
		}
	}
}

func insert(placed []shardlog.Placed, p shardlog.Placed) []shardlog.Placed {
	i := 0
	for i < len(placed) && placed[i].Slot < p.Slot {
		i++
	}
	return append(placed[:i:i], append([]shardlog.Placed{p}, placed[i:]...)...)
}
