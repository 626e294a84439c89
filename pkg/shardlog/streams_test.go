package shardlog_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/storetest"
)

// spread returns n records that go to the shards of a 4-shard stream in turn, 0, 1, 2, 3, 0 ...
func spread(n int) []segment.Record {
	ranges := hashkey.Uniform(4)
	rs := make([]segment.Record, n)
	for i := range rs {
		key := ranges[i%4].Start
		rs[i] = segment.Record{PartitionKey: "k", ExplicitHash: &key, Data: fmt.Append(nil, i)}
	}
	return rs
}

func wantAllStored(t *testing.T, results *shardlog.Results) {
	t.Helper()
	for i, r := range results.All() {
		if r.Err != nil {
			t.Fatalf("record %d: %v", i, r.Err)
		}
	}
}

// TestPutRoundTrips counts the store's calls: one Allocate and one PutOnce a shard, and the map once in a few seconds.
func TestPutRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 4, nil)
		streams := shardlog.NewStreams(f.log)
		put := func(n int, want map[faultstore.Op]int) {
			t.Helper()
			results, err := streams.Put(t.Context(), "orders", spread(n))
			if err != nil {
				t.Fatal(err)
			}
			wantAllStored(t, results)
			got := f.faults.Calls()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("calls %v, want %v", got, want)
			}
		}
		put(500, map[faultstore.Op]int{faultstore.LoadStream: 1, faultstore.Allocate: 4, faultstore.PutOnce: 4})
		put(3, map[faultstore.Op]int{faultstore.LoadStream: 1, faultstore.Allocate: 7, faultstore.PutOnce: 7})
		time.Sleep(5 * time.Second)
		put(1, map[faultstore.Op]int{faultstore.LoadStream: 2, faultstore.Allocate: 8, faultstore.PutOnce: 8})
	})
}

func TestPutKeepsOrderWithinShards(t *testing.T) {
	f := newFixture(t, 4, nil)
	results, err := shardlog.NewStreams(f.log).Put(t.Context(), "orders", spread(41))
	if err != nil {
		t.Fatal(err)
	}
	wantAllStored(t, results)
	for shard := range uint32(4) {
		var want []string
		var numbers []string
		for i := int(shard); i < 41; i += 4 {
			want = append(want, fmt.Sprint(i))
			numbers = append(numbers, results.At(i).Number.String())
			if got := results.At(i).Shard; got != shard {
				t.Errorf("record %d went to shard %d, want %d", i, got, shard)
			}
		}
		got := readAll(t, f.reader, f.stream, shard)
		wantData(t, got, want...)
		for i, r := range got {
			if r.Number.String() != numbers[i] {
				t.Errorf("shard %d record %d has number %s, was acknowledged with %s", shard, i, r.Number, numbers[i])
			}
		}
	}
}

// TestShardsFailAlone is I6, for each way in which one shard can fail.
func TestShardsFailAlone(t *testing.T) {
	for name, fault := range map[string]faultstore.Fault{
		"throttled": faultstore.Throttled, "failed": faultstore.Failed, "refused": {Before: shardlog.ErrRefused}, "hangs": faultstore.Hangs,
	} {
		for _, op := range []faultstore.Op{faultstore.Allocate, faultstore.PutOnce} {
			t.Run(fmt.Sprint(op, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t, 4, func(c faultstore.Call) faultstore.Fault {
						if c.Op == op && c.Shard.Index == 2 && !c.Fill {
							return fault
						}
						return faultstore.Fault{}
					})
					results, err := shardlog.NewStreams(f.log).Put(t.Context(), "orders", spread(20))
					if err != nil {
						t.Fatal(err)
					}
					for i, r := range results.All() {
						if (r.Err != nil) != (i%4 == 2) || r.Shard != uint32(i%4) {
							t.Errorf("record %d of shard %d: %v", i, r.Shard, r.Err)
						}
						if got, want := errors.Is(r.Err, shardlog.ErrThrottled), i%4 == 2 && name == "throttled"; got != want {
							t.Errorf("record %d: throttled is %v, want %v", i, got, want)
						}
					}
					wantData(t, readAll(t, f.reader, f.stream, 1), "1", "5", "9", "13", "17")
					wantData(t, readAll(t, f.reader, f.stream, 2))
				})
			})
		}
	}
}

// TestStaleMap: the stream is deleted and created anew, with other shards, behind the back of a writer that has cached its
// map. Everything it is acknowledged for is in the new stream, in the right shards.
func TestStaleMap(t *testing.T) {
	f := newFixture(t, 4, nil)
	streams := shardlog.NewStreams(f.log)
	if _, err := streams.Put(t.Context(), "orders", spread(4)); err != nil {
		t.Fatal(err)
	}
	if err := f.mem.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	anew := storetest.NewStream("orders", "b2", 2)
	if err := f.mem.CreateStream(t.Context(), anew); err != nil {
		t.Fatal(err)
	}
	results, err := streams.Put(t.Context(), "orders", spread(8))
	if err != nil {
		t.Fatal(err)
	}
	wantAllStored(t, results)
	wantData(t, readAll(t, f.reader, anew, 0), "0", "1", "4", "5")
	wantData(t, readAll(t, f.reader, anew, 1), "2", "3", "6", "7")
	for i, r := range results.All() {
		if want := uint32(i % 4 / 2); r.Shard != want || r.Number.Shard != want {
			t.Errorf("record %d was acknowledged in shard %d, want %d", i, r.Shard, want)
		}
	}
}

