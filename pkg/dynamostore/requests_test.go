package dynamostore_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

func (f fixture) expectRequests(t *testing.T, doing string, want map[string]int) {
	t.Helper()
	if got := f.spy.counts(); !maps.Equal(got, want) {
		t.Errorf("%s took the requests %v, want %v", doing, got, want)
	}
	f.spy.reset(nil)
}

// TestRequests: what each operation asks of DynamoDB, which is what it costs.
func TestRequests(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 49).Shard(0)
	f.expectRequests(t, "creating 49 shards", map[string]int{"TransactWriteItems": 1})

	f.append(t, shard, segmentOf(1, 100_000))
	f.expectRequests(t, "an append", map[string]int{"UpdateItem": 1, "PutItem": 1})

	f.append(t, shard, segmentOf(2, 5<<20))
	f.expectRequests(t, "an append of 5 MB", map[string]int{"UpdateItem": 1, "PutItem": 13})

	if _, err := f.Scan(t.Context(), shard, 1, 50_000); err != nil {
		t.Fatal(err)
	}
	f.expectRequests(t, "a page", map[string]int{"Query": 1})

	stream := f.load(t, "orders")
	f.expectRequests(t, "loading", map[string]int{"GetItem": 1, "Query": 1})

	for doing, op := range map[string]struct {
		run  func() error
		want map[string]int
	}{
		"reading a counter":   {func() error { _, err := f.Counter(t.Context(), shard); return err }, map[string]int{"GetItem": 1}},
		"a look":              {func() error { _, _, err := f.Peek(t.Context(), shard, 1); return err }, map[string]int{"Query": 1}},
		"a look at 5 MB":      {func() error { _, _, err := f.Peek(t.Context(), shard, 2); return err }, map[string]int{"Query": 1}},
		"setting a retention": {func() error { _, err := f.SetRetention(t.Context(), shard, time.Hour); return err }, map[string]int{"UpdateItem": 1}},
		"listing":             {func() error { _, _, err := f.ListStreams(t.Context(), "", 10); return err }, map[string]int{"Query": 1}},
		"updating a stream":   {func() error { return f.UpdateStream(t.Context(), stream) }, map[string]int{"TransactWriteItems": 1}},
	} {
		if err := op.run(); err != nil {
			t.Fatalf("%s: %v", doing, err)
		}
		f.expectRequests(t, doing, op.want)
	}

	for _, n := range []int{50, 1000} {
		name := fmt.Sprintf("large-%d", n)
		f.create(t, name, fmt.Sprintf("b%d", n), n)
		f.expectRequests(t, fmt.Sprintf("creating %d shards", n), map[string]int{"GetItem": 1, "BatchWriteItem": 2 * n / 25, "TransactWriteItems": 1})
		got, err := f.LoadStream(t.Context(), name)
		if err != nil || len(got.Shards) != n {
			t.Fatalf("%d shards, error %v", len(got.Shards), err)
		}
		f.expectRequests(t, fmt.Sprintf("loading %d shards", n), map[string]int{"GetItem": 1, "Query": 1})
		if err := f.CreateStream(t.Context(), storetest.NewStream(name, "c1", n)); err == nil {
			t.Fatal("a name was taken twice")
		}
		f.expectRequests(t, "creating under a name that is taken", map[string]int{"GetItem": 1})
	}
}

// TestAllocateRequests: an allocation is one request, and two where a mark is due, which it is once an hour.
func TestAllocateRequests(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	for minute := 0; minute <= 200; minute += 20 {
		f.spy.reset(nil)
		f.allocate(t, stream.Shard(0), stream.Created.Add(time.Duration(minute)*time.Minute))
		want := 1
		if minute > 0 && minute%60 == 0 {
			want = 2
		}
		f.expectRequests(t, fmt.Sprintf("allocating in minute %d", minute), map[string]int{"UpdateItem": want})
	}
	f.spy.reset(nil)
	change := splitOf(stream, 0)
	if err := f.Reshard(t.Context(), stream, change.Closing, change.Opening); err != nil {
		t.Fatal(err)
	}
	f.expectRequests(t, "resharding", map[string]int{"TransactWriteItems": 1})
	if _, err := f.Allocate(t.Context(), stream.Shard(0), stream.Created.Add(9*time.Hour), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("error %v, want ErrShardClosed", err)
	}
	f.expectRequests(t, "allocating in a closed shard", map[string]int{"UpdateItem": 1})
	if err := f.SealShard(t.Context(), stream.Shard(0), 11); err != nil {
		t.Fatal(err)
	}
	f.expectRequests(t, "sealing", map[string]int{"UpdateItem": 1})
	f.load(t, "orders")
	f.expectRequests(t, "loading it then", map[string]int{"GetItem": 1, "Query": 1})
}

// TestScanReadsLittle: what a page may hold bounds what DynamoDB reads, and no page takes more than one answer of it where one will do.
func TestScanReadsLittle(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	for i := range 8 {
		f.append(t, shard, segmentOf(byte(i), 300_000))
	}
	f.spy.reset(nil)
	for _, c := range []struct {
		maxBytes, contents, scanned int
	}{
		{1, 1, 1},
		{64 << 20, 4, 4}, // the item that passes 1 MB is the last
	} {
		page, err := f.Scan(t.Context(), shard, 1, c.maxBytes)
		if err != nil || !page.More || len(page.Contents) != c.contents {
			t.Errorf("bound %d: %d contents, more %v, error %v; want %d", c.maxBytes, len(page.Contents), page.More, err, c.contents)
		}
		if f.spy.scanned != c.scanned {
			t.Errorf("bound %d: DynamoDB read %d items, want %d", c.maxBytes, f.spy.scanned, c.scanned)
		}
		f.expectRequests(t, "a page", map[string]int{"Query": 1})
	}
}
