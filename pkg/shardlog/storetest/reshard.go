package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

// opening completes the shards of a change to a loaded stream, created an hour after it.
func opening(stream shardlog.Stream, change shardlog.Change) []shardlog.ShardInfo {
	infos := slices.Clone(change.Opening)
	for i := range infos {
		infos[i].Index = uint32(len(stream.Shards) + i)
		infos[i].Created = stream.Created.Add(time.Hour)
	}
	return infos
}

// resharded returns the stream as it is to be loaded after a change.
func resharded(stream shardlog.Stream, change shardlog.Change) shardlog.Stream {
	opened := opening(stream, change)
	stream.Shards = append(slices.Clone(stream.Shards), opened...)
	for _, parent := range change.Closing {
		stream.Shards[parent].Closed = opened[0].Created
	}
	return stream
}

func reshard(t *testing.T, s shardlog.Store, stream shardlog.Stream, change shardlog.Change) shardlog.Stream {
	t.Helper()
	if err := s.Reshard(t.Context(), stream, change.Closing, opening(stream, change)); err != nil {
		t.Fatalf("Reshard: %v", err)
	}
	return resharded(stream, change)
}

// halves is the change that splits a shard in the middle of its upper half words.
func halves(stream shardlog.Stream, index uint32) shardlog.Change {
	parent := stream.Shards[index]
	middle := parent.Keys.Start.Hi/2 + parent.Keys.End.Hi/2 + 1
	return shardlog.Split(parent, hashkey.Key{Hi: middle})
}

func split(t *testing.T, s shardlog.Store, stream shardlog.Stream, index uint32) shardlog.Stream {
	t.Helper()
	return reshard(t, s, stream, halves(stream, index))
}

// testReshard splits one shard, then merges one of its children with the shard beside it.
func testReshard(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 3)
	late := allocate(t, s, stream.Shard(1))
	put(t, s, stream.Shard(1), allocate(t, s, stream.Shard(1)), content(2, 20))
	stream = split(t, s, stream, 1)
	expectStream(t, s, stream)
	expectClosed(t, s, stream.Shard(1))
	for _, child := range []uint32{3, 4} {
		expectCounter(t, s, stream.Shard(child), shardlog.NewCounter(stream.Shards[child].Created, stream.Retention))
		if a := allocateAt(t, s, stream.Shard(child), time.Now()); a.Slot != 1 || a.Retention != stream.Retention {
			t.Errorf("shard %d: first allocation is %+v", child, a)
		}
	}
	put(t, s, stream.Shard(1), late, content(1, 700_000)) // its slot was handed out before
	expect(t, scanAll(t, s, stream.Shard(1), 1, 1<<20), []shardlog.Placed{{Slot: 1, Content: content(1, 700_000)}, {Slot: 2, Content: content(2, 20)}})
	expect(t, scanAll(t, s, stream.Shard(3), 1, 1<<20), nil)
	if a := allocateAt(t, s, stream.Shard(2), time.Now()); a.Slot != 1 {
		t.Errorf("a shard that was left alone hands out slot %d first", a.Slot)
	}

	stream = reshard(t, s, stream, shardlog.Merge(stream.Shards[4], stream.Shards[2]))
	expectStream(t, s, stream)
	if got := load(t, s, "orders").Shards[5]; !slices.Equal(got.Parents, []uint32{4, 2}) ||
		got.Keys != (hashkey.Range{Start: stream.Shards[4].Keys.Start, End: hashkey.Max()}) {
		t.Errorf("the merged shard is %+v", got)
	}
	expectClosed(t, s, stream.Shard(4))
	expectClosed(t, s, stream.Shard(2))
	if a := allocateAt(t, s, stream.Shard(5), time.Now()); a.Slot != 1 {
		t.Errorf("the merged shard hands out slot %d first", a.Slot)
	}
}

