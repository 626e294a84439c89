package shardlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

const retention = 24 * time.Hour

// fixture is a stream "orders" in a memstore behind faults. Reads go to the store without faults.
type fixture struct {
	stream shardlog.Stream
	mem    *memstore.Store
	faults *faultstore.Store
	log    *shardlog.Log // with faults
	reader *shardlog.Log // without
}

func newFixture(t *testing.T, shards int, plan func(faultstore.Call) faultstore.Fault) *fixture {
	t.Helper()
	mem := memstore.New()
	f := &fixture{stream: storetest.NewStream("orders", "a1", shards), mem: mem, faults: faultstore.New(mem, plan)}
	f.log = shardlog.NewLog(f.faults, shardlog.Options{})
	f.reader = shardlog.NewLog(mem, shardlog.Options{})
	if err := mem.CreateStream(t.Context(), f.stream); err != nil {
		t.Fatal(err)
	}
	return f
}

// records returns n records whose data tells writer, turn and place.
func records(writer, turn, n int) []segment.Record {
	rs := make([]segment.Record, n)
	for i := range rs {
		rs[i] = segment.Record{PartitionKey: fmt.Sprint("writer-", writer), Data: fmt.Appendf(nil, "%d/%d/%d", writer, turn, i)}
	}
	return rs
}

// readAll reads a shard from its start, waiting out grace periods, until the tip.
func readAll(t *testing.T, log *shardlog.Log, stream shardlog.Stream, index uint32) []shardlog.Stored {
	t.Helper()
	var all []shardlog.Stored
	from := shardlog.Position{}
	for {
		read, err := log.Read(t.Context(), stream, index, from, shardlog.Limits{Records: 100, Bytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read.Records...)
		from = read.Next
		if read.Behind == 0 {
			return all
		}
		if len(read.Records) == 0 {
			time.Sleep(time.Second) // virtual
		}
	}
}

func wantData(t *testing.T, got []shardlog.Stored, want ...string) {
	t.Helper()
	data := make([]string, len(got))
	for i, s := range got {
		data[i] = string(s.Data)
	}
	if fmt.Sprint(data) != fmt.Sprint(want) {
		t.Errorf("read %v, want %v", data, want)
	}
}

// first makes the first n calls of an op fail, each with the fault.
func first(op faultstore.Op, n int, fault faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return func(c faultstore.Call) faultstore.Fault {
		if c.Op == op && !c.Fill && c.N < n {
			return fault
		}
		return faultstore.Fault{}
	}
}

// either applies two plans, the first that has a fault winning.
func either(a, b func(faultstore.Call) faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return func(c faultstore.Call) faultstore.Fault {
		if f := a(c); f.Wait != nil || f.Before != nil || f.After != nil {
			return f
		}
		return b(c)
	}
}

func fills(fault faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return func(c faultstore.Call) faultstore.Fault {
		if c.Fill {
			return fault
		}
		return faultstore.Fault{}
	}
}

func firstFill(fault faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	done := false
	return func(c faultstore.Call) faultstore.Fault {
		if !c.Fill || done {
			return faultstore.Fault{}
		}
		done = true
		return fault
	}
}

const always = 1 << 30

// TestAppendFaults makes every step fail in every flavour, and checks what the writer was told against what a reader sees.
func TestAppendFaults(t *testing.T) {
	refused := faultstore.Fault{Before: shardlog.ErrRefused}
	tests := []struct {
		name  string
		plan  func(faultstore.Call) faultstore.Fault
		slot  uint64 // where it is acknowledged; 0: the append fails
		err   error
		reads bool // the record is read back
	}{
		{"no fault", nil, 1, nil, true},
		{"allocate throttled twice", first(faultstore.Allocate, 2, faultstore.Throttled), 1, nil, true},
		{"allocate throttled", first(faultstore.Allocate, always, faultstore.Throttled), 0, shardlog.ErrThrottled, false},
		{"allocate fails twice", first(faultstore.Allocate, 2, faultstore.Failed), 1, nil, true},
		{"allocate fails", first(faultstore.Allocate, always, faultstore.Failed), 0, faultstore.ErrUnknown, false},
		{"allocate applied and fails twice", first(faultstore.Allocate, 2, faultstore.FailedAfter), 3, nil, true},
		{"allocate refused", first(faultstore.Allocate, 1, refused), 0, shardlog.ErrRefused, false},
		{"allocate hangs once", first(faultstore.Allocate, 1, faultstore.Hangs), 1, nil, true},
		{"put throttled five times", first(faultstore.PutOnce, 5, faultstore.Throttled), 1, nil, true},
		{"put throttled", first(faultstore.PutOnce, always, faultstore.Throttled), 0, shardlog.ErrThrottled, false},
		{"put fails once", first(faultstore.PutOnce, 1, faultstore.Failed), 1, nil, true},
		{"put fails", first(faultstore.PutOnce, always, faultstore.Failed), 0, faultstore.ErrUnknown, false},
		{"put applied and fails once", first(faultstore.PutOnce, 1, faultstore.FailedAfter), 1, nil, true},
		{"put applied and always fails", first(faultstore.PutOnce, always, faultstore.FailedAfter), 1, nil, true},
		{"put refused", first(faultstore.PutOnce, 1, refused), 0, shardlog.ErrRefused, false},
		{"put hangs once", first(faultstore.PutOnce, 1, faultstore.Hangs), 1, nil, true},
		{"put throttled, fill throttled", either(first(faultstore.PutOnce, always, faultstore.Throttled), fills(faultstore.Throttled)),
			0, shardlog.ErrThrottled, false},
		{"put fails, fill fails", either(first(faultstore.PutOnce, always, faultstore.Failed), fills(faultstore.Failed)),
			0, shardlog.ErrUndecided, false},
		{"put applied and fails, fill fails", either(first(faultstore.PutOnce, always, faultstore.FailedAfter), fills(faultstore.Failed)),
			0, shardlog.ErrUndecided, true},
		{"put fails, fill applied and fails", either(first(faultstore.PutOnce, always, faultstore.Failed), fills(faultstore.FailedAfter)),
			0, shardlog.ErrUndecided, false},
		{"put fails, fill applied and fails once", either(first(faultstore.PutOnce, always, faultstore.Failed), firstFill(faultstore.FailedAfter)),
			0, faultstore.ErrUnknown, false},
		{"put applied and fails, fill fails once", either(first(faultstore.PutOnce, always, faultstore.FailedAfter), firstFill(faultstore.Failed)),
			1, nil, true},
		{"put refused, fill refused", either(first(faultstore.PutOnce, always, refused), fills(refused)), 0, shardlog.ErrRefused, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 1, test.plan)
				got, err := f.log.Append(t.Context(), f.stream.Shard(0), records(0, 0, 2))
				if got.Slot != test.slot || !errors.Is(err, test.err) {
					t.Errorf("slot %d, error %v; want slot %d, error %v", got.Slot, err, test.slot, test.err)
				}
				if test.err != shardlog.ErrUndecided && errors.Is(err, shardlog.ErrUndecided) {
					t.Errorf("the writer does not know its outcome: %v", err)
				}
				var want []string
				if test.reads {
					want = append(want, "0/0/0", "0/0/1")
				}
				if _, err := f.reader.Append(t.Context(), f.stream.Shard(0), records(1, 0, 1)); err != nil {
					t.Fatal(err)
				}
				wantData(t, readAll(t, f.reader, f.stream, 0), append(want, "1/0/0")...)
			})
		})
	}
}