func TestStaleMapOfDeletedStream(t *testing.T) {
	f := newFixture(t, 4, nil)
	streams := shardlog.NewStreams(f.log)
	if _, err := streams.Put(t.Context(), "orders", spread(4)); err != nil {
		t.Fatal(err)
	}
	if err := f.mem.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Put(t.Context(), "orders", spread(4)); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("error %v, want ErrStreamNotFound", err)
	}
}

// TestStreamGoneOnTheWay: one shard stores its records, another refuses because the stream is deleted meanwhile. What was stored
// is reported stored.
func TestStreamGoneOnTheWay(t *testing.T) {
	f := newFixture(t, 4, func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.Allocate && c.Shard.Index != 0 {
			return faultstore.Fault{Before: shardlog.ErrShardClosed}
		}
		if c.Op == faultstore.LoadStream && c.N > 0 {
			return faultstore.Fault{Before: shardlog.ErrStreamNotFound}
		}
		return faultstore.Fault{}
	})
	results, err := shardlog.NewStreams(f.log).Put(t.Context(), "orders", spread(8))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results.All() {
		if (r.Err == nil) != (i%4 == 0) {
			t.Errorf("record %d: %v", i, r.Err)
		}
	}
}

// TestShardsThatKeepRefusing: a map that never gets better does not keep a request for ever.
func TestShardsThatKeepRefusing(t *testing.T) {
	f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.Allocate {
			return faultstore.Fault{Before: shardlog.ErrShardClosed}
		}
		return faultstore.Fault{}
	})
	results, err := shardlog.NewStreams(f.log).Put(t.Context(), "orders", records(0, 0, 3))
	if err != nil || results.At(0).Err == nil || results.At(2).Err == nil {
		t.Errorf("results %v, error %v", results, err)
	}
}

func TestMapCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		fault faultstore.Fault
		is    error
	}{
		"throttled": {faultstore.Throttled, shardlog.ErrThrottled},
		"failed":    {faultstore.Failed, faultstore.ErrUnknown},
		"missing":   {faultstore.Fault{Before: shardlog.ErrStreamNotFound}, shardlog.ErrStreamNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 4, first(faultstore.LoadStream, always, test.fault))
				results, err := shardlog.NewStreams(f.log).Put(t.Context(), "orders", spread(4))
				if results != nil || !errors.Is(err, test.is) {
					t.Errorf("results %v, error %v, want %v", results, err, test.is)
				}
				if n := f.faults.Calls()[faultstore.Allocate]; n != 0 {
					t.Errorf("%d allocations", n)
				}
			})
		})
	}
}

func TestCreateFaults(t *testing.T) {
	for name, test := range map[string]struct {
		plan func(faultstore.Call) faultstore.Fault
		err  error
	}{
		"no fault":                  {nil, nil},
		"throttled once":            {first(faultstore.CreateStream, 1, faultstore.Throttled), nil},
		"throttled":                 {first(faultstore.CreateStream, always, faultstore.Throttled), shardlog.ErrThrottled},
		"failed once":               {first(faultstore.CreateStream, 1, faultstore.Failed), nil},
		"failed":                    {first(faultstore.CreateStream, always, faultstore.Failed), faultstore.ErrUnknown},
		"applied and failed once":   {first(faultstore.CreateStream, 1, faultstore.FailedAfter), nil},
		"refused":                   {first(faultstore.CreateStream, 1, faultstore.Fault{Before: shardlog.ErrRefused}), shardlog.ErrRefused},
		"the name is taken already": {first(faultstore.CreateStream, 1, faultstore.Fault{Before: shardlog.ErrStreamExists}), shardlog.ErrStreamExists},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 1, test.plan)
				streams := shardlog.NewStreams(f.log)
				want := storetest.NewStream("invoices", "c3", 3)
				if err := streams.Create(t.Context(), want); !errors.Is(err, test.err) {
					t.Fatalf("error %v, want %v", err, test.err)
				}
				got, err := streams.Describe(t.Context(), "invoices")
				if test.err == nil && (err != nil || got.ID == "" || len(got.Shards) != 3) {
					t.Errorf("described as %+v, %v", got, err)
				}
				if test.err != nil && !errors.Is(err, shardlog.ErrStreamNotFound) {
					t.Errorf("after a failure it is described as %+v, %v", got, err)
				}
			})
		})
	}
}

// TestCreateTaken: a name that somebody else took between two tries is taken.
func TestCreateTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *fixture
		f = newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.CreateStream && c.N == 0 {
				if err := f.mem.CreateStream(t.Context(), storetest.NewStream("invoices", "other", 1)); err != nil {
					t.Error(err)
				}
				return faultstore.Failed
			}
			return faultstore.Fault{}
		})
		err := shardlog.NewStreams(f.log).Create(t.Context(), storetest.NewStream("invoices", "c3", 3))
		if !errors.Is(err, shardlog.ErrStreamExists) {
			t.Errorf("error %v, want ErrStreamExists", err)
		}
	})
}
