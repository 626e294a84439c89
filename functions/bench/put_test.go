package bench

import (
	"fmt"
	"testing"
	"time"
)

const (
	stored = `"FailedRecordCount":0`
	shards = 4
	// turn is how long a contender is measured at a time.
	turn = 700 * time.Millisecond
)

// BenchmarkPutRecords: 8 connections, 500 JSON records of 100 bytes a request.
func BenchmarkPutRecords(b *testing.B) {
	benchmarkPuts(b, puts{connections: 8, records: 500, size: 100, againstKinesalite: 25, againstBare: 0.7})
}

// BenchmarkPutOne: 32 connections, one JSON record of 100 bytes a request.
func BenchmarkPutOne(b *testing.B) {
	benchmarkPuts(b, puts{connections: 32, records: 1, size: 100, againstKinesalite: 5})
}

// puts is a load of puts, and what the ratios should be; 0 is no target.
type puts struct {
	connections, records, size int

	againstKinesalite, againstBare float64
}

func benchmarkPuts(b *testing.B, p puts) {
	for _, store := range []string{"durable", "memory"} {
		for _, other := range []struct {
			start  func(*testing.B) *contender
			target float64
		}{{startKinesalite, p.againstKinesalite}, {startBare, p.againstBare}} {
			if other.target == 0 {
				continue
			}
			b.Run(fmt.Sprintf("%s/at-least-%g", store, other.target), func(b *testing.B) {
				args := []string{"-memory"}
				if store == "durable" {
					args = []string{"-data", b.TempDir()}
				}
				comparePuts(b, p, store, startMillrace(b, args...), other.start(b), other.target)
			})
		}
	}
}

func comparePuts(b *testing.B, p puts, store string, ours, other *contender, target float64) {
	var requests [][]byte
	for range 2 * p.connections {
		requests = append(requests, request("PutRecords", putBody("bench", p.records, p.size)))
	}
	ours.createStream(b, "bench", shards)
	if other.name == "kinesalite" {
		other.createStream(b, "bench", shards)
	}
	measure := func(c *contender, span time.Duration) float64 {
		perSecond, err := load(c.addr, p.connections, requests, stored, span)
		if err != nil {
			b.Fatalf("%s: %v", c.name, err)
		}
		return perSecond * float64(p.records)
	}
	measure(ours, turn/2)
	measure(other, turn/2)
	var us, them, ratios []float64
	for b.Loop() {
		us = append(us, measure(ours, turn))
		them = append(them, measure(other, turn))
		ratios = append(ratios, us[len(us)-1]/them[len(them)-1])
	}
	what := fmt.Sprintf("put, %s: %d connections, %d x %d B", store, p.connections, p.records, p.size)
	shared.table.atLeast(b, what, rate(median(us)), rate(median(them))+" "+other.name, median(ratios), target)
}

func rate(perSecond float64) string { return fmt.Sprintf("%.0f/s", perSecond) }
