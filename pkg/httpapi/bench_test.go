package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// forgetful takes segments and keeps none. It is no [shardlog.Together], as DynamoDB is none.
type forgetful struct{ shardlog.Store }

func (forgetful) PutOnce(context.Context, shardlog.Shard, uint64, shardlog.Content) error { return nil }

// unread is an answer that nobody reads.
type unread struct {
	header http.Header
	status int
}

func (w *unread) Header() http.Header         { return w.header }
func (w *unread) Write(p []byte) (int, error) { return len(p), nil }
func (w *unread) WriteHeader(status int)      { w.status = status }

// written takes the log's lines as a file does: it is not io.Discard, for which none would be made.
type written struct{}

func (written) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkPut measures what a put of 100-byte records costs from the request to the answer, without network and store.
func BenchmarkPut(b *testing.B) {
	logger := slog.New(httpapi.LogHandler(slog.NewTextHandler(written{}, nil)))
	service := streams.New(shardlog.NewLog(forgetful{memstore.New()}, shardlog.Options{}), streams.Config{Logger: logger})
	if _, err := service.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: "orders", ShardCount: 4}); err != nil {
		b.Fatal(err)
	}
	handler := httpapi.New(httpapi.Config{Service: service, Logger: logger})
	for _, records := range []int{1, 500} {
		var entries []string
		for i := range records {
			entries = append(entries, record(fmt.Sprint("customer-", i), strings.Repeat("x", 100)))
		}
		body := put(entries...)
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			b.ReportAllocs()
			ctx, cancel := context.WithCancel(b.Context()) // as a request's of net/http
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
			for b.Loop() {
				r.Body = io.NopCloser(strings.NewReader(body))
				w := &unread{header: http.Header{}}
				if handler.ServeHTTP(w, r); w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}
