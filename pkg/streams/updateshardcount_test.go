package streams_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

func (f *fixture) scale(stream string, target int) string {
	return fmt.Sprintf(`{"StreamName":%q,"TargetShardCount":%d,"ScalingType":"UNIFORM_SCALING"}`, stream, target)
}

func TestUpdateShardCountAnswers(t *testing.T) {
	f := newStream(t, 5)
	refused := func(stream string, target int, code, message string) {
		t.Helper()
		f.wantRefusal(t, "UpdateShardCount", f.scale(stream, target), code, message)
	}
	refused("missing", 2000, notFound, missingStream)
	f.setMode(t, "ON_DEMAND")
	refused("orders", 2000, "ValidationException", onDemand)
	f.setMode(t, "PROVISIONED")
	refused("orders", 1001, limitExceeded, fmt.Sprintf(tooMany, 5, 1001))
	refused("orders", 11, limitExceeded, "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 5, Target shard count: 11")
	refused("orders", 2, limitExceeded, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 5, Target shard count: 2")
	refused("orders", 0, invalidArgument, violation("targetShardCount", "Member must have value greater than or equal to 1"))
	f.wantRefusal(t, "UpdateShardCount", `{"StreamName":"orders","TargetShardCount":5}`, invalidArgument, violation("scalingType", "Member must not be null"))
	f.wantRefusal(t, "UpdateShardCount", `{"StreamName":"orders","TargetShardCount":5,"ScalingType":"NONE"}`, invalidArgument,
		violation("scalingType", "Member must satisfy enum value set: [UNIFORM_SCALING]"))
	if got := ids(t, f.shards(t)); got != "0 1 2 3 4" {
		t.Errorf("refused, but shards are %s", got)
	}
	current := 5
	for _, target := range []int{5, 10, 5, 3, 2, 1, 2} {
		f.wantAnswer(t, "UpdateShardCount", f.scale("orders", target), 200, fmt.Sprintf(
			`{"StreamName":"orders","CurrentShardCount":%d,"TargetShardCount":%d,"StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}`, current, target))
		if err := uniform(f, target); err != nil {
			t.Error(err)
		}
		current = target
	}
}

// TestUpdateShardCountWrites: shards that are right stay as they are, and a doubling takes one split for each.
func TestUpdateShardCountWrites(t *testing.T) {
	f := newStream(t, 300)
	for _, test := range []struct{ target, shards, writes int }{
		{300, 300, 0},
		{600, 900, 25}, // 12 splits to a write
	} {
		before := f.faults.Calls()[faultstore.Reshard]
		do(t, f.UpdateShardCount, &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: test.target, ScalingType: kinesis.ScalingUniform})
		stream, err := f.mem.LoadStream(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		if writes := f.faults.Calls()[faultstore.Reshard] - before; len(stream.Shards) != test.shards || writes > test.writes {
			t.Errorf("to %d: %d shards in all, by %d writes", test.target, len(stream.Shards), writes)
		}
		if err := uniform(f, test.target); err != nil {
			t.Error(err)
		}
	}
}

// uniform returns an error unless the open shards are what a new stream of n would have.
func uniform(f *fixture, n int) error {
	stream, err := f.mem.LoadStream(context.Background(), "orders")
	if err != nil {
		return err
	}
	open, want := stream.OpenShards(), hashkey.Uniform(n)
	if len(open) != n {
		return fmt.Errorf("%d open shards, want %d", len(open), n)
	}
	for i, info := range open {
		if info.Keys != want[i] {
			return fmt.Errorf("open shard %d of %d has the keys %v, want %v", i, n, info.Keys, want[i])
		}
	}
	return nil
}

// sound returns an error unless the open shards own every key once, and each shard has the parents that it can have.
func sound(stream shardlog.Stream) error {
	next := hashkey.Key{}
	for i, info := range stream.OpenShards() {
		if info.Keys.Start != next || info.Keys.End.Compare(info.Keys.Start) < 0 || (i > 0 && next == hashkey.Key{}) {
			return fmt.Errorf("shard %d has the keys %v, where %v is next", info.Index, info.Keys, next)
		}
		next = info.Keys.End.Next()
	}
	if next != (hashkey.Key{}) {
		return fmt.Errorf("nobody owns %v", next)
	}
	for i, info := range stream.Shards {
		if info.Index != uint32(i) || len(info.Parents) > 2 {
			return fmt.Errorf("shard %d at place %d has the parents %v", info.Index, i, info.Parents)
		}
		for _, parent := range info.Parents {
			if stream.Shards[parent].IsOpen() || parent >= info.Index {
				return fmt.Errorf("shard %d has the parent %d", info.Index, parent)
			}
		}
	}
	return nil
}

// ledger is what was put, by data: the key and the shard that were told.
type ledger struct {
	mu   sync.Mutex
	keys map[string]hashkey.Key
}

// put puts a record at a key, and notes it if it is acknowledged.
func (l *ledger) put(f *fixture, key hashkey.Key) error {
	l.mu.Lock()
	data := fmt.Sprint(len(l.keys))
	l.keys[data] = key
	l.mu.Unlock()
	_, err := f.PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: "orders", PartitionKey: "k", ExplicitHashKey: key.String(), Data: []byte(data)})
	return err
}

