package shardlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/storetest"
)

// keyed returns records of several partition keys, whose data tells writer, turn and place.
func keyed(writer, turn, n int) []segment.Record {
	rs := make([]segment.Record, n)
	for i := range rs {
		rs[i] = segment.Record{PartitionKey: fmt.Sprint("key-", (writer+i)%7), Data: fmt.Appendf(nil, "%d/%d/%d", writer, turn, i)}
	}
	return rs
}

// putAll puts a few times, as a producer does that has cached the stream's map.
func putAll(t *testing.T, streams *shardlog.Streams, history *storetest.StreamHistory, writer, turns int, every time.Duration) {
	for turn := range turns {
		rs := keyed(writer, turn, 1+(writer+turn)%6)
		p := history.Start(fmt.Sprint(writer), rs)
		p.Done(streams.Put(t.Context(), "orders", rs))
		time.Sleep(every) // virtual
	}
}

// mergeLast plans to merge two open shards whose ranges meet: the first two in the order of their keys.
func mergeLast(s shardlog.Stream) (shardlog.Change, error) {
	open := s.OpenShards()
	return shardlog.Merge(open[1], open[0]), nil
}

// halveLargest plans to split the open shard with the largest range.
func halveLargest(s shardlog.Stream) (shardlog.Change, error) {
	size := func(i shardlog.ShardInfo) uint64 { return i.Keys.End.Hi - i.Keys.Start.Hi }
	open := s.OpenShards()
	largest := slices.MaxFunc(open, func(a, b shardlog.ShardInfo) int {
		if size(a) < size(b) {
			return -1
		}
		return 1
	})
	return halve(largest.Index)(s)
}

// family reads a stream as consumers do that follow parents before children: a shard once all its parents have ended, and open ones
// until the writers are done and the tip holds still. It returns the records in the order in which they were read.
func family(t *testing.T, log *shardlog.Log, name string, done <-chan struct{}) []shardlog.Stored {
	streams := shardlog.NewStreams(log)
	var all []shardlog.Stored
	at, ended := map[uint32]shardlog.Position{}, map[uint32]bool{}
	for {
		finished := false
		select {
		case <-done:
			finished = true
		default:
		}
		stream, err := streams.Describe(t.Context(), name)
		quiet := err == nil
		for _, info := range stream.Shards {
			unread := func(parent uint32) bool { return !ended[parent] }
			if ended[info.Index] {
				continue
			}
			if slices.ContainsFunc(info.Parents, unread) {
				quiet = false
				continue
			}
			read, err := log.Read(t.Context(), stream, info.Index, at[info.Index], shardlog.Limits{Records: 5, Bytes: 1 << 20})
			all = append(all, read.Records...)
			at[info.Index], ended[info.Index] = read.Next, read.Ended
			if err != nil || read.Behind > 0 || (!info.IsOpen() && !read.Ended) {
				quiet = false
			}
		}
		if quiet && finished {
			return all
		}
		time.Sleep(100 * time.Millisecond) // virtual
	}
}

// TestCachedMapsDuringReshard: writers that have the stream's map in their cache lose and misplace nothing while shards
// split and merge.
func TestCachedMapsDuringReshard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 5
		f := newFixture(t, 2, nil)
		var history storetest.StreamHistory
		var writing, reading sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				streams := shardlog.NewStreams(shardlog.NewLog(f.faults, shardlog.Options{}))
				putAll(t, streams, &history, w, 40, time.Duration(170+w)*time.Millisecond)
			})
		}
		done := make(chan struct{})
		var read []shardlog.Stored
		reading.Go(func() { read = family(t, f.reader, "orders", done) })
		resharder := shardlog.NewStreams(f.log)
		for i, plan := range []func(shardlog.Stream) (shardlog.Change, error){halveLargest, halveLargest, mergeLast, halveLargest, mergeLast, mergeLast} {
			time.Sleep(900 * time.Millisecond)
			before, err := resharder.Describe(t.Context(), "orders")
			if err != nil {
				t.Fatal(err)
			}
			after, err := resharder.Reshard(t.Context(), "orders", plan)
			if err != nil || len(after.Shards) <= len(before.Shards) {
				t.Errorf("change %d: %d shards became %d, %v", i, len(before.Shards), len(after.Shards), err)
			}
		}
		writing.Wait()
		close(done)
		reading.Wait()
		f.reload(t)
		if err := history.Check(f.stream, read); err != nil {
			t.Error(err)
		}
		if want := history.Acknowledged(); len(read) != want || want < 40*writers {
			t.Errorf("%d records were read, %d were acknowledged", len(read), want)
		}
		for _, info := range f.stream.Shards {
			if !info.IsOpen() && !info.Sealed {
				t.Errorf("shard %d is closed and not sealed", info.Index)
			}
		}
	})
}