func TestAppendToClosedShard(t *testing.T) {
	f := newFixture(t, 1, nil)
	if err := f.faults.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	_, err := f.log.Append(t.Context(), f.stream.Shard(0), records(0, 0, 1))
	if !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("error %v, want ErrShardClosed", err)
	}
	if n := f.faults.Calls()[faultstore.Allocate]; n != 1 {
		t.Errorf("%d allocations, want 1: there is no use in trying again", n)
	}
}

// TestSlowWriter has a writer sleep between its two steps, past the grace period, while a reader fills its slot.
func TestSlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.PutOnce && c.Slot == 1 && !c.Fill {
				return faultstore.Fault{Wait: func(context.Context) { time.Sleep(2900 * time.Millisecond) }}
			}
			return faultstore.Fault{}
		})
		slow := make(chan shardlog.Appended)
		go func() {
			got, err := f.log.Append(t.Context(), f.stream.Shard(0), records(0, 0, 1))
			if err != nil {
				t.Errorf("slow writer: %v", err)
			}
			slow <- got
		}()
		synctest.Wait() // it holds slot 1
		if _, err := f.log.Append(t.Context(), f.stream.Shard(0), records(1, 0, 1)); err != nil {
			t.Fatal(err)
		}
		eager := shardlog.NewLog(f.faults, shardlog.Options{Grace: time.Second})
		wantData(t, readAll(t, eager, f.stream, 0), "1/0/0") // fills slot 1
		if got := <-slow; got.Slot != 3 {
			t.Errorf("the slow writer was acknowledged with slot %d, want 3", got.Slot)
		}
		wantData(t, readAll(t, eager, f.stream, 0), "1/0/0", "0/0/0")
	})
}

// TestProducerGone ends the request's context between the steps: the slot is decided all the same.
func TestProducerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.PutOnce && !c.Fill {
				cancel()
			}
			return faultstore.Fault{}
		})
		_, err := f.log.Append(ctx, f.stream.Shard(0), records(0, 0, 1))
		if !errors.Is(err, context.Canceled) || errors.Is(err, shardlog.ErrUndecided) {
			t.Errorf("error %v, want a certain failure by context.Canceled", err)
		}
		page, err := f.faults.Scan(t.Context(), f.stream.Shard(0), 1, 1)
		if err != nil || len(page.Contents) != 1 || !page.Contents[0].Filler() {
			t.Errorf("slot 1 is not filled: %+v, %v", page, err)
		}
	})
}

// TestAppendKeepsItsDeadline: whatever hangs, the writer answers before its context's deadline.
func TestAppendKeepsItsDeadline(t *testing.T) {
	for _, op := range []faultstore.Op{faultstore.Allocate, faultstore.PutOnce} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
					if c.Op == op {
						return faultstore.Hangs
					}
					return faultstore.Fault{}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				start := time.Now()
				if _, err := f.log.Append(ctx, f.stream.Shard(0), records(0, 0, 1)); err == nil {
					t.Error("the append succeeded")
				}
				if took := time.Since(start); took > 4*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
