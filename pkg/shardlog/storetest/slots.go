package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/shardlog"
)

func testAllocateCountsUp(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	for want := uint64(1); want <= 5; want++ {
		if got := allocate(t, s, stream.Shard(0)); got != want {
			t.Fatalf("slot %d, want %d", got, want)
		}
	}
	if got := allocate(t, s, stream.Shard(1)); got != 1 {
		t.Errorf("the other shard's first slot is %d, want 1", got)
	}
}

func testAllocateUnique(t *testing.T, s shardlog.Store) {
	const workers, each = 8, 25
	stream := create(t, s, "orders", "a1", 1)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	g, ctx := errgroup.WithContext(t.Context())
	for range workers {
		g.Go(func() error {
			last := uint64(0)
			for range each {
				a, err := s.Allocate(ctx, stream.Shard(0), time.Now(), shardlog.Usage{})
				if err != nil {
					return err
				}
				slot := a.Slot
				if slot <= last {
					return fmt.Errorf("slot %d after %d", slot, last)
				}
				last = slot
				mu.Lock()
				if seen[slot] {
					mu.Unlock()
					return fmt.Errorf("slot %d handed out twice", slot)
				}
				seen[slot] = true
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for slot := uint64(1); slot <= workers*each; slot++ {
		if !seen[slot] {
			t.Errorf("slot %d was never handed out", slot)
		}
	}
}

func testAllocateNeedsShard(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	for _, shard := range []shardlog.Shard{stream.Shard(2), {StreamID: "zz", Index: 0}} {
		if a, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("Allocate on %v: slot %d, error %v, want ErrShardClosed", shard, a.Slot, err)
		}
	}
}

func testPutOnceKeepsFirst(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	slot := allocate(t, s, shard)
	first, second := content(1, 100), content(2, 200)
	put(t, s, shard, slot, first)
	for _, c := range []shardlog.Content{first, second, {Nonce: second.Nonce, Arrival: second.Arrival, Expires: second.Expires}} {
		err := s.PutOnce(t.Context(), shard, slot, c)
		var taken *shardlog.SlotTakenError
		if !errors.As(err, &taken) {
			t.Fatalf("second PutOnce: %v, want a SlotTakenError", err)
		}
		if taken.Existing.Nonce != first.Nonce || taken.Existing.Count != first.Count {
			t.Errorf("it names nonce %x and count %d, want those of the first", taken.Existing.Nonce, taken.Existing.Count)
		}
	}
	expect(t, scanAll(t, s, shard, 1, 1<<20), []shardlog.Placed{{Slot: slot, Content: first}})
}

func testPutOnceRace(t *testing.T, s shardlog.Store) {
	const rounds, writers = 20, 6
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	for round := range rounds {
		slot := allocate(t, s, shard)
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { errs[w] = s.PutOnce(t.Context(), shard, slot, content(uint64(round*writers+w), 50)) })
		}
		wg.Wait()
		winner := slices.Index(errs, nil)
		if winner < 0 {
			t.Fatalf("round %d: nobody won: %v", round, errs)
		}
		for w, err := range errs {
			var taken *shardlog.SlotTakenError
			if w != winner && (!errors.As(err, &taken) || taken.Existing.Nonce != content(uint64(round*writers+winner), 0).Nonce) {
				t.Fatalf("round %d: writer %d got %v, writer %d had won", round, w, err, winner)
			}
		}
		got := scanAll(t, s, shard, slot, 1<<20)
		expect(t, got, []shardlog.Placed{{Slot: slot, Content: content(uint64(round*writers+winner), 50)}})
	}
}

func testPutOnceFiller(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	slot := allocate(t, s, shard)
	filler := content(1, 0)
	filler.Count, filler.Packed = 0, nil
	put(t, s, shard, slot, filler)
	var taken *shardlog.SlotTakenError
	if err := s.PutOnce(t.Context(), shard, slot, content(2, 900_000)); !errors.As(err, &taken) {
		t.Fatalf("PutOnce over a filler: %v, want a SlotTakenError", err)
	}
	if !taken.Existing.Filler() || taken.Existing.Nonce != filler.Nonce {
		t.Errorf("existing is %+v, want the filler", taken.Existing)
	}
	next := allocate(t, s, shard)
	put(t, s, shard, next, content(3, 10))
	expect(t, scanAll(t, s, shard, 1, 1<<20), []shardlog.Placed{{Slot: slot, Content: filler}, {Slot: next, Content: content(3, 10)}})
}

func testScanOrder(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	var want []shardlog.Placed
	slots := make([]uint64, 30)
	for i := range slots {
		slots[i] = allocate(t, s, shard)
	}
	for i := len(slots) - 1; i >= 0; i -= 1 + i%3 { // some stay holes
		c := content(uint64(i), 10+i)
		put(t, s, shard, slots[i], c)
		want = append([]shardlog.Placed{{Slot: slots[i], Content: c}}, want...)
	}
	expect(t, scanAll(t, s, shard, 1, 1<<20), want)
	expect(t, scanAll(t, s, shard, 0, 1<<20), want)
	for i, p := range want {
		expect(t, scanAll(t, s, shard, p.Slot, 1<<20), want[i:])
		expect(t, scanAll(t, s, shard, p.Slot+1, 1<<20), want[i+1:])
	}
}

func testScanBounded(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	var want []shardlog.Placed
	for i := range 12 {
		slot := allocate(t, s, shard)
		c := content(uint64(i), 1000)
		put(t, s, shard, slot, c)
		want = append(want, shardlog.Placed{Slot: slot, Content: c})
	}
	for _, maxBytes := range []int{1, 999, 1000, 1001, 3500, 12_000, 100_000} {
		expect(t, scanAll(t, s, shard, 1, maxBytes), want)
	}
	page, err := s.Scan(t.Context(), shard, 1, 1)
	if err != nil || len(page.Contents) != 1 || !page.More {
		t.Errorf("a bound of 1 byte gives %d contents, more %v, error %v; want 1 with more to come", len(page.Contents), page.More, err)
	}
}

func testScanOneShard(t *testing.T, s shardlog.Store) {
	// Ids and indexes that are prefixes of each other must not run together.
	for i, id := range []string{"a", "a1", "a10"} {
		create(t, s, fmt.Sprintf("s-%d", i), id, 11)
	}
	want := map[shardlog.Shard][]shardlog.Placed{}
	seed := uint64(0)
	for _, id := range []string{"a", "a1", "a10"} {
		for _, index := range []uint32{0, 1, 10} {
			shard := shardlog.Shard{StreamID: id, Index: index}
			seed++
			slot := allocate(t, s, shard)
			put(t, s, shard, slot, content(seed, 20))
			want[shard] = []shardlog.Placed{{Slot: slot, Content: content(seed, 20)}}
		}
	}
	for shard, placed := range want {
		expect(t, scanAll(t, s, shard, 0, 1<<20), placed)
	}
	expect(t, scanAll(t, s, shardlog.Shard{StreamID: "a", Index: 2}, 0, 1<<20), nil)
}

func testLargeSegments(t *testing.T, s shardlog.Store) {
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	var want []shardlog.Placed
	for i, size := range []int{399_000, 400 * 1024, 410_000, 1<<20 + 300, 50, 5<<20 + 200_000, 60} {
		slot := allocate(t, s, shard)
		c := content(uint64(i), size)
		put(t, s, shard, slot, c)
		want = append(want, shardlog.Placed{Slot: slot, Content: c})
	}
	expect(t, scanAll(t, s, shard, 1, 64<<20), want)
	expect(t, scanAll(t, s, shard, 1, 500_000), want)
	expect(t, scanAll(t, s, shard, want[3].Slot, 1), want[3:])
}

func testEndedContext(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 1)
	slot := allocate(t, s, stream.Shard(0))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, allocErr := s.Allocate(ended, stream.Shard(0), time.Now(), shardlog.Usage{})
	_, scanErr := s.Scan(ended, stream.Shard(0), 1, 1<<20)
	_, loadErr := s.LoadStream(ended, stream.Name)
	for call, err := range map[string]error{
		"Allocate": allocErr, "Scan": scanErr, "LoadStream": loadErr,
		"PutOnce":      s.PutOnce(ended, stream.Shard(0), slot, content(1, 10)),
		"CreateStream": s.CreateStream(ended, NewStream("other", "b2", 1)),
		"DeleteStream": s.DeleteStream(ended, stream.Name),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v, want context.Canceled", call, err)
		}
	}
}

