package dynamostore_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// splitOf splits a shard of a stream in its middle, a minute after the stream was created.
func splitOf(stream shardlog.Stream, index uint32) shardlog.Change {
	keys := stream.Shards[index].Keys
	change := shardlog.Split(stream.Shards[index], hashkey.Key{Hi: keys.Start.Hi/2 + keys.End.Hi/2 + 1})
	for i := range change.Opening {
		change.Opening[i].Index = uint32(len(stream.Shards) + i)
		change.Opening[i].Created = stream.Created.Add(time.Minute)
	}
	return change
}

// split splits a shard past the spy.
func (f fixture) split(t *testing.T, stream shardlog.Stream, index uint32) {
	t.Helper()
	change := splitOf(stream, index)
	if err := f.bypass().Reshard(t.Context(), stream, change.Closing, change.Opening); err != nil {
		t.Error(err)
	}
}

func TestCrashInReshard(t *testing.T) {
	f := open(t)
	loaded := map[string]shardlog.Stream{}
	prepare := func(t *testing.T, try string) {
		f.create(t, try, "a"+try, 2)
		loaded[try] = f.load(t, try)
		f.append(t, loaded[try].Shard(1), segmentOf(1, 10))
	}
	run := func(t *testing.T, try string) error {
		change := splitOf(loaded[try], 1)
		return f.Reshard(t.Context(), loaded[try], change.Closing, change.Opening)
	}
	eachCrash(t, f, prepare, run, func(t *testing.T, try string, err error) {
		if err != nil && !errors.Is(err, errLost) {
			t.Errorf("what is not known became %v", err)
		}
		f.checkResharded(t, loaded[try], err)
	})
}

// checkResharded: a split was made whole or not at all, and in the second case can be made again.
func (f fixture) checkResharded(t *testing.T, before shardlog.Stream, reshardErr error) {
	t.Helper()
	after := f.load(t, before.Name)
	if len(after.Shards) == len(before.Shards) {
		if reshardErr == nil {
			t.Error("it was not resharded")
		}
		if a := f.allocate(t, before.Shard(1), time.Now()); a.Slot != 2 {
			t.Errorf("the shard goes on with slot %d", a.Slot)
		}
		f.split(t, after, 1)
		after = f.load(t, before.Name)
	} else {
		change := splitOf(before, 1)
		if err := f.Reshard(t.Context(), before, change.Closing, change.Opening); !errors.Is(err, shardlog.ErrStreamChanged) {
			t.Errorf("the same change again: %v, want ErrStreamChanged", err)
		}
	}
	if len(after.Shards) != 4 || after.Shards[1].IsOpen() {
		t.Fatalf("shards are %+v", after.Shards)
	}
	if _, err := f.Allocate(t.Context(), before.Shard(1), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("the closed shard: %v, want ErrShardClosed", err)
	}
	for _, open := range []uint32{0, 2, 3} {
		if a := f.allocate(t, before.Shard(open), time.Now()); a.Slot != 1 {
			t.Errorf("shard %d hands out slot %d first", open, a.Slot)
		}
	}
}

