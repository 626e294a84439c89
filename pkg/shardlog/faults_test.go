package shardlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/storetest"
)

// TestProtocolUnderFaults draws a fault for every call of a few writers and readers, and holds what the writers were
// told against what the readers saw: I1 to I5.
func TestProtocolUnderFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// Drawn beforehand, because a call's goroutine must not draw.
		faults := rapid.SliceOfN(rapid.SampledFrom(faultTable()), 60, 60).Draw(rt, "faults")
		grace := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 3 * time.Second}).Draw(rt, "grace")
		processes := rapid.IntRange(1, 3).Draw(rt, "processes")
		gone := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{time.Hour, time.Hour, 0, 20 * time.Millisecond, time.Second, 3 * time.Second}), 7, 7).
			Draw(rt, "gone after")
		var errs []error
		synctest.Test(t, func(t *testing.T) { errs = runUnderFaults(t, faults, grace, processes, gone) })
		for _, err := range errs {
			rt.Error(err)
		}
	})
}

func runUnderFaults(t *testing.T, faults []namedFault, grace time.Duration, processes int, gone []time.Duration) (errs []error) {
	const writers, each, followers = 6, 4, 2
	next := 0
	f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
		if c.Op != faultstore.Allocate && c.Op != faultstore.PutOnce {
			return faultstore.Fault{}
		}
		next++
		return faults[next%len(faults)].fault
	})
	logs := make([]*shardlog.Log, processes)
	for i := range logs {
		logs[i] = shardlog.NewLog([]shardlog.Store{f.faults, faultstore.Together{Store: f.faults}}[i%2], shardlog.Options{Grace: grace})
	}
	var history storetest.History
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for turn := range each {
				rs := records(w, turn, 1+(w+turn)%2)
				a := history.Start(fmt.Sprint(w), rs)
				ctx, leave := producer(t, gone[(w*each+turn)%len(gone)], w%2 == 0)
				at, err := logs[w%processes].Append(ctx, f.stream.Shard(0), rs)
				leave()
				a.Done(at, err)
			}
		})
	}
	done := make(chan struct{})
	followed := make([][]shardlog.Stored, followers)
	for i := range followed {
		reading.Go(func() { followed[i] = followThroughFaults(t, logs[0], f.stream, done) })
	}
	writing.Wait()
	close(done)
	reading.Wait()
	for _, read := range append(followed, readAll(t, f.reader, f.stream, 0)) {
		if err := history.Check(read); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// producer returns the context of a producer that goes away after a time, and whether or not that was known beforehand.
func producer(t *testing.T, after time.Duration, known bool) (context.Context, context.CancelFunc) {
	if known {
		return context.WithTimeout(t.Context(), after+time.Second)
	}
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(after, cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

type namedFault struct {
	name  string
	fault faultstore.Fault
}

func (n namedFault) String() string { return n.name }

// faultTable names the faults, and lets most calls through.
func faultTable() []namedFault {
	slow := func(d time.Duration) faultstore.Fault {
		return faultstore.Fault{Wait: func(context.Context) { time.Sleep(d) }}
	}
	return []namedFault{
		{"none", faultstore.Fault{}}, {"none", faultstore.Fault{}}, {"none", faultstore.Fault{}},
		{"throttled", faultstore.Throttled},
		{"failed", faultstore.Failed},
		{"failed after", faultstore.FailedAfter},
		{"hangs", faultstore.Hangs},
		{"slow", slow(50 * time.Millisecond)},
		{"very slow", slow(2 * time.Second)},
		{"slow, failed after", faultstore.Fault{Wait: slow(500 * time.Millisecond).Wait, After: faultstore.ErrUnknown}},
	}
}

// followThroughFaults reads as a consumer does that tries again when a read fails, until the tip holds still.
func followThroughFaults(t *testing.T, log *shardlog.Log, stream shardlog.Stream, done <-chan struct{}) []shardlog.Stored {
	var all []shardlog.Stored
	from := shardlog.Position{}
	for {
		finished := false
		select {
		case <-done:
			finished = true
		default:
		}
		read, err := log.Read(t.Context(), stream, 0, from, shardlog.Limits{Records: 5, Bytes: 1 << 20})
		all, from = append(all, read.Records...), read.Next
		if err == nil && read.Behind == 0 && finished {
			return all
		}
		time.Sleep(100 * time.Millisecond) // virtual
	}
}
