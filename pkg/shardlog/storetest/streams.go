package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/pkg/shardlog"
)

func testCreateAndLoad(t *testing.T, s shardlog.Store) {
	want := NewStream("orders_v2.eu-west", "a1", 3)
	want.Mode = shardlog.OnDemand
	if err := s.CreateStream(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	expectStream(t, s, want)
	if _, err := s.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("LoadStream of another name: %v, want ErrStreamNotFound", err)
	}
}

func testCreateTaken(t *testing.T, s shardlog.Store) {
	want := create(t, s, "orders", "a1", 2)
	if err := s.CreateStream(t.Context(), NewStream("orders", "b2", 5)); !errors.Is(err, shardlog.ErrStreamExists) {
		t.Fatalf("CreateStream of a taken name: %v, want ErrStreamExists", err)
	}
	expectStream(t, s, want)
	if _, err := s.Allocate(t.Context(), shardlog.Shard{StreamID: "b2"}, time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("the refused stream hands out slots: %v", err)
	}
}

func testCreateRace(t *testing.T, s shardlog.Store) {
	const creators = 6
	errs := make([]error, creators)
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() { errs[i] = s.CreateStream(t.Context(), NewStream("orders", fmt.Sprintf("id%d", i), i+1)) })
	}
	wg.Wait()
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatalf("nobody created the stream: %v", errs)
	}
	got, err := s.LoadStream(t.Context(), "orders")
	if err != nil || got.ID != fmt.Sprintf("id%d", winner) || len(got.Shards) != winner+1 {
		t.Errorf("loaded id %q with %d shards (%v), creator %d had won", got.ID, len(got.Shards), err, winner)
	}
	for i, err := range errs {
		// A loser may be told to try again; it must not be told that it won.
		if i != winner && !errors.Is(err, shardlog.ErrStreamExists) && !errors.Is(err, shardlog.ErrThrottled) {
			t.Errorf("creator %d got %v", i, err)
		}
	}
}

func testCreateMany(t *testing.T, s shardlog.Store) {
	for _, n := range []int{49, 50, 1000} {
		want := create(t, s, fmt.Sprintf("many-%d", n), fmt.Sprintf("m%d", n), n)
		expectStream(t, s, want)
		for _, index := range []uint32{0, uint32(n / 2), uint32(n - 1)} {
			if slot := allocate(t, s, want.Shard(index)); slot != 1 {
				t.Errorf("shard %d of %d hands out slot %d first", index, n, slot)
			}
		}
	}
}

func testDeleteFences(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 3)
	other := create(t, s, "others", "b2", 1)
	slot := allocate(t, s, stream.Shard(1))
	put(t, s, stream.Shard(1), slot, content(1, 700_000))
	put(t, s, other.Shard(0), allocate(t, s, other.Shard(0)), content(2, 100))
	if err := s.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatalf("DeleteStream: %v", err)
	}
	if _, err := s.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("LoadStream of a deleted stream: %v, want ErrStreamNotFound", err)
	}
	for i := range uint32(3) {
		if _, err := s.Allocate(t.Context(), stream.Shard(i), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("Allocate on shard %d of a deleted stream: %v, want ErrShardClosed", i, err)
		}
	}
	expect(t, scanAll(t, s, stream.Shard(1), 1, 1<<20), nil)
	if err := s.DeleteStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("second DeleteStream: %v, want ErrStreamNotFound", err)
	}
	expectStream(t, s, other)
	expect(t, scanAll(t, s, other.Shard(0), 1, 1<<20), []shardlog.Placed{{Slot: 1, Content: content(2, 100)}})
}

func testRecreate(t *testing.T, s shardlog.Store) {
	first := create(t, s, "orders", "a1", 2)
	put(t, s, first.Shard(0), allocate(t, s, first.Shard(0)), content(1, 100))
	if err := s.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	second := create(t, s, "orders", "b2", 4)
	expectStream(t, s, second)
	if _, err := s.Allocate(t.Context(), first.Shard(0), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate on the old stream: %v, want ErrShardClosed", err)
	}
	expect(t, scanAll(t, s, second.Shard(0), 1, 1<<20), nil)
	if slot := allocate(t, s, second.Shard(0)); slot != 1 {
		t.Errorf("the new stream hands out slot %d first, want 1", slot)
	}
}

func testReopen(t *testing.T, b Backend) {
	s := b.Open(t)
	stream := create(t, s, "orders", "a1", 2)
	var want []shardlog.Placed
	last := uint64(0)
	for round := range 3 {
		for i := range 4 {
			slot := allocate(t, s, stream.Shard(0))
			if slot <= last {
				t.Fatalf("slot %d handed out after %d", slot, last)
			}
			last = slot
			c := content(uint64(10*round+i), 1000)
			put(t, s, stream.Shard(0), slot, c)
			want = append(want, shardlog.Placed{Slot: slot, Content: c})
		}
		s = b.Reopen(t, s)
		expectStream(t, s, stream)
		expect(t, scanAll(t, s, stream.Shard(0), 1, 1<<20), want)
	}
}

func testReopenFences(t *testing.T, b Backend) {
	s := b.Open(t)
	gone := create(t, s, "gone", "a1", 2)
	kept := create(t, s, "kept", "b2", 2)
	slot := allocate(t, s, kept.Shard(0))
	put(t, s, kept.Shard(0), slot, content(1, 10))
	if err := s.DeleteStream(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	s = b.Reopen(t, s)
	if _, err := s.Allocate(t.Context(), gone.Shard(0), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("after reopening a deleted stream hands out slots: %v", err)
	}
	var taken *shardlog.SlotTakenError
	if err := s.PutOnce(t.Context(), kept.Shard(0), slot, content(2, 10)); !errors.As(err, &taken) {
		t.Errorf("after reopening a slot is written again: %v", err)
	}
	if err := s.CreateStream(t.Context(), NewStream("kept", "c3", 1)); !errors.Is(err, shardlog.ErrStreamExists) {
		t.Errorf("after reopening a name is free again: %v", err)
	}
}

func expectStream(t *testing.T, s shardlog.Store, want shardlog.Stream) {
	t.Helper()
	got, err := s.LoadStream(t.Context(), want.Name)
	if err != nil {
		t.Fatalf("LoadStream: %v", err)
	}
	if len(got.Shards) != len(want.Shards) {
		t.Fatalf("%d shards, want %d", len(got.Shards), len(want.Shards))
	}
	for i := range want.Shards {
		g, w := got.Shards[i], want.Shards[i]
		same := g.Index == w.Index && g.Keys == w.Keys && g.Created.Equal(w.Created) && slices.Equal(g.Parents, w.Parents) &&
			g.Closed.Equal(w.Closed) && g.Sealed == w.Sealed && g.Final == w.Final
		if !same {
			t.Fatalf("shard %d is %+v, want %+v", i, g, w)
		}
	}
	if !got.Created.Equal(want.Created) || !got.RetainedSince.Equal(want.RetainedSince) {
		t.Errorf("stream was created %v and retained since %v, want %v and %v", got.Created, got.RetainedSince, want.Created, want.RetainedSince)
	}
	got.Created, got.RetainedSince, got.Shards, want.Shards = want.Created, want.RetainedSince, nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("stream is %+v, want %+v", got, want)
	}
}