// TestSplitUnderAWriter has a writer hold a slot of the parent while it is split. When the writer wakes, its record is in the parent
// only if no record of a child could be read before; otherwise it goes to a child.
func TestSplitUnderAWriter(t *testing.T) {
	for _, test := range []struct {
		name   string
		sealed func(t *testing.T, f *fixture) // what happens between the split and the writer's waking
		parent bool                           // the record is to stand in the parent
	}{
		{"woken after the split was sealed", func(t *testing.T, f *fixture) {
			if _, err := shardlog.NewStreams(f.reader).Reshard(t.Context(), "orders", halve(0)); err != nil {
				t.Error(err)
			}
		}, false},
		{"woken after the resharder died", func(t *testing.T, f *fixture) { f.closeShard(t) }, true},
		{"woken after the resharder died and a child was read", func(t *testing.T, f *fixture) {
			f.closeShard(t)
			for child := range uint32(2) {
				if _, err := f.reader.Append(t.Context(), f.stream.Shard(1+child), records(10+int(child), 0, 1)); err != nil {
					t.Error(err)
				}
			}
			read, err := f.reader.Read(t.Context(), f.stream, 1, shardlog.Position{}, shardlog.Limits{Records: 9, Bytes: 1 << 20})
			if err != nil || len(read.Records) != 1 {
				t.Errorf("child: %+v, %v", read, err)
			}
			f.reload(t)
			if !f.stream.Shards[0].Sealed {
				t.Error("a child's record was read, and its parent is not sealed")
			}
		}, false},
		{"woken after the resharder died and the parent was read", func(t *testing.T, f *fixture) {
			f.closeShard(t)
			if read := f.read(t, shardlog.Position{}); !read.Ended {
				t.Errorf("parent: %+v", read)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
					if c.Op == faultstore.PutOnce && c.N == 0 {
						return faultstore.Fault{Wait: func(context.Context) { <-release }}
					}
					return faultstore.Fault{}
				})
				var result shardlog.Result
				woken := make(chan struct{})
				go func() {
					defer close(woken)
					writer := shardlog.NewStreams(shardlog.NewLog(f.faults, shardlog.Options{}))
					results, err := writer.Put(t.Context(), "orders", records(0, 0, 1))
					if err != nil {
						t.Error(err)
						return
					}
					result = results.At(0)
				}()
				synctest.Wait() // it holds slot 1 of shard 0
				test.sealed(t, f)
				close(release)
				<-woken
				f.reload(t)
				if result.Err != nil || (result.Shard == 0) != test.parent {
					t.Errorf("acknowledged in shard %d, %v; want in the parent: %v", result.Shard, result.Err, test.parent)
				}
				count := 0
				for _, info := range f.stream.Shards {
					for _, r := range readAll(t, f.reader, f.stream, info.Index) {
						if string(r.Data) == "0/0/0" {
							count++
							if r.Number != result.Number || !info.Keys.Contains(r.HashKey()) {
								t.Errorf("read as %+v of a shard that owns %s, acknowledged as %+v", r.Number, info.Keys, result.Number)
							}
						}
					}
				}
				if count != 1 {
					t.Errorf("the record was read %d times", count)
				}
			})
		})
	}
}

// TestChildWaitsForItsParents: where a parent cannot be sealed, nothing of its children is returned.
func TestChildWaitsForItsParents(t *testing.T) {
	for _, op := range []faultstore.Op{faultstore.Counter, faultstore.Scan, faultstore.PutOnce, faultstore.SealShard} {
		for name, fault := range map[string]faultstore.Fault{"failed": faultstore.Failed, "failed but applied": faultstore.FailedAfter} {
			t.Run(fmt.Sprint(op, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					broken := false
					f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
						if broken && c.Op == op && (op == faultstore.SealShard || c.Shard.Index == 0) {
							return fault
						}
						return faultstore.Fault{}
					})
					f.append(t, 0, 1)
					f.hole(t)
					f.closeShard(t)
					if _, err := f.reader.Append(t.Context(), f.stream.Shard(1), records(1, 0, 1)); err != nil {
						t.Fatal(err)
					}
					broken = true
					read, err := f.log.Read(t.Context(), f.stream, 1, shardlog.Position{}, shardlog.Limits{Records: 9, Bytes: 1 << 20})
					if err == nil || len(read.Records) != 0 {
						t.Errorf("read %+v, %v; want an error and no record", read, err)
					}
					broken = false
					wantData(t, readAll(t, f.log, f.stream, 1), "1/0/0")
					f.reload(t)
					if !f.stream.Shards[0].Sealed || f.stream.Shards[0].Final != 2 {
						t.Errorf("the parent is %+v", f.stream.Shards[0])
					}
				})
			})
		}
	}
}

