package streams_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/streams"
)

// waitFor returns a fault's wait that ends when the channel is closed.
func waitFor(release <-chan struct{}) func(context.Context) {
	return func(context.Context) { <-release }
}

func TestGetRecordsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		iterator := f.iterator(t, 0, kinesis.IteratorLatest)
		w := f.send("GetRecords", `{"ShardIterator":"`+iterator+`"}`)
		if !regexp.MustCompile(`^{"Records":\[\],"NextShardIterator":"[^"]+","MillisBehindLatest":0}$`).MatchString(w.Body.String()) {
			t.Errorf("an empty answer: %s", w.Body)
		}
		time.Sleep(1500 * time.Millisecond)
		numbers := f.put(t, hashkey.Key{}, "a", "")
		time.Sleep(1500 * time.Millisecond)
		f.put(t, hashkey.Key{}, "c")
		time.Sleep(250 * time.Millisecond)
		w = f.send("GetRecords", `{"ShardIterator":"`+iterator+`","Limit":2}`)
		want := `^{"Records":\[{"SequenceNumber":"` + numbers[0] + `","ApproximateArrivalTimestamp":946684801.5,"Data":"YQ==","PartitionKey":"k"},` +
			`{"SequenceNumber":"` + numbers[1] + `","ApproximateArrivalTimestamp":946684801.5,"Data":"","PartitionKey":"k"}\],` +
			`"NextShardIterator":"[^"]+","MillisBehindLatest":250}$`
		if w.Code != 200 || !regexp.MustCompile(want).MatchString(w.Body.String()) {
			t.Errorf("answer %d %s", w.Code, w.Body)
		}
		f.split(t, 0, half())
		w = f.send("GetRecords", `{"ShardIterator":"`+f.iterator(t, 0, kinesis.IteratorLatest)+`"}`)
		wantEnd := `{"Records":[],"MillisBehindLatest":0,"ChildShards":[` +
			`{"ShardId":"shardId-000000000001","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"170141183460469231731687303715884105727"}},` +
			`{"ShardId":"shardId-000000000002","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"170141183460469231731687303715884105728","EndingHashKey":"340282366920938463463374607431768211455"}}]}`
		if w.Body.String() != wantEnd {
			t.Errorf("at the end\n got %s\nwant %s", w.Body, wantEnd)
		}
	})
}

func TestGetRecordsPages(t *testing.T) {
	f := newStream(t, 1)
	var want []string
	for i := range 7 {
		batch := numbered(fmt.Sprintf("%d/", i), 1+i%3)
		f.put(t, hashkey.Key{}, batch...)
		want = append(want, batch...)
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got, numbers []string
		iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
		for {
			out := f.get(t, iterator, limit)
			for _, r := range out.Records {
				got, numbers = append(got, string(r.Data)), append(numbers, r.SequenceNumber)
			}
			if full := min(limit, len(want)-len(got)+len(out.Records)); len(out.Records) != full {
				t.Fatalf("limit %d: a page of %d records, want %d", limit, len(out.Records), full)
			}
			if tip := len(got) == len(want); tip != (out.MillisBehindLatest == 0) {
				t.Errorf("limit %d: after %d of %d records MillisBehindLatest is %d", limit, len(got), len(want), out.MillisBehindLatest)
			}
			if len(got) == len(want) {
				break
			}
			iterator = out.NextShardIterator
		}
		if !slices.Equal(got, want) || !slices.IsSorted(numbers) {
			t.Errorf("limit %d: read %q by %q, want %q", limit, got, numbers, want)
		}
	}
}

func TestGetRecordsDefaultLimit(t *testing.T) {
	f := newStream(t, 1)
	for range 21 {
		f.put(t, hashkey.Key{}, numbered("", 500)...)
	}
	iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
	before := f.faults.Calls()[faultstore.Scan]
	out := f.get(t, iterator, 0)
	if len(out.Records) != 10_000 || out.MillisBehindLatest == 0 {
		t.Errorf("%d records without a limit, %d ms behind", len(out.Records), out.MillisBehindLatest)
	}
	if scans := f.faults.Calls()[faultstore.Scan] - before; scans != 1 {
		t.Errorf("%d scans", scans)
	}
	if out = f.get(t, out.NextShardIterator, 10_000); len(out.Records) != 500 || out.MillisBehindLatest != 0 {
		t.Errorf("then %d records, %d ms behind", len(out.Records), out.MillisBehindLatest)
	}
	f.wantRefusal(t, "GetRecords", `{"ShardIterator":"`+iterator+`","Limit":0}`, invalidArgument,
		violation("limit", "Member must have value greater than or equal to 1"))
	f.wantRefusal(t, "GetRecords", `{"ShardIterator":"`+iterator+`","Limit":10001}`, invalidArgument,
		violation("limit", "Member must have value less than or equal to 10000"))
}

