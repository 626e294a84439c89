package segment_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"

	"millrace/pkg/segment"
)

// A request's 500 records over four shards are 125 in a segment.
var shapes = []struct {
	name    string
	records func() []segment.Record
}{
	{"json/10x100", func() []segment.Record { return orders(10, 100) }},
	{"json/125x100", func() []segment.Record { return orders(125, 100) }},
	{"json/125x1000", func() []segment.Record { return orders(125, 1000) }},
	{"json/500x10000", func() []segment.Record { return orders(500, 10_000) }},
	{"base64/125x1000", func() []segment.Record { return base64Of(noise(125, 750)) }},
	{"noise/125x1000", func() []segment.Record { return noise(125, 1000) }},
	{"noise/500x10000", func() []segment.Record { return noise(500, 10_000) }},
}

// BenchmarkPack shows what compressing costs, and saves, against packing records as they are.
func BenchmarkPack(b *testing.B) {
	eachWay(b, func(b *testing.B, packer *segment.Packer, records []segment.Record) {
		packed := packer.Pack(records)
		for b.Loop() {
			packer.Pack(records)
		}
		b.ReportMetric(float64(len(packed)), "bytes")
	})
}

func BenchmarkUnpack(b *testing.B) {
	eachWay(b, func(b *testing.B, packer *segment.Packer, records []segment.Record) {
		packed := packer.Pack(records)
		for b.Loop() {
			if _, err := packer.Unpack(packed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// eachWay runs a benchmark for each shape, as it is and compressed.
func eachWay(b *testing.B, run func(*testing.B, *segment.Packer, []segment.Record)) {
	for _, shape := range shapes {
		records := shape.records()
		for _, compress := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/compress=%v", shape.name, compress), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(segment.Encode(records))))
				run(b, &segment.Packer{Compress: compress}, records)
			})
		}
	}
}

// BenchmarkEncoders is what the packer's encoder was chosen by: what the levels, windows and ways with literals make of a
// segment, in what time, and in how much memory of their own at their first.
func BenchmarkEncoders(b *testing.B) {
	for _, shape := range shapes {
		plain := segment.Encode(shape.records())
		for _, c := range []struct {
			name     string
			level    zstd.EncoderLevel
			window   int
			literals bool
		}{
			{"chosen", zstd.SpeedFastest, 256 << 10, true},
			{"fewer-literals", zstd.SpeedFastest, 256 << 10, false},
			{"window-4MB", zstd.SpeedFastest, 4 << 20, true},
			{"default", zstd.SpeedDefault, 256 << 10, true},
			{"better", zstd.SpeedBetterCompression, 256 << 10, true},
		} {
			b.Run(shape.name+"/"+c.name, func(b *testing.B) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(c.level), zstd.WithWindowSize(c.window),
					zstd.WithAllLitEntropyCompression(c.literals), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
				if err != nil {
					b.Fatal(err)
				}
				made := e.EncodeAll(plain, make([]byte, 0, len(plain)+1000))
				runtime.ReadMemStats(&after)
				b.SetBytes(int64(len(plain)))
				for b.Loop() {
					made = e.EncodeAll(plain, made[:0])
				}
				b.ReportMetric(float64(len(made)), "bytes")
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc-uint64(cap(made)))/1024, "KB-encoder")
			})
		}
	}
}
