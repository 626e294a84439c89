package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkDisk measures what every durable put waits for, so that the figures of durable puts can be read: two such writes are the least that
// a commit takes.
func BenchmarkDisk(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, 64<<10)
	var took []time.Duration
	for b.Loop() {
		for range 50 {
			started := time.Now()
			if _, err := f.Write(piece); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(started))
		}
	}
	b.ReportMetric(float64(median(took).Microseconds()), "µs/fsync")
	shared.table.add(row{what: fmt.Sprintf("this disk: write %d KB and fsync", len(piece)>>10), ours: median(took).Round(time.Microsecond).String()})
}