// TestGrandchildSealsAll: a reader of a grandchild seals the shards before it, whoever died when.
func TestGrandchildSealsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		f.hole(t)
		f.closeShard(t)
		change, err := halve(1)(f.stream)
		if err != nil {
			t.Fatal(err)
		}
		for i := range change.Opening {
			change.Opening[i].Index, change.Opening[i].Created = uint32(3+i), time.Now().UTC().Truncate(time.Second)
		}
		if err := f.mem.Reshard(t.Context(), f.stream, change.Closing, change.Opening); err != nil {
			t.Fatal(err)
		}
		f.reload(t)
		if read := readAll(t, f.log, f.stream, 3); len(read) != 0 {
			t.Errorf("read %v", read)
		}
		f.reload(t)
		for index, final := range []uint64{1, 0} {
			if info := f.stream.Shards[index]; !info.Sealed || info.Final != final {
				t.Errorf("shard %d is %+v, want it sealed at %d", index, info, final)
			}
		}
	})
}

// TestReshardFaults: whatever the call to the store tells, the change is made once, or not at all.
func TestReshardFaults(t *testing.T) {
	errPlanned := errors.New("the parent is closed")
	once := func(s shardlog.Stream) (shardlog.Change, error) {
		if !s.Shards[0].IsOpen() {
			return shardlog.Change{}, errPlanned
		}
		return halve(0)(s)
	}
	changed := faultstore.Fault{Before: shardlog.ErrStreamChanged}
	for name, test := range map[string]struct {
		fault  faultstore.Fault
		n      int
		err    error
		shards int
	}{
		"no fault":                   {faultstore.None, 1, nil, 3},
		"throttled twice":            {faultstore.Throttled, 2, nil, 3},
		"throttled":                  {faultstore.Throttled, always, shardlog.ErrThrottled, 1},
		"failed twice":               {faultstore.Failed, 2, nil, 3},
		"failed":                     {faultstore.Failed, always, faultstore.ErrUnknown, 1},
		"failed but applied":         {faultstore.FailedAfter, 1, nil, 3},
		"failed but applied, always": {faultstore.FailedAfter, always, nil, 3},
		"changed twice":              {changed, 2, nil, 3},
		"changed":                    {changed, always, shardlog.ErrStreamChanged, 1},
		"refused":                    {faultstore.Fault{Before: shardlog.ErrRefused}, 1, shardlog.ErrRefused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 1, first(faultstore.Reshard, test.n, test.fault))
				got, err := shardlog.NewStreams(f.log).Reshard(t.Context(), "orders", once)
				if !errors.Is(err, test.err) {
					t.Errorf("error %v, want %v", err, test.err)
				}
				f.reload(t)
				if len(f.stream.Shards) != test.shards || (err == nil && len(got.Shards) != test.shards) {
					t.Errorf("%d shards stand, %d are told; want %d", len(f.stream.Shards), len(got.Shards), test.shards)
				}
				if test.err == nil && !f.stream.Shards[0].Sealed {
					t.Error("the parent is not sealed")
				}
			})
		})
	}
}

// TestReshardOvertaken: between a try that is lost from sight and the next, somebody else changes the stream.
func TestReshardOvertaken(t *testing.T) {
	for name, test := range map[string]struct {
		next   faultstore.Fault // what becomes of the second try
		shards int
	}{
		"the next is seen":                       {faultstore.None, 6},
		"the next is lost from sight, too":       {faultstore.Failed, 6},
		"the next is lost from sight, but there": {faultstore.FailedAfter, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f *fixture
				f = newFixture(t, 2, func(c faultstore.Call) faultstore.Fault {
					switch {
					case c.Op == faultstore.Reshard && c.N == 0:
						return faultstore.Fault{Before: faultstore.ErrUnknown, Wait: func(context.Context) {
							if _, err := shardlog.NewStreams(f.reader).Reshard(t.Context(), "orders", halve(1)); err != nil {
								t.Error(err)
							}
							time.Sleep(time.Minute)
						}}
					case c.Op == faultstore.Reshard && c.N == 1:
						return test.next
					}
					return faultstore.None
				})
				planned := 0
				got, err := shardlog.NewStreams(f.log).Reshard(t.Context(), "orders", func(s shardlog.Stream) (shardlog.Change, error) {
					planned++
					if !s.Shards[0].IsOpen() {
						return shardlog.Change{}, fmt.Errorf("plan %d is made on a stream that has changed already", planned)
					}
					return halve(0)(s)
				})
				f.reload(t)
				if err != nil || len(got.Shards) != test.shards || len(f.stream.Shards) != test.shards {
					t.Errorf("%d shards stand, %d are told, %v", len(f.stream.Shards), len(got.Shards), err)
				}
			})
		})
	}
}