// testAppendersAndScanners has writers append while readers page through the shard: what a reader saw in one pass it sees
// again in every later one, unchanged.
func testAppendersAndScanners(t *testing.T, s shardlog.Store) {
	const writers, each = 4, 12
	shard := create(t, s, "orders", "a1", 1).Shard(0)
	g, ctx := errgroup.WithContext(t.Context())
	done := make(chan struct{})
	var written sync.WaitGroup
	for w := range writers {
		written.Add(1)
		g.Go(func() error {
			defer written.Done()
			for i := range each {
				a, err := s.Allocate(ctx, shard, time.Now(), shardlog.Usage{})
				if err != nil {
					return err
				}
				slot := a.Slot
				if err := s.PutOnce(ctx, shard, slot, content(slot, 100+w*1000+i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	go func() { written.Wait(); close(done) }()
	for range 2 {
		g.Go(func() error { return rescan(ctx, s, shard, done) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := len(scanAll(t, s, shard, 1, 64<<20)); got != writers*each {
		t.Errorf("%d contents, want %d", got, writers*each)
	}
}

func rescan(ctx context.Context, s shardlog.Store, shard shardlog.Shard, done <-chan struct{}) error {
	seen := map[uint64]shardlog.Nonce{}
	for {
		all, err := scanPages(ctx, s, shard, 1, 3000)
		if err != nil {
			return err
		}
		now := map[uint64]shardlog.Nonce{}
		for _, p := range all {
			if want := content(p.Slot, 0).Nonce; p.Nonce != want {
				return fmt.Errorf("slot %d holds nonce %x, want %x", p.Slot, p.Nonce, want)
			}
			now[p.Slot] = p.Nonce
		}
		for slot := range seen {
			if _, ok := now[slot]; !ok {
				return fmt.Errorf("slot %d was there and is gone", slot)
			}
		}
		seen = now
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
	}
}

func checkPage(page shardlog.Page, from uint64, maxBytes int) error {
	if len(page.Contents) == 0 && page.More {
		return errors.New("an empty page says that there is more")
	}
	before := 0
	for i, p := range page.Contents {
		if p.Slot < from || (i > 0 && p.Slot <= page.Contents[i-1].Slot) {
			return fmt.Errorf("slot %d is out of order or before %d", p.Slot, from)
		}
		if i > 0 && before >= maxBytes {
			return fmt.Errorf("a page bounded to %d bytes goes on after %d", maxBytes, before)
		}
		before += len(p.Packed)
	}
	return nil
}

func expect(t *testing.T, got, want []shardlog.Placed) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d contents, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		switch {
		case g.Slot != w.Slot, g.Count != w.Count, g.Nonce != w.Nonce:
			t.Fatalf("content %d is slot %d count %d nonce %x, want slot %d count %d nonce %x",
				i, g.Slot, g.Count, g.Nonce, w.Slot, w.Count, w.Nonce)
		case !bytes.Equal(g.Packed, w.Packed):
			t.Fatalf("slot %d: %d packed bytes differ from the %d written", g.Slot, len(g.Packed), len(w.Packed))
		case g.Filler() != w.Filler():
			t.Fatalf("slot %d: filler is %v, want %v", g.Slot, g.Filler(), w.Filler())
		case g.Arrival.IsZero() || g.Arrival.Nanosecond() != w.Arrival.Nanosecond() || g.Expires.Sub(g.Arrival) != w.Expires.Sub(w.Arrival):
			t.Fatalf("slot %d: arrival %v and expiry %v, want %v and %v", g.Slot, g.Arrival, g.Expires, w.Arrival, w.Expires)
		}
	}
}