// check returns an error unless every record is found, once, in a shard that owns its key.
func (l *ledger) check(t *testing.T, f *fixture) error {
	found := map[string]int{}
	stream, err := f.mem.LoadStream(context.Background(), "orders")
	if err != nil {
		return err
	}
	for _, info := range stream.Shards {
		for _, data := range f.drain(t, f.iterator(t, info.Index, kinesis.IteratorTrimHorizon)) {
			found[data]++
			if !info.Keys.Contains(l.keys[data]) {
				return fmt.Errorf("record %s with key %v is in shard %d with %v", data, l.keys[data], info.Index, info.Keys)
			}
		}
	}
	for data := range l.keys {
		if found[data] != 1 {
			return fmt.Errorf("record %s was found %d times", data, found[data])
		}
	}
	return nil
}

// keys draws hash keys, those at the edges of shards more often than others.
func keys(open []shardlog.ShardInfo) *rapid.Generator[hashkey.Key] {
	return rapid.Custom(func(t *rapid.T) hashkey.Key {
		if rapid.Bool().Draw(t, "at an edge") {
			info := rapid.SampledFrom(open).Draw(t, "shard")
			return rapid.SampledFrom([]hashkey.Key{info.Keys.Start, info.Keys.End}).Draw(t, "edge")
		}
		return hashkey.Key{Hi: rapid.Uint64().Draw(t, "high"), Lo: rapid.Uint64().Draw(t, "low")}
	})
}

// TestUpdateShardCount takes a stream through any splits, merges and targets, with records in between.
func TestUpdateShardCount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var f *fixture
		f = newFixture(func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.Reshard {
				stream, err := f.mem.LoadStream(context.Background(), "orders")
				if err := errors.Join(err, sound(stream)); err != nil {
					t.Errorf("between steps: %v", err)
				}
			}
			return faultstore.None
		})
		f.create(t, "orders", rapid.IntRange(1, 25).Draw(rt, "shards"))
		records := &ledger{keys: map[string]hashkey.Key{}}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			stream, err := f.mem.LoadStream(context.Background(), "orders")
			if err := errors.Join(err, sound(stream)); err != nil {
				rt.Fatal(err)
			}
			open := stream.OpenShards()
			if err := records.put(f, keys(open).Draw(rt, "key")); err != nil {
				rt.Fatal(err)
			}
			at := rapid.IntRange(0, len(open)-1).Draw(rt, "at")
			switch rapid.SampledFrom([]string{"split", "merge", "scale"}).Draw(rt, "step") {
			case "split":
				key := keys(open).Draw(rt, "new start")
				_, err = f.SplitShard(context.Background(), &kinesis.SplitShardInput{StreamName: "orders", ShardToSplit: kinesis.ShardID(open[at].Index), NewStartingHashKey: key.String()})
				if inside := open[at].Keys.Start.Next().Compare(key) < 0 && key.Compare(open[at].Keys.End) < 0; inside != (err == nil) {
					rt.Fatalf("split of %v at %v: %v", open[at].Keys, key, err)
				}
			case "merge":
				upper := open[(at+1)%len(open)]
				_, err = f.MergeShards(context.Background(), &kinesis.MergeShardsInput{
					StreamName: "orders", ShardToMerge: kinesis.ShardID(open[at].Index), AdjacentShardToMerge: kinesis.ShardID(upper.Index),
				})
				if last := at == len(open)-1; last != (err != nil) {
					rt.Fatalf("merge of %v and %v: %v", open[at].Keys, upper.Keys, err)
				}
			case "scale":
				target := rapid.IntRange((len(open)+1)/2, 2*len(open)).Draw(rt, "target")
				in := &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: target, ScalingType: kinesis.ScalingUniform}
				if _, err := f.UpdateShardCount(context.Background(), in); err != nil {
					rt.Fatal(err)
				}
				if err := uniform(f, target); err != nil {
					rt.Fatal(err)
				}
			}
			if err := records.put(f, keys(open).Draw(rt, "key after")); err != nil {
				rt.Fatal(err)
			}
		}
		if err := records.check(t, f); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestUpdateShardCountGoesOn: a call that fails on its way leaves a sound stream, and can be repeated.
func TestUpdateShardCountGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, fault := range map[string]faultstore.Fault{"failed": faultstore.Failed, "failed but applied": faultstore.FailedAfter} {
			broken := true
			f := newFixture(func(c faultstore.Call) faultstore.Fault {
				if c.Op == faultstore.Reshard && c.N > 0 && broken {
					return fault
				}
				return faultstore.None
			})
			f.create(t, "orders", 30)
			in := &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: 47, ScalingType: kinesis.ScalingUniform}
			_, err := f.UpdateShardCount(t.Context(), in)
			if (err == nil) != (name == "failed but applied") { // what was applied is seen
				t.Errorf("%s: %v", name, err)
			}
			stream, loadErr := f.mem.LoadStream(t.Context(), "orders")
			if err := errors.Join(loadErr, sound(stream)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			broken = false
			do(t, f.UpdateShardCount, in)
			if err := uniform(f, 47); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestUpdateShardCountGivesWay: a call whose stream somebody else changes meanwhile says so, and can be repeated.
func TestUpdateShardCountGivesWay(t *testing.T) {
	mem := memstore.New()
	other := overStore(mem, nil, streams.Config{})
	f := overStore(mem, func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.Reshard && c.N == 1 {
			return faultstore.Fault{Wait: func(context.Context) { other.split(t, 29, hashkey.Max().Prev()) }}
		}
		return faultstore.None
	}, streams.Config{})
	f.create(t, "orders", 30)
	f.wantRefusal(t, "UpdateShardCount", f.scale("orders", 47), "ResourceInUseException",
		"Stream orders under account 111111111111 not ACTIVE, instead in state UPDATING")
	stream, err := mem.LoadStream(t.Context(), "orders")
	if err := errors.Join(err, sound(stream)); err != nil {
		t.Error(err)
	}
	do(t, f.UpdateShardCount, &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: 47, ScalingType: kinesis.ScalingUniform})
	if err := uniform(f, 47); err != nil {
		t.Error(err)
	}
}

// TestConcurrentChanges: scaling, splitting, merging and putting at the same time, from two processes. Whoever is refused is told
// why, the stream stays sound throughout, and no record is lost or misplaced.
func TestConcurrentChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(func(faultstore.Call) faultstore.Fault {
			return faultstore.Fault{Wait: func(context.Context) { time.Sleep(time.Millisecond) }}
		})
		f.create(t, "orders", 8)
		other := overStore(f.mem, nil, streams.Config{})
		records := &ledger{keys: map[string]hashkey.Key{}}
		changed := func(err error) {
			var refused *kinesis.Error
			if err != nil && !errors.As(err, &refused) && !errors.Is(err, shardlog.ErrStreamChanged) {
				t.Errorf("a change failed: %v", err)
			}
		}
		var wg sync.WaitGroup
		for _, target := range []int{5, 12, 16} {
			wg.Go(func() {
				in := &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: target, ScalingType: kinesis.ScalingUniform}
				_, err := f.UpdateShardCount(t.Context(), in)
				changed(err)
			})
		}
		for i, key := range hashkey.Uniform(23) {
			wg.Go(func() {
				time.Sleep(time.Duration(i%7) * time.Millisecond)
				_, err := other.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: "orders", ShardToSplit: kinesis.ShardID(uint32(i % 12)), NewStartingHashKey: key.Start.String()})
				changed(err)
				_, err = f.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: "orders", ShardToMerge: kinesis.ShardID(uint32(i)), AdjacentShardToMerge: kinesis.ShardID(uint32(i + 1))})
				changed(err)
			})
			for _, each := range []*fixture{f, other} {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					if err := records.put(each, key.End); err != nil {
						t.Errorf("put: %v", err)
					}
				})
			}
		}
		wg.Wait()
		stream, err := f.mem.LoadStream(t.Context(), "orders")
		if err := errors.Join(err, sound(stream)); err != nil {
			t.Error(err)
		}
		if len(stream.Shards) == 8 {
			t.Error("nothing changed")
		}
		if err := records.check(t, f); err != nil {
			t.Error(err)
		}
		open := len(stream.OpenShards())
		do(t, other.UpdateShardCount, &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: open, ScalingType: kinesis.ScalingUniform})
		if err := uniform(f, open); err != nil {
			t.Error(err)
		}
	})
}
