package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// readable is how many records of 100 bytes are there to be read at once: as many as one GetRecords returns.
const readable = 10_000

// BenchmarkGetRecords reads them again and again.
func BenchmarkGetRecords(b *testing.B) {
	for _, store := range []string{"durable", "memory"} {
		b.Run(store, func(b *testing.B) {
			args := []string{"-memory"}
			if store == "durable" {
				args = []string{"-data", b.TempDir()}
			}
			ours, other := startMillrace(b, args...), startKinesalite(b)
			requests := map[*contender][][]byte{ours: fill(b, ours), other: fill(b, other)}
			measure := func(c *contender) float64 {
				perSecond, err := load(c.addr, 1, requests[c], `"NextShardIterator"`, turn)
				if err != nil {
					b.Fatalf("%s: %v", c.name, err)
				}
				return perSecond * readable
			}
			var us, them, ratios []float64
			for b.Loop() {
				us, them = append(us, measure(ours)), append(them, measure(other))
				ratios = append(ratios, us[len(us)-1]/them[len(them)-1])
			}
			what := fmt.Sprintf("get, %s: %d x 100 B", store, readable)
			shared.table.atLeast(b, what, rate(median(us)), rate(median(them))+" "+other.name, median(ratios), 10)
		})
	}
}

// fill puts the records into a stream of one shard, and returns the request that reads them all.
func fill(b *testing.B, c *contender) [][]byte {
	b.Helper()
	c.createStream(b, "bench", 1)
	for range readable / 500 {
		if answer := c.call(b, "PutRecords", putBody("bench", 500, 100)); !strings.Contains(answer, stored) {
			b.Fatalf("%s answers %.300s", c.name, answer)
		}
	}
	// Records that share a millisecond with the iterator's making may not be there for kinesalite yet.
	time.Sleep(100 * time.Millisecond)
	var at struct{ ShardIterator string }
	answer := c.call(b, "GetShardIterator", `{"StreamName":"bench","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	if err := json.Unmarshal([]byte(answer), &at); err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf(`{"ShardIterator":"%s","Limit":%d}`, at.ShardIterator, readable)
	if n := strings.Count(c.call(b, "GetRecords", body), `"SequenceNumber"`); n != readable {
		b.Fatalf("%s returns %d records", c.name, n)
	}
	return [][]byte{request("GetRecords", body)}
}