// TestReshardUnderAllocations: no slot from the closed counter's next on is ever handed out, and none twice.
func TestReshardUnderAllocations(t *testing.T) {
	const writers, atLeast = 6, 30
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	shard := stream.Shard(0)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		slots []uint64
	)
	enough := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			for now := stream.Created; ; now = now.Add(10 * time.Minute) { // marks fall due on the way
				a, err := f.Allocate(t.Context(), shard, now, shardlog.Usage{})
				if errors.Is(err, shardlog.ErrThrottled) {
					continue // met the transaction
				}
				if err != nil {
					if !errors.Is(err, shardlog.ErrShardClosed) {
						t.Errorf("writer %d: %v", w, err)
					}
					return
				}
				mu.Lock()
				if slots = append(slots, a.Slot); len(slots) == atLeast {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	change := splitOf(stream, 0)
	err := f.Reshard(t.Context(), stream, change.Closing, change.Opening)
	for errors.Is(err, shardlog.ErrThrottled) { // met an allocation
		err = f.Reshard(t.Context(), stream, change.Closing, change.Opening)
	}
	if err != nil {
		t.Fatal(err)
	}
	final, err := f.Counter(t.Context(), shard)
	if err != nil || final.Open {
		t.Fatalf("counter %+v, error %v", final, err)
	}
	wg.Wait()
	slices.Sort(slots)
	if n := len(slots); len(slices.Compact(slices.Clone(slots))) != n || slots[n-1] >= final.Next {
		t.Errorf("%d slots up to %d, next is %d: one was handed out twice, or late", n, slots[n-1], final.Next)
	}
	if again, err := f.Counter(t.Context(), shard); err != nil || again.Next != final.Next {
		t.Errorf("the closed counter moved on to %d, error %v", again.Next, err)
	}
}

// TestReshardRefused: changes that no stream can take are not sent.
func TestReshardRefused(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 45)
	f.spy.reset(nil)
	good := splitOf(stream, 0)
	gap := slices.Clone(good.Opening)
	gap[1].Index++
	for name, c := range map[string]shardlog.Change{
		"nothing opens": {Closing: good.Closing},
		"too many":      {Closing: make([]uint32, shardlog.MaxReshard-1), Opening: good.Opening},
		"a gap":         {Closing: good.Closing, Opening: gap},
	} {
		if err := f.Reshard(t.Context(), stream, c.Closing, c.Opening); !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
	if n := f.spy.total(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// TestSealNeedsAClosedShard: an open shard is not sealed, and none comes to be where there was none.
func TestSealNeedsAClosedShard(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	before := len(f.items(t, ""))
	for _, shard := range []shardlog.Shard{stream.Shard(0), stream.Shard(1), {StreamID: "zz"}} {
		if err := f.SealShard(t.Context(), shard, 3); !errors.Is(err, shardlog.ErrStreamChanged) {
			t.Errorf("%v: %v, want ErrStreamChanged", shard, err)
		}
	}
	if n := len(f.items(t, "")); n != before || !f.load(t, "orders").Shards[0].IsOpen() {
		t.Errorf("%d items, want %d, and an open shard", n, before)
	}
}

// TestLoadDuringReshard: a reshard between the two requests of LoadStream, and others around it, gives a map that was true after it.
func TestLoadDuringReshard(t *testing.T) {
	f := open(t)
	f.create(t, "orders", "a1", 2)
	f.split(t, f.load(t, "orders"), 0)
	before := f.load(t, "orders")
	f.spy.reset(func(n int) fault {
		if n == 2 {
			f.split(t, before, 1)
		}
		return none
	})
	between := f.load(t, "orders")
	f.expectRequests(t, "loading meanwhile", map[string]int{"GetItem": 1, "Query": 1})
	if len(between.Shards) != 6 {
		t.Errorf("%d shards, want 6", len(between.Shards))
	}
	f.split(t, between, 3)
	after := f.load(t, "orders")
	if len(after.Shards) != 8 {
		t.Fatalf("%d shards, want 8", len(after.Shards))
	}
	for i, stream := range []shardlog.Stream{before, between, after} {
		expectCover(t, stream, i+3)
	}
}

func expectCover(t *testing.T, stream shardlog.Stream, shards int) {
	t.Helper()
	open := stream.OpenShards()
	end := hashkey.Max()
	for _, info := range open {
		if info.Keys.Start != end.Next() {
			t.Errorf("shard %d starts at %v, the one before it ends at %v", info.Index, info.Keys.Start, end)
		}
		end = info.Keys.End
	}
	if len(open) != shards || end != hashkey.Max() {
		t.Errorf("%d open shards up to %v, want %d", len(open), end, shards)
	}
}

// TestLoadSeesHalfAReshard: a Query may meet some of a transaction's items before and others after it. What LoadStream makes of that covers
// every hash key once.
func TestLoadSeesHalfAReshard(t *testing.T) {
	f := open(t)
	old := f.create(t, "orders", "a1", 2)
	oldItems := f.items(t, "shards#a1")
	f.split(t, old, 1)
	type items = []map[string]types.AttributeValue
	for name, c := range map[string]struct {
		edit     func(items) items
		requests int
	}{
		"the parent not closed yet":          {func(is items) items { return append(items{is[0], oldItems[1]}, is[2:]...) }, 2},
		"no child there yet":                 {func(is items) items { return is[:2] }, 4},
		"a child not there yet":              {func(is items) items { return is[:3] }, 4},
		"the first child not there yet":      {func(is items) items { return items{is[0], is[1], is[3]} }, 4},
		"the parent open, a child not there": {func(is items) items { return items{is[0], oldItems[1], is[2]} }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			f.spy.reset(nil)
			first := true
			f.spy.edit = func(is items) items {
				if first {
					is = c.edit(is)
				}
				first = false
				return is
			}
			got := f.load(t, "orders")
			if n := f.spy.total(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if len(got.Shards) != 4 || !got.Shards[1].Closed.Equal(old.Created.Add(time.Minute)) {
				t.Errorf("shards are %+v", got.Shards)
			}
			expectCover(t, got, 3)
		})
	}
	// The stream item of before the reshard, with a part of what it wrote.
	f.spy.reset(nil)
	f.remove(t, "shards#a1", "000000000003")
	f.put(t, streamItemOf(t, f, 2))
	if got, err := f.LoadStream(t.Context(), "orders"); err == nil {
		t.Errorf("a map with a gap was loaded: %+v", got.Shards)
	}
	if n := f.spy.total(); n != 10 {
		t.Errorf("%d requests, want 5 looks", n)
	}
}

// streamItemOf returns the stream's item with another number of shards.
func streamItemOf(t *testing.T, f fixture, shards int) map[string]types.AttributeValue {
	t.Helper()
	i := f.items(t, "stream#orders")[0]
	i["shards"] = &types.AttributeValueMemberN{Value: fmt.Sprint(shards)}
	return i
}

// TestReshardOfAnotherRetention: children get the retention that the stream has, or none are made.
func TestReshardOfAnotherRetention(t *testing.T) {
	f := open(t)
	f.create(t, "orders", "a1", 1)
	stale := f.load(t, "orders")
	longer := f.load(t, "orders")
	longer.Retention = 48 * time.Hour
	if err := f.UpdateStream(t.Context(), longer); err != nil {
		t.Fatal(err)
	}
	change := splitOf(stale, 0)
	if err := f.Reshard(t.Context(), stale, change.Closing, change.Opening); !errors.Is(err, shardlog.ErrStreamChanged) {
		t.Errorf("error %v, want ErrStreamChanged", err)
	}
	f.split(t, f.load(t, "orders"), 0)
	if a := f.allocate(t, stale.Shard(1), time.Now()); a.Retention != 48*time.Hour {
		t.Errorf("the child's retention is %v", a.Retention)
	}
}

// TestListStreamsPages: a list that DynamoDB answers in pieces is whole.
func TestListStreamsPages(t *testing.T) {
	f := open(t)
	for i := range 5 {
		f.create(t, fmt.Sprintf("s%d", i), fmt.Sprintf("id%d", i), 1)
	}
	pad := make([]byte, 390_000) // three such items fill an answer
	for _, i := range f.items(t, "streams") {
		i["pad"] = &types.AttributeValueMemberB{Value: pad}
		f.put(t, i)
	}
	f.spy.reset(nil)
	got, more, err := f.ListStreams(t.Context(), "", 4)
	if err != nil || len(got) != 4 || !more || f.spy.total() < 2 {
		t.Errorf("%d streams, more %v, error %v, in %d requests", len(got), more, err, f.spy.total())
	}
	got, more, err = f.ListStreams(t.Context(), "s0", 4)
	if err != nil || len(got) != 4 || more || got[3].Name != "s4" || got[3].ID != "id4" {
		t.Errorf("after the first: %+v, more %v, error %v", got, more, err)
	}
}

// TestUpdateOfADeletedStream: an update that comes late writes nothing.
func TestUpdateOfADeletedStream(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	f.spy.reset(crashes["lost, then dead"](4)) // it is marked, its counters are gone
	if err := f.DeleteStream(t.Context(), "orders"); err == nil {
		t.Fatal("the deletion did not fail")
	}
	f.spy.reset(nil)
	for range 2 {
		if err := f.UpdateStream(t.Context(), stream); !errors.Is(err, shardlog.ErrStreamChanged) {
			t.Errorf("error %v, want ErrStreamChanged", err)
		}
		if _, err := f.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
			t.Errorf("load: %v, want ErrStreamNotFound", err)
		}
		if err := f.DeleteStream(t.Context(), "orders"); err != nil && !errors.Is(err, shardlog.ErrStreamNotFound) {
			t.Fatal(err)
		}
	}
	if left := f.items(t, ""); len(left) != 0 {
		t.Errorf("%d items are left, such as %s", len(left), show(left[0]))
	}
	if err := f.CreateStream(t.Context(), storetest.NewStream("orders", "b2", 1)); err != nil {
		t.Error(err)
	}
}
