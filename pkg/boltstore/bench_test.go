package boltstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

// BenchmarkAppend measures Allocate and PutOnce, one record a segment, by goroutines that each wait for their own.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 500 << 10} {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("bytes=%d/goroutines=%d", size, writers), func(b *testing.B) { benchmarkAppend(b, size, writers) })
		}
	}
}

func benchmarkAppend(b *testing.B, size, writers int) {
	s, disk := openOn(b, b.TempDir(), 0)
	stream := create(b, s, "orders", "a1")
	before := disk.syncs.Load()
	var done atomic.Int64
	var g errgroup.Group
	b.SetBytes(int64(size))
	b.ResetTimer()
	for w := range writers {
		g.Go(func() error {
			for done.Add(1) <= int64(b.N) {
				if _, err := add(b.Context(), s, stream.Shard(uint32(w%2)), size); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.N)/float64(disk.syncs.Load()-before), "records/commit")
}
