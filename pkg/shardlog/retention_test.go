package shardlog_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

func (f *fixture) setRetention(t *testing.T, retention time.Duration) {
	t.Helper()
	if err := shardlog.NewStreams(f.log).SetRetention(t.Context(), "orders", retention); err != nil {
		t.Fatal(err)
	}
	f.reload(t)
}

func (f *fixture) reload(t *testing.T) {
	t.Helper()
	var err error
	if f.stream, err = f.mem.LoadStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) reclaim(t *testing.T) {
	t.Helper()
	if _, err := f.mem.Reclaim(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// TestRetentionShortenedAndLengthened: what has expired under a short retention does not come back with a longer one, though
// it is still stored.
func TestRetentionShortenedAndLengthened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		f.setRetention(t, 168*time.Hour)
		f.append(t, 0, 1)
		time.Sleep(30 * time.Hour)
		f.append(t, 1, 1)
		wantData(t, f.read(t, shardlog.Position{}).Records, "0/0/0", "1/0/0")
		f.setRetention(t, 24*time.Hour)
		wantData(t, f.read(t, shardlog.Position{}).Records, "1/0/0")
		time.Sleep(20 * time.Hour)
		f.append(t, 2, 1)
		f.setRetention(t, 8760*time.Hour)
		wantData(t, f.read(t, shardlog.Position{}).Records, "1/0/0", "2/0/0")
		f.reclaim(t)
		at, err := f.log.Seek(t.Context(), f.stream, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		wantData(t, f.read(t, at).Records, "1/0/0", "2/0/0")
		time.Sleep(8000 * time.Hour)
		f.reclaim(t)
		wantData(t, f.read(t, at).Records, "1/0/0", "2/0/0")
		time.Sleep(760 * time.Hour)
		wantData(t, f.read(t, at).Records)
	})
}

// TestLengthenedWithAppendsInFlight holds an append between its two steps and lets it go at each call that SetRetention
// makes, before it and after it. Whatever is acknowledged, and had not expired, is there when the old retention is over.
func TestLengthenedWithAppendsInFlight(t *testing.T) {
	ops := []faultstore.Op{
		faultstore.LoadStream, faultstore.SetRetention, faultstore.Peek, faultstore.Scan, faultstore.PutOnce, faultstore.Extend,
		faultstore.UpdateStream,
	}
	for _, held := range []faultstore.Op{faultstore.Allocate, faultstore.PutOnce} {
		for _, op := range ops {
			if held == faultstore.Allocate && (op == faultstore.Peek || op == faultstore.Scan || op == faultstore.PutOnce) {
				continue // with no young slot to decide, there is no such call
			}
			t.Run(fmt.Sprintf("%s until %s", held, op), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { lengthenInFlight(t, held, op) })
			})
		}
	}
}

func lengthenInFlight(t *testing.T, held, op faultstore.Op) {
	release, acknowledged := make(chan struct{}), make(chan struct{})
	f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault { // the writer's
		if c.Op == held && c.N == 1 {
			return faultstore.Fault{Wait: func(context.Context) { <-release }}
		}
		return faultstore.Fault{}
	})
	setter := faultstore.New(f.mem, func(c faultstore.Call) faultstore.Fault {
		if c.Op != op || c.N != 0 {
			return faultstore.Fault{}
		}
		return faultstore.Fault{Wait: func(context.Context) {
			close(release)
			<-acknowledged
		}}
	})
	f.append(t, 0, 1)
	time.Sleep(23 * time.Hour)
	go func() {
		defer close(acknowledged)
		if _, err := f.log.Append(t.Context(), f.stream.Shard(0), records(1, 0, 1)); err != nil {
			t.Errorf("the append that was held: %v", err)
		}
	}()
	synctest.Wait()
	if err := shardlog.NewStreams(shardlog.NewLog(setter, shardlog.Options{})).SetRetention(t.Context(), "orders", 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if setter.Calls()[op] == 0 {
		t.Errorf("%s was never called", op)
		close(release)
	}
	<-acknowledged
	f.reload(t)
	time.Sleep(24*time.Hour + 59*time.Minute) // 47:59 after the first arrived
	f.reclaim(t)
	wantData(t, f.read(t, shardlog.Position{}).Records, "0/0/0", "1/0/0")
	time.Sleep(23 * time.Hour)
	f.reclaim(t)
	wantData(t, f.read(t, shardlog.Position{}).Records, "1/0/0")
}