// TestReshardAppliedLate: a try that was lost from sight is applied just before the next one.
func TestReshardAppliedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		late := &lateReshard{Store: f.faults}
		got, err := shardlog.NewStreams(shardlog.NewLog(late, shardlog.Options{})).Reshard(t.Context(), "orders", halve(0))
		f.reload(t)
		if err != nil || late.tries != 2 || len(got.Shards) != 3 || len(f.stream.Shards) != 3 {
			t.Errorf("%d tries, %d shards stand, %d are told, %v", late.tries, len(f.stream.Shards), len(got.Shards), err)
		}
	})
}

// lateReshard answers its first Reshard without having applied it, and applies it just before its second.
type lateReshard struct {
	shardlog.Store
	tries int
	first func() error
}

func (s *lateReshard) Reshard(ctx context.Context, stream shardlog.Stream, closing []uint32, opening []shardlog.ShardInfo) error {
	s.tries++
	if s.tries == 1 {
		s.first = func() error { return s.Store.Reshard(ctx, stream, closing, opening) }
		time.Sleep(1500 * time.Millisecond) // virtual; the next try bears another time
		return faultstore.ErrUnknown
	}
	if err := s.first(); err != nil {
		return err
	}
	return s.Store.Reshard(ctx, stream, closing, opening)
}

// TestReshardUnderFaults draws a fault for every call of writers, readers and of who splits and merges meanwhile: every
// acknowledged record is read once, from a shard that owns it, each partition key's in the order in which they were put.
func TestReshardUnderFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// Drawn beforehand, because a call's goroutine must not draw.
		faults := rapid.SliceOfN(rapid.SampledFrom(faultTable()), 60, 60).Draw(rt, "faults")
		changes := rapid.SliceOfN(rapid.Bool(), 3, 6).Draw(rt, "splits")
		pause := rapid.SampledFrom([]time.Duration{10 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second}).Draw(rt, "pause")
		var errs []error
		synctest.Test(t, func(t *testing.T) { errs = reshardUnderFaults(t, faults, changes, pause) })
		for _, err := range errs {
			rt.Error(err)
		}
	})
}

func reshardUnderFaults(t *testing.T, faults []namedFault, splits []bool, pause time.Duration) (errs []error) {
	const writers, turns, readers = 3, 5, 2
	next := 0
	var healed atomic.Bool // so that what was written can be read to its end
	f := newFixture(t, 2, func(faultstore.Call) faultstore.Fault {
		if healed.Load() {
			return faultstore.None
		}
		next++
		return faults[next%len(faults)].fault
	})
	var history storetest.StreamHistory
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			streams := shardlog.NewStreams(shardlog.NewLog(f.faults, shardlog.Options{}))
			putAll(t, streams, &history, w, turns, pause/2)
		})
	}
	done := make(chan struct{})
	read := make([][]shardlog.Stored, readers+1)
	for i := range readers {
		reading.Go(func() { read[i] = family(t, shardlog.NewLog(f.faults, shardlog.Options{}), "orders", done) })
	}
	resharder := shardlog.NewStreams(f.log)
	for _, split := range splits {
		plan := mergeLast
		if split {
			plan = halveLargest
		}
		// A change that fails may have been made, or have left sealing to the readers.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, _ = resharder.Reshard(ctx, "orders", func(s shardlog.Stream) (shardlog.Change, error) {
			if len(s.OpenShards()) < 2 {
				return halveLargest(s)
			}
			return plan(s)
		})
		cancel()
		time.Sleep(pause)
	}
	writing.Wait()
	healed.Store(true)
	close(done)
	reading.Wait()
	read[readers] = family(t, f.reader, "orders", done)
	f.reload(t)
	for _, all := range read {
		if err := history.Check(f.stream, all); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
