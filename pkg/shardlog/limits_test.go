package shardlog_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

func overLimit(err error) bool {
	var over *shardlog.OverLimitError
	return errors.As(err, &over)
}

// sized returns records of these sizes, keys included.
func sized(sizes ...int) []segment.Record {
	rs := make([]segment.Record, len(sizes))
	for i, size := range sizes {
		rs[i] = segment.Record{PartitionKey: "k", Data: make([]byte, size-1)}
	}
	return rs
}

// TestAppendLimited: a second takes the records that fit, from the first on, at one request more than without limits where not all do, and
// at one alone where none does.
func TestAppendLimited(t *testing.T) {
	const mb = 1 << 20
	half := strings.Repeat("x", mb/2)
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		calls := map[faultstore.Op]int{}
		for i, step := range []struct {
			pass            time.Duration
			records         []segment.Record
			taken           int
			allocates, puts int
		}{
			{0, records(0, 0, 500), 500, 1, 1},
			{0, records(0, 1, 510), 500, 2, 1},
			{0, records(0, 2, 3), 0, 1, 0},
			{time.Second, sized(mb/2, mb/2+1, 1), 1, 1, 1}, // it is known beforehand that they do not fit
			{0, sized(mb/4, mb/4, 1), 2, 2, 1},
			{0, sized(1), 0, 1, 0},
			{time.Second, sized(mb + 256), 1, 1, 1},
			{0, sized(1), 0, 1, 0},
			{time.Second, sized(mb+256, 1), 1, 1, 1},
			{time.Second, sized(1), 1, 1, 1},
			{0, sized(mb + 256), 0, 1, 0},
			{0, []segment.Record{{PartitionKey: half, Data: []byte(half)[:mb/2-1]}}, 1, 1, 1}, // to the byte
		} {
			time.Sleep(step.pass)
			_, taken, err := f.log.AppendLimited(t.Context(), f.stream.Shard(0), step.records)
			if taken != step.taken || overLimit(err) != (step.taken == 0) || (err != nil) != (step.taken == 0) {
				t.Errorf("step %d: %d records were taken, error %v, want %d", i, taken, err, step.taken)
			}
			calls[faultstore.Allocate] += step.allocates
			calls[faultstore.PutOnce] += step.puts
			if got := f.faults.Calls(); fmt.Sprint(got) != fmt.Sprint(calls) {
				t.Errorf("step %d: calls %v, want %v", i, got, calls)
				calls = got
			}
		}
	})
}

// TestLimitsByMode: only PROVISIONED streams are limited, and only where limits are enforced; a change of the mode is heeded once the
// map is read again.
func TestLimitsByMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		other := shardlog.NewStreams(f.reader)
		enforcing := shardlog.NewStreams(shardlog.NewLog(f.faults, shardlog.Options{EnforceLimits: true}))
		refused := func(s *shardlog.Streams) (n int) {
			t.Helper()
			time.Sleep(time.Second)
			for range 3 {
				results, err := s.Put(t.Context(), "orders", sized(make500(1)...))
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results.All() {
					if overLimit(r.Err) {
						n++
					} else if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
			}
			return n
		}
		setMode := func(mode shardlog.Mode) {
			t.Helper()
			if err := other.Update(t.Context(), "orders", func(s *shardlog.Settings) error { s.Mode = mode; return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		if n := refused(other); n != 0 {
			t.Errorf("without the option %d records were refused", n)
		}
		for _, want := range []int{500, 0, 500} {
			if n := refused(enforcing); n != want {
				t.Errorf("%d records were refused, want %d", n, want)
			}
			setMode(map[int]shardlog.Mode{0: shardlog.Provisioned, 500: shardlog.OnDemand}[want])
		}
	})
}

func make500(size int) []int {
	sizes := make([]int, 500)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

// TestLimitsUnderFaults has producers in several processes put more than the shards take, with calls that fail in both flavours. No
// second gets more than its limits, and what was refused is not stored.
func TestLimitsUnderFaults(t *testing.T) {
	table := []namedFault{
		{"none", faultstore.Fault{}}, {"none", faultstore.Fault{}}, {"none", faultstore.Fault{}}, {"none", faultstore.Fault{}},
		{"throttled", faultstore.Throttled}, {"failed", faultstore.Failed}, {"failed after", faultstore.FailedAfter},
	}
	rapid.Check(t, func(rt *rapid.T) {
		faults := rapid.SliceOfN(rapid.SampledFrom(table), 40, 40).Draw(rt, "faults")
		counts := rapid.SliceOfN(rapid.IntRange(1, 500), 12, 12).Draw(rt, "records")
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{20, 20, 2000, 300_000, 1<<20 + 200}), 12, 12).Draw(rt, "sizes")
		var errs []error
		synctest.Test(t, func(t *testing.T) { errs = runLimited(t, faults, counts, sizes) })
		if err := errors.Join(errs...); err != nil {
			rt.Error(err)
		}
	})
}