// TestSetRetentionFaults breaks SetRetention off at each of its calls, in both flavours. Called again, it finishes.
func TestSetRetentionFaults(t *testing.T) {
	for name, fault := range map[string]faultstore.Fault{"failed": faultstore.Failed, "failed but applied": faultstore.FailedAfter} {
		for direction, to := range map[string]time.Duration{"longer": 72 * time.Hour, "shorter": 30 * time.Hour} {
			t.Run(name+" "+direction, func(t *testing.T) {
				broken := 0
				for broken < 100 {
					failed := false
					synctest.Test(t, func(t *testing.T) { failed = setRetentionBroken(t, fault, broken, to) })
					if !failed {
						break
					}
					broken++
				}
				if broken < 4 || broken == 100 {
					t.Errorf("it was broken off at %d calls", broken)
				}
			})
		}
	}
}

// setRetentionBroken has every call fail from the nth on, and tells whether SetRetention met that.
func setRetentionBroken(t *testing.T, fault faultstore.Fault, n int, to time.Duration) (failed bool) {
	calls, broken := 0, false
	f := newFixture(t, 2, func(faultstore.Call) faultstore.Fault {
		calls++
		if broken && calls > n {
			return fault
		}
		return faultstore.Fault{}
	})
	f.stream.Retention = 48 * time.Hour
	if err := f.mem.UpdateStream(t.Context(), f.stream); err != nil {
		t.Fatal(err)
	}
	for index := range uint32(2) {
		if _, err := f.mem.SetRetention(t.Context(), f.stream.Shard(index), 48*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	f.append(t, 0, 1)
	f.hole(t)
	f.append(t, 1, 1)
	calls, broken = 0, true
	streams := shardlog.NewStreams(f.log)
	err := streams.SetRetention(t.Context(), "orders", to)
	broken = false
	if err != nil {
		if err := streams.SetRetention(t.Context(), "orders", to); err != nil {
			t.Fatalf("broken off at call %d, it does not finish: %v", n, err)
		}
	}
	f.reload(t)
	if f.stream.Retention != to {
		t.Errorf("broken off at call %d: the stream's retention is %v", n, f.stream.Retention)
	}
	for index := range uint32(2) {
		if c, err := f.mem.Counter(t.Context(), f.stream.Shard(index)); err != nil || c.Retention != to {
			t.Errorf("broken off at call %d: shard %d's retention is %v, %v", n, index, c.Retention, err)
		}
	}
	time.Sleep(max(to, 48*time.Hour) - time.Hour)
	f.reclaim(t)
	page, scanErr := f.mem.Scan(t.Context(), f.stream.Shard(0), 1, 1<<20)
	records := slices.DeleteFunc(page.Contents, func(p shardlog.Placed) bool { return p.Filler() })
	if scanErr != nil || len(records) != 2 {
		t.Errorf("broken off at call %d: %d contents are stored, %v", n, len(records), scanErr)
	}
	return err != nil
}

// TestRetentionOfShardsOpenedMeanwhile splits a shard while the retention is lengthened, before each of its calls.
func TestRetentionOfShardsOpenedMeanwhile(t *testing.T) {
	for _, op := range []faultstore.Op{faultstore.SetRetention, faultstore.Peek, faultstore.Extend, faultstore.UpdateStream} {
		for _, to := range []time.Duration{72 * time.Hour, 12 * time.Hour} {
			if to < retention && (op == faultstore.Peek || op == faultstore.Extend) {
				continue
			}
			t.Run(fmt.Sprint(op, " ", to), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { splitMeanwhile(t, op, to) })
			})
		}
	}
}

func splitMeanwhile(t *testing.T, op faultstore.Op, to time.Duration) {
	var f *fixture
	f = newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
		if c.Op != op || c.N != 0 {
			return faultstore.Fault{}
		}
		return faultstore.Fault{Wait: func(context.Context) {
			split, err := shardlog.NewStreams(f.reader).Reshard(t.Context(), "orders", halve(0))
			if err != nil {
				t.Error(err)
				return
			}
			for _, child := range []uint32{1, 2} {
				if _, err := f.reader.Append(t.Context(), split.Shard(child), records(int(child), 0, 1)); err != nil {
					t.Error(err)
				}
			}
		}}
	})
	f.append(t, 0, 1)
	f.setRetention(t, to)
	if len(f.stream.Shards) != 3 {
		t.Fatalf("%d shards", len(f.stream.Shards))
	}
	for index := range uint32(3) {
		if c, err := f.mem.Counter(t.Context(), f.stream.Shard(index)); err != nil || c.Retention != to {
			t.Errorf("shard %d's retention is %v, %v; the stream's %v", index, c.Retention, err, f.stream.Retention)
		}
	}
	if to < retention {
		return
	}
	time.Sleep(to - time.Hour)
	f.reclaim(t)
	for index := range uint32(3) {
		if read := readAll(t, f.reader, f.stream, index); len(read) != 1 {
			t.Errorf("of shard %d %d records are left, want 1", index, len(read))
		}
	}
}