// testReshardMany closes and opens as many shards at once as may be: each boundary moves up a little.
func testReshardMany(t *testing.T, s shardlog.Store) {
	const n = shardlog.MaxReshard / 2
	stream := create(t, s, "orders", "a1", n+3)
	var change shardlog.Change
	for i := range uint32(n) {
		keys := stream.Shards[i].Keys
		parents := []uint32{i}
		if i > 0 {
			keys.Start.Hi += 5
			parents = []uint32{i, i - 1}
		}
		if i < n-1 {
			keys.End = stream.Shards[i+1].Keys.Start
			keys.End.Hi += 5
			keys.End = keys.End.Prev()
		}
		change.Closing = append(change.Closing, i)
		change.Opening = append(change.Opening, shardlog.ShardInfo{Keys: keys, Parents: parents})
	}
	stream = reshard(t, s, stream, change)
	expectStream(t, s, stream)
	for i := range uint32(n) {
		expectClosed(t, s, stream.Shard(i))
		if slot := allocate(t, s, stream.Shard(n+3+i)); slot != 1 {
			t.Errorf("shard %d hands out slot %d first", n+3+i, slot)
		}
	}
	if slot := allocate(t, s, stream.Shard(n)); slot != 1 {
		t.Errorf("a shard that was left alone hands out slot %d first", slot)
	}
}

// testReshardStale: a change to a stream that is not as it was loaded changes nothing.
func testReshardStale(t *testing.T, s shardlog.Store) {
	loaded := create(t, s, "orders", "a1", 2)
	stream := split(t, s, loaded, 0)
	other := stream
	other.ID = "b2"
	unknown := stream
	unknown.Name = "invoices"
	for call, test := range map[string]struct {
		stream  shardlog.Stream
		closing uint32
	}{
		"with too few shards":             {loaded, 1},
		"of a closed shard":               {stream, 0},
		"of a stream of another id":       {other, 1},
		"of a stream that does not exist": {unknown, 1},
	} {
		change := halves(test.stream, test.closing)
		expectChanged(t, "Reshard "+call, s.Reshard(t.Context(), test.stream, change.Closing, opening(test.stream, change)))
		expectStream(t, s, stream)
	}
	// One parent of two is closed: the other stays open.
	change := shardlog.Merge(stream.Shards[1], stream.Shards[0])
	expectChanged(t, "Reshard of an open and a closed shard", s.Reshard(t.Context(), stream, change.Closing, opening(stream, change)))
	expectStream(t, s, stream)
	for want := uint64(1); want <= 2; want++ {
		if got := allocate(t, s, stream.Shard(1)); got != want {
			t.Errorf("slot %d, want %d", got, want)
		}
	}
	for index := uint32(4); index < 6; index++ {
		if c, err := s.Counter(t.Context(), stream.Shard(index)); !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("counter of shard %d, which was not opened: %+v, %v", index, c, err)
		}
	}
	if err := s.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	again := create(t, s, "orders", "c3", 4)
	change = halves(stream, 1)
	expectChanged(t, "Reshard of a stream created again", s.Reshard(t.Context(), stream, change.Closing, opening(stream, change)))
	expectStream(t, s, again)
}