func runLimited(t *testing.T, faults []namedFault, counts, sizes []int) (errs []error) {
	const producers = 3
	mem := memstore.New()
	stream := storetest.NewStream("orders", "a1", 2)
	if err := mem.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	next := 0
	plan := func(c faultstore.Call) faultstore.Fault {
		if c.Op != faultstore.Allocate && c.Op != faultstore.PutOnce {
			return faultstore.Fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		next++
		return faults[next%len(faults)].fault
	}
	told := map[string]error{}
	var wg sync.WaitGroup
	for p := range producers {
		streams := shardlog.NewStreams(shardlog.NewLog(faultstore.New(mem, plan), shardlog.Options{EnforceLimits: true}))
		wg.Go(func() {
			for turn := p; turn < len(counts); turn += producers {
				rs := producerRecords(turn, counts[turn], sizes[turn])
				results, err := streams.Put(t.Context(), "orders", rs)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, r := range results.All() {
					told[string(rs[i].Data[:20])] = r.Err
				}
				mu.Unlock()
				time.Sleep(300 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	for _, info := range stream.Shards {
		read := readAll(t, shardlog.NewLog(mem, shardlog.Options{}), stream, info.Index)
		errs = append(errs, checkSeconds(read), checkTold(read, told))
	}
	for data, err := range told {
		if err == nil {
			errs = append(errs, fmt.Errorf("acknowledged record %q is lost", data))
		}
	}
	return errs
}

// producerRecords returns records whose first 20 bytes tell their turn and place. They spread over the shards, and 5 MB bound them.
func producerRecords(turn, n, size int) []segment.Record {
	n = min(n, 5<<20/size)
	rs := make([]segment.Record, n)
	for i := range rs {
		data := make([]byte, size)
		copy(data, fmt.Appendf(nil, "%9d/%10d", turn, i))
		rs[i] = segment.Record{PartitionKey: fmt.Sprint(i % 7), Data: data}
	}
	return rs
}

// checkSeconds holds what a shard took in each second against its limits.
func checkSeconds(read []shardlog.Stored) error {
	taken := map[int64]shardlog.Usage{}
	for _, r := range read {
		u := taken[r.Arrival.Unix()]
		u.Records, u.Bytes = u.Records+1, u.Bytes+len(r.PartitionKey)+len(r.Data)
		taken[r.Arrival.Unix()] = u
	}
	for second, u := range taken {
		if u.Records > shardlog.LimitRecords || (u.Records > 1 && u.Bytes > shardlog.LimitBytes) {
			return fmt.Errorf("%+v were taken in second %d", u, second)
		}
	}
	return nil
}

// checkTold takes the records that were read out of what producers were told, and says where one was not to be there.
func checkTold(read []shardlog.Stored, told map[string]error) error {
	for _, r := range read {
		key := string(r.Data[:20])
		if err, ok := told[key]; !ok || (err != nil && !errors.Is(err, shardlog.ErrUndecided)) {
			return fmt.Errorf("record %q was read, its producer was told %v (%v)", key, err, ok)
		}
		delete(told, key)
	}
	return nil
}