// TestGetRecordsDataBound: an answer has 10 MB of data and keys at most.
func TestGetRecordsDataBound(t *testing.T) {
	for _, test := range []struct{ data, want int }{{1<<20 - 1, 10}, {1 << 20, 9}} {
		f := newStream(t, 1)
		record := strings.Repeat("x", test.data) // its key has one byte more
		for range 3 {
			f.put(t, hashkey.Key{}, record, record, record, record)
		}
		out := f.get(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), 0)
		if len(out.Records) != test.want || out.MillisBehindLatest == 0 {
			t.Errorf("%d records of %d bytes, want %d; %d ms behind", len(out.Records), test.data, test.want, out.MillisBehindLatest)
		}
		if out = f.get(t, out.NextShardIterator, 0); len(out.Records) != 12-test.want || out.MillisBehindLatest != 0 {
			t.Errorf("then %d records; %d ms behind", len(out.Records), out.MillisBehindLatest)
		}
	}
}

func TestGetRecordsScans(t *testing.T) {
	f := newStream(t, 1)
	f.put(t, hashkey.Key{}, numbered("", 400)...)
	f.put(t, hashkey.Key{}, numbered("", 400)...)
	iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
	f.get(t, iterator, 1) // warms the map
	want := map[faultstore.Op]int{}
	for op, n := range f.faults.Calls() {
		want[op] = n
	}
	calls := func(what string, out *kinesis.GetRecordsOutput, records int) string {
		t.Helper()
		want[faultstore.Scan]++
		if got := f.faults.Calls(); fmt.Sprint(got) != fmt.Sprint(want) || len(out.Records) != records {
			t.Errorf("%s: %d records, want %d, by %v, want %v", what, len(out.Records), records, got, want)
		}
		return out.NextShardIterator
	}
	rest := calls("a part of a slot", f.get(t, iterator, 300), 300)
	rest = calls("across slots", f.get(t, rest, 300), 300)
	rest = calls("the rest", f.get(t, rest, 300), 200)
	rest = calls("an empty poll", f.get(t, rest, 0), 0)
	calls("another empty poll", f.get(t, rest, 10), 0)
	calls("all", f.get(t, iterator, 0), 800)
}

func TestMillisBehindLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		behind := func(iterator string, limit, records, want int) string {
			t.Helper()
			out := f.get(t, iterator, limit)
			if out.MillisBehindLatest != want || len(out.Records) != records {
				t.Errorf("%d records and %d ms behind, want %d and %d", len(out.Records), out.MillisBehindLatest, records, want)
			}
			return out.NextShardIterator
		}
		iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
		time.Sleep(time.Minute)
		behind(iterator, 0, 0, 0)
		f.put(t, hashkey.Key{}, "a", "b")
		behind(iterator, 1, 1, 1) // at once, but not at the tip
		time.Sleep(1234 * time.Millisecond)
		f.put(t, hashkey.Key{}, "c")
		rest := behind(iterator, 1, 1, 1234)
		time.Sleep(time.Second)
		rest = behind(rest, 1, 1, 1000) // c came a second ago
		rest = behind(rest, 1, 1, 0)
		behind(rest, 1, 0, 0)

		// A writer that died holds up what comes after it, for the grace period.
		stream, err := f.mem.LoadStream(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.mem.Allocate(t.Context(), stream.Shard(0), time.Now(), shardlog.Usage{}); err != nil {
			t.Fatal(err)
		}
		f.put(t, hashkey.Key{}, "d")
		time.Sleep(3*time.Second - time.Millisecond)
		rest = behind(rest, 0, 0, 2999)
		time.Sleep(time.Millisecond)
		behind(rest, 0, 1, 0)
	})
}