func testReshardRace(t *testing.T, s shardlog.Store) {
	const rounds, splitters = 4, 3
	stream := create(t, s, "orders", "a1", 1)
	for round := range rounds {
		index := uint32(len(stream.Shards) - 1)
		changes := make([]shardlog.Change, splitters)
		errs := make([]error, splitters)
		var wg sync.WaitGroup
		for i := range splitters {
			at := halves(stream, index).Opening[1].Keys.Start
			at.Lo = uint64(i) // each splits elsewhere
			changes[i] = shardlog.Split(stream.Shards[index], at)
			wg.Go(func() { errs[i] = s.Reshard(t.Context(), stream, changes[i].Closing, opening(stream, changes[i])) })
		}
		wg.Wait()
		stream = resharded(stream, changes[oneWinner(t, errs)])
		expectStream(t, s, stream)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// testReshardSettings: children have the retention that the stream has when they are opened, however old the map is that the
// change was made on; and settings and shards change without losing each other's changes.
func testReshardSettings(t *testing.T, s shardlog.Store) {
	stale := create(t, s, "orders", "a1", 2)
	updated := stale
	updated.Retention = 72 * time.Hour
	updated.Tags = map[string]string{"team": "red"}
	if err := s.UpdateStream(t.Context(), updated); err != nil {
		t.Fatal(err)
	}
	stream := load(t, s, "orders")
	change := halves(stale, 0)
	err := s.Reshard(t.Context(), stale, change.Closing, opening(stale, change))
	switch {
	case errors.Is(err, shardlog.ErrStreamChanged): // then it is made again, on the stream as it stands
		expectStream(t, s, stream)
		stream = split(t, s, stream, 0)
	case err != nil:
		t.Fatal(err)
	default:
		stream = resharded(stream, change)
	}
	expectStream(t, s, stream)
	if a := allocateAt(t, s, stream.Shard(2), time.Now()); a.Retention != 72*time.Hour {
		t.Errorf("the child's retention is %v, its stream's is 72 h", a.Retention)
	}
	fresh := load(t, s, "orders")
	fresh.Tags = nil
	if err := s.UpdateStream(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	stream.Tags, stream.Revision = nil, fresh.Revision+1
	expectStream(t, s, stream)
}

// testReshardFences has writers allocate on a shard for as long as it lets them: whatever slot they got is below its
// final Next, and none was handed out once Reshard had returned.
func testReshardFences(t *testing.T, s shardlog.Store) {
	const writers = 4
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	got := make([][]uint64, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	started := make(chan struct{}, writers*1000)
	for w := range writers {
		wg.Go(func() {
			for {
				a, err := allocateSoon(t.Context(), s, shard, time.Now(), shardlog.Usage{})
				if err != nil {
					errs[w] = err
					return
				}
				got[w] = append(got[w], a.Slot)
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 3 * writers {
		<-started
	}
	change := halves(stream, 0)
	var err error
	for n := range 50 {
		err = s.Reshard(t.Context(), stream, change.Closing, opening(stream, change))
		if !errors.Is(err, shardlog.ErrThrottled) {
			break
		}
		pause(t.Context(), time.Duration(n)*time.Millisecond)
	}
	if err != nil {
		t.Fatalf("Reshard: %v", err)
	}
	final, err := s.Counter(t.Context(), shard)
	if err != nil || final.Open {
		t.Errorf("the counter is %+v, %v; want it closed", final, err)
	}
	expectClosed(t, s, shard)
	wg.Wait()
	for w, err := range errs {
		if !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("writer %d ended with %v, want ErrShardClosed", w, err)
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(got...)))
	if unique := len(slices.Compact(slices.Clone(all))); unique != len(all) {
		t.Errorf("of %d slots only %d differ", len(all), unique)
	}
	if last := all[len(all)-1]; last >= final.Next {
		t.Errorf("slot %d was handed out, the closed counter's next is %d", last, final.Next)
	}
	expectCounter(t, s, shard, final)
	all = all[max(0, len(all)-50):] // a store may hand out many thousands of slots in the time of a commit
	for _, slot := range all {
		put(t, s, shard, slot, content(slot, 10))
	}
	if n := len(scanAll(t, s, shard, 1, 1<<20)); n != len(all) {
		t.Errorf("%d contents, want %d", n, len(all))
	}
}

func testSealShard(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	for range 3 {
		allocate(t, s, stream.Shard(0))
	}
	stream = split(t, s, stream, 0)
	stream = split(t, s, stream, 1)
	for range 2 { // again, as two readers may
		if err := s.SealShard(t.Context(), stream.Shard(0), 3); err != nil {
			t.Fatal(err)
		}
		stream.Shards[0].Sealed, stream.Shards[0].Final = true, 3
		expectStream(t, s, stream)
	}
	if err := s.SealShard(t.Context(), stream.Shard(1), 0); err != nil { // none was handed out
		t.Fatal(err)
	}
	stream.Shards[1].Sealed = true
	expectStream(t, s, stream)
	expectStream(t, s, split(t, s, stream, 2)) // and it can be changed on
}

func testDeleteResharded(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 2)
	put(t, s, stream.Shard(0), allocate(t, s, stream.Shard(0)), content(1, 10))
	stream = split(t, s, stream, 0)
	stream = reshard(t, s, stream, shardlog.Merge(stream.Shards[3], stream.Shards[1]))
	put(t, s, stream.Shard(4), allocate(t, s, stream.Shard(4)), content(2, 10))
	if err := s.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	for i := range stream.Shards {
		expectClosed(t, s, stream.Shard(uint32(i)))
		expect(t, scanAll(t, s, stream.Shard(uint32(i)), 1, 1<<20), nil)
	}
	change := halves(stream, 4)
	expectChanged(t, "Reshard of a deleted stream", s.Reshard(t.Context(), stream, change.Closing, opening(stream, change)))
	if _, err := s.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("LoadStream after it: %v, want ErrStreamNotFound", err)
	}
}

// testReopenChanges: what was changed of a stream outlives the process.
func testReopenChanges(t *testing.T, b Backend) {
	s := b.Open(t)
	stream := create(t, s, "orders", "a1", 2)
	stream.Retention, stream.RetainedSince, stream.Mode = 48*time.Hour, stream.Created.Add(-time.Hour), shardlog.OnDemand
	stream.Tags = map[string]string{"team": "red"}
	if err := s.UpdateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	stream.Revision++
	now := stream.Created
	for i := range 30 { // marks
		now = now.Add(45 * time.Minute)
		slot := allocateAt(t, s, stream.Shard(0), now).Slot
		if i == 0 {
			put(t, s, stream.Shard(0), slot, content(1, 10))
		}
	}
	if _, err := s.SetRetention(t.Context(), stream.Shard(1), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Extend(t.Context(), stream.Shard(0), 2, 72*time.Hour); err != nil {
		t.Fatal(err)
	}
	stream = split(t, s, stream, 0)
	if err := s.SealShard(t.Context(), stream.Shard(0), 30); err != nil {
		t.Fatal(err)
	}
	stream.Shards[0].Sealed, stream.Shards[0].Final = true, 30
	var counters []shardlog.Counter
	for i := range stream.Shards {
		c, err := s.Counter(t.Context(), stream.Shard(uint32(i)))
		if err != nil {
			t.Fatal(err)
		}
		counters = append(counters, c)
	}
	extended := scanAll(t, s, stream.Shard(0), 1, 1<<20)

	s = b.Reopen(t, s)
	expectStream(t, s, stream)
	expectList(t, s, "", 5, []string{"orders"}, false)
	for i, want := range counters {
		expectCounter(t, s, stream.Shard(uint32(i)), want)
	}
	expectReopenedHorizon(t, s, stream)
	expectExtended(t, scanAll(t, s, stream.Shard(0), 1, 1<<20), extended)
	expectClosed(t, s, stream.Shard(0))
	if a := allocateAt(t, s, stream.Shard(1), now); a.Slot != 1 || a.Retention != 48*time.Hour {
		t.Errorf("allocation is %+v, want slot 1 and 48 h", a)
	}
	fresh := load(t, s, "orders")
	if err := s.UpdateStream(t.Context(), fresh); err != nil {
		t.Errorf("UpdateStream of what was loaded after reopening: %v", err)
	}
}

// expectReopenedHorizon looks through the marks of shard 0, which has handed out 30 slots.
func expectReopenedHorizon(t *testing.T, s shardlog.Store, stream shardlog.Stream) {
	t.Helper()
	c, err := s.Counter(t.Context(), stream.Shard(0))
	if err != nil {
		t.Fatal(err)
	}
	if c.Open || c.Next != 31 || len(c.Marks) == 0 {
		t.Errorf("after reopening the counter is %+v", c)
	}
	for _, at := range []struct {
		since    time.Time
		low, top uint64
	}{
		{stream.Created, 1, 1},
		{stream.Created.Add(12 * time.Hour), 2, 17},
		{stream.Created.Add(100 * time.Hour), 31, 31},
	} {
		if h := c.Horizon(at.since); h < at.low || h > at.top {
			t.Errorf("after reopening the horizon for %v is slot %d, want %d to %d", at.since, h, at.low, at.top)
		}
	}
}

func testEndedContextOfChanges(t *testing.T, s shardlog.Store) {
	stream := create(t, s, "orders", "a1", 1)
	shard := stream.Shard(0)
	put(t, s, shard, allocate(t, s, shard), content(1, 10))
	before, err := s.Counter(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	change := halves(stream, 0)
	_, counterErr := s.Counter(ended, shard)
	_, _, peekErr := s.Peek(ended, shard, 1)
	_, retentionErr := s.SetRetention(ended, shard, 48*time.Hour)
	_, _, listErr := s.ListStreams(ended, "", 1)
	for call, err := range map[string]error{
		"Counter": counterErr, "Peek": peekErr, "SetRetention": retentionErr, "ListStreams": listErr,
		"Extend":       s.Extend(ended, shard, 2, 48*time.Hour),
		"UpdateStream": s.UpdateStream(ended, stream),
		"Reshard":      s.Reshard(ended, stream, change.Closing, opening(stream, change)),
		"SealShard":    s.SealShard(ended, shard, 1),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v, want context.Canceled", call, err)
		}
	}
	// Ended before the call, nothing was sent.
	expectStream(t, s, stream)
	expectCounter(t, s, shard, before)
}
