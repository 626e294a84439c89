package boltstore_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	packed "millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// BenchmarkGroupCommit has producers append to one shard: each through a process of its own, where no slot is shared, and all through one. It reports
// what sharing does to the throughput, as a ratio.
func BenchmarkGroupCommit(b *testing.B) {
	for _, producers := range []int{1, 8, 64} {
		for _, size := range []int{100, 10_000, 30_000, 100_000} {
			b.Run(fmt.Sprintf("producers=%d/bytes=%d", producers, size), func(b *testing.B) { benchmarkGroups(b, producers, size) })
		}
	}
}

func benchmarkGroups(b *testing.B, producers, size int) {
	s := open(b, b.TempDir())
	shard := create(b, s, "orders", "a1").Shard(0)
	records := []packed.Record{{PartitionKey: "k", Data: make([]byte, size)}}
	run := func(logs, appends int) float64 {
		pool := make([]*shardlog.Log, logs)
		for i := range pool {
			pool[i] = shardlog.NewLog(s, shardlog.Options{})
		}
		start := time.Now()
		var g errgroup.Group
		g.SetLimit(producers)
		for n := range appends {
			g.Go(func() error {
				_, err := pool[n%logs].Append(b.Context(), shard, records)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start).Seconds()
	}
	const slices = 8 // taken in turn, as the machine's speed changes
	alone, shared := 0.0, 0.0
	each := max(b.N/slices, producers)
	for range slices {
		alone += run(producers, each)
		shared += run(1, each)
	}
	b.ReportMetric(float64(slices*each)/alone, "alone/s")
	b.ReportMetric(float64(slices*each)/shared, "shared/s")
	b.ReportMetric(alone/shared, "ratio")
}
