package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"millrace/pkg/apigw"
	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// forgetful takes segments and keeps none, so that what is measured is the way of a request without the store.
type forgetful struct{ shardlog.Store }

func (forgetful) PutOnce(context.Context, shardlog.Shard, uint64, shardlog.Content) error { return nil }

// serviceOf returns the service over a store, as the function has it.
func serviceOf(store shardlog.Store) *streams.Service {
	return streams.New(shardlog.NewLog(store, shardlog.Options{Compress: true}), streams.Config{Logger: logger()})
}

// newService returns it with a stream.
func newService(b *testing.B, store shardlog.Store) *streams.Service {
	b.Helper()
	service := serviceOf(store)
	if _, err := service.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: "bench", ShardCount: shards}); err != nil {
		b.Fatal(err)
	}
	return service
}

func newHandler(service *streams.Service) http.Handler {
	return httpapi.New(httpapi.Config{Service: service, Logger: logger()})
}

func logger() *slog.Logger { return slog.New(httpapi.LogHandler(slog.NewJSONHandler(discard{}, nil))) }

// discard is io.Discard, which the log's handler does not know and so writes to.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// event returns a put as API Gateway passes it on: a REST API as text, an HTTP API as base64.
func event(b *testing.B, body string, asBase64 bool) []byte {
	b.Helper()
	if asBase64 {
		body = base64.StdEncoding.EncodeToString([]byte(body))
	}
	raw, err := json.Marshal(map[string]any{
		"httpMethod": "POST", "path": "/", "body": body, "isBase64Encoded": asBase64,
		"requestContext": map[string]any{
			"identity": map[string]string{"accessKey": "ASIAIOSFODNN7EXAMPLE", "userArn": "arn:aws:iam::111122223333:user/checkout"},
		},
		"headers": map[string]string{"X-Amz-Target": "Kinesis_20131202.PutRecords", "Content-Type": kinesis.JSON.ContentType()},
	})
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// cost is what one invocation takes.
type cost struct {
	time          time.Duration
	bytes, allocs float64
}

// costOf invokes the function so many times.
func costOf(b *testing.B, function *apigw.Handler, event []byte, times int) cost {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	for range times {
		answer, err := function.Invoke(b.Context(), event)
		if err != nil || !strings.HasPrefix(string(answer[:20]), `{"statusCode":200,`) {
			b.Fatalf("answer %.300s, %v", answer, err)
		}
	}
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	n := float64(times)
	return cost{took / time.Duration(times), float64(after.TotalAlloc-before.TotalAlloc) / n, float64(after.Mallocs-before.Mallocs) / n}
}

// BenchmarkInvoke measures the Lambda's way from the bytes of the event to the bytes of the answer, without the store.
func BenchmarkInvoke(b *testing.B) {
	for _, format := range []string{"text", "base64"} {
		for _, load := range []struct {
			name          string
			records, size int
			times         int
		}{{"1 x 100 B", 1, 100, 2000}, {"500 x 100 B", 500, 100, 200}, {"5 x 1 MB", 5, 1<<20 - 20, 5}} {
			b.Run(format+"/"+strings.ReplaceAll(load.name, " ", "-"), func(b *testing.B) {
				function := apigw.New(newHandler(newService(b, forgetful{memstore.New()})))
				event := event(b, putBody("bench", load.records, load.size), format == "base64")
				costOf(b, function, event, 3)
				var took []time.Duration
				var bytes, allocs []float64
				for b.Loop() {
					c := costOf(b, function, event, load.times)
					took, bytes, allocs = append(took, c.time), append(bytes, c.bytes), append(allocs, c.allocs)
				}
				what := fmt.Sprintf("invoke, %s, %s", load.name, format)
				ours := fmt.Sprintf("%v, %.0f KB, %.0f allocations", median(took).Round(time.Microsecond), median(bytes)/1e3, median(allocs))
				b.ReportMetric(median(bytes), "B/invocation")
				b.ReportMetric(median(allocs), "allocs/invocation")
				switch {
				case load.records == 500:
					shared.table.atMost(b, what, ours, "", median(allocs)/500, 2, " a record")
				case load.size > 1000:
					shared.table.atMost(b, what, ours, "", median(bytes)/1e6, 40, " MB")
				default:
					shared.table.add(row{what: what, ours: ours})
				}
			})
		}
	}
}