// TestEndsOfShards: there is no next iterator at the end of a closed shard, and nowhere else.
func TestEndsOfShards(t *testing.T) {
	f := newStream(t, 1)
	f.put(t, hashkey.Key{}, "a", "b")
	open := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
	f.split(t, 0, half())
	f.put(t, hashkey.Key{}, "c")
	f.put(t, hashkey.Max(), "d")
	f.merge(t, 1, 2)
	f.put(t, hashkey.Max(), "e")
	child := func(index uint32, keys hashkey.Range, parents ...string) kinesis.ChildShard {
		return kinesis.ChildShard{ShardId: kinesis.ShardID(index), ParentShards: parents,
			HashKeyRange: kinesis.HashKeyRange{StartingHashKey: keys.Start.String(), EndingHashKey: keys.End.String()}}
	}
	two := hashkey.Uniform(2)
	merged := []kinesis.ChildShard{child(3, hashkey.Uniform(1)[0], kinesis.ShardID(1), kinesis.ShardID(2))}
	for _, test := range []struct {
		iterator string
		records  []string
		children []kinesis.ChildShard // nil: the shard is open
	}{
		{open, []string{"a", "b"}, []kinesis.ChildShard{child(1, two[0], kinesis.ShardID(0)), child(2, two[1], kinesis.ShardID(0))}},
		{f.iterator(t, 1, kinesis.IteratorTrimHorizon), []string{"c"}, merged},
		{f.iterator(t, 2, kinesis.IteratorTrimHorizon), []string{"d"}, merged},
		{f.iterator(t, 3, kinesis.IteratorTrimHorizon), []string{"e"}, nil},
	} {
		iterator := test.iterator
		for i, want := range test.records {
			out := f.get(t, iterator, 1)
			if len(out.Records) != 1 || string(out.Records[0].Data) != want {
				t.Fatalf("record %d is %+v, want %s", i, out.Records, want)
			}
			if iterator = out.NextShardIterator; iterator == "" && i < len(test.records)-1 {
				t.Fatalf("no next iterator after record %d of %d", i+1, len(test.records))
			}
			if iterator != "" && out.ChildShards != nil {
				t.Errorf("children before the end: %+v", out)
			}
			if iterator == "" && fmt.Sprint(out.ChildShards) != fmt.Sprint(test.children) {
				t.Errorf("children %+v, want %+v", out.ChildShards, test.children)
			}
		}
		if iterator == "" {
			continue
		}
		out := f.get(t, iterator, 1)
		if len(out.Records) != 0 || (out.NextShardIterator == "") != (test.children != nil) || fmt.Sprint(out.ChildShards) != fmt.Sprint(test.children) ||
			out.MillisBehindLatest != 0 {
			t.Errorf("at the end: %+v, want children %+v", out, test.children)
		}
	}
}

// TestIteratorOutlivesTheSplit: a reader at the tip of a shard that another process splits reads on to its end.
func TestIteratorOutlivesTheSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.put(t, hashkey.Key{}, "a")
		out := f.get(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), 0)
		other := overStore(f.mem, nil, streams.Config{})
		other.put(t, hashkey.Key{}, "b")
		other.split(t, 0, half())
		other.put(t, hashkey.Key{}, "c")
		out = f.get(t, out.NextShardIterator, 0)
		if len(out.Records) != 1 || string(out.Records[0].Data) != "b" {
			t.Errorf("before the map is read again: %+v", out)
		}
		time.Sleep(5 * time.Second) // the map is read again
		if next := out.NextShardIterator; next != "" {
			out = f.get(t, next, 0)
		}
		if len(out.Records) != 0 && string(out.Records[0].Data) != "b" || out.NextShardIterator != "" || len(out.ChildShards) != 2 {
			t.Errorf("at the end: %+v", out)
		}
		// An iterator that another process made for a shard that this one's map does not have.
		other.split(t, 1, quarter())
		iterator := other.iterator(t, 4, kinesis.IteratorTrimHorizon)
		other.put(t, quarter(), "e")
		f.wantRead(t, iterator, "e")
	})
}
