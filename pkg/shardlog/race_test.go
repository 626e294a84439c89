package shardlog_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/storetest"
)

// TestReadersRaceWriters has readers that give writers no grace try to fill their slots under them, thousands of times:
// whoever comes first, every acknowledged record is read exactly once, by every reader.
func TestReadersRaceWriters(t *testing.T) {
	const writers, readers, enough = 4, 3, 3000
	var fills, appends atomic.Int64
	f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
		if c.Fill {
			fills.Add(1)
		}
		if c.Op != faultstore.PutOnce || c.Fill {
			return faultstore.Fault{}
		}
		return faultstore.Fault{Wait: func(context.Context) { // between a writer's two steps
			for range c.N % 40 {
				runtime.Gosched()
			}
		}}
	})
	log := shardlog.NewLog(f.faults, shardlog.Options{Grace: time.Nanosecond})
	var history storetest.History
	var writing, reading sync.WaitGroup
	for w := range writers {
		// Each a process of its own: those of one take their slots one after another.
		log := shardlog.NewLog(f.faults, shardlog.Options{})
		writing.Go(func() {
			for turn := 0; fills.Load() < enough; turn++ {
				appends.Add(1)
				rs := records(w, turn, 1)
				a := history.Start(fmt.Sprint(w), rs)
				a.Done(log.Append(t.Context(), f.stream.Shard(0), rs))
			}
		})
	}
	done := make(chan struct{})
	read := make([][]shardlog.Stored, readers)
	for i := range read {
		reading.Go(func() { read[i] = readUntil(t, log, f.stream, done) })
	}
	writing.Wait()
	close(done)
	reading.Wait()
	for _, r := range read {
		if err := history.Check(r); err != nil {
			t.Error(err)
		}
		if int64(len(r)) != appends.Load() {
			t.Errorf("%d records were read, %d written", len(r), appends.Load())
		}
	}
	t.Logf("%d appends took %d slots, and readers tried to fill %d", appends.Load(), f.hole(t)-1, fills.Load())
}

// readUntil reads a shard without a pause until it is at the tip after done.
func readUntil(t *testing.T, log *shardlog.Log, stream shardlog.Stream, done <-chan struct{}) []shardlog.Stored {
	var all []shardlog.Stored
	from := shardlog.Position{}
	for {
		finished := false
		select {
		case <-done:
			finished = true
		default:
		}
		read, err := log.Read(t.Context(), stream, 0, from, shardlog.Limits{Records: 1000, Bytes: 1 << 20})
		if err != nil {
			t.Error(err)
			return all
		}
		all, from = append(all, read.Records...), read.Next
		if finished && read.Behind == 0 {
			return all
		}
		runtime.Gosched() // or a lone processor has the writers wait for the end of its time slice, each time
	}
}
