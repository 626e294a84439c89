package bench

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/dynamostore"
)

// recording passes calls on to DynamoDB, and keeps what a put sends.
type recording struct {
	dynamostore.API

	mu      sync.Mutex
	updates []*dynamodb.UpdateItemInput
	puts    []*dynamodb.PutItemInput
}

func (r *recording) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	r.mu.Lock()
	r.updates = append(r.updates, in)
	r.mu.Unlock()
	return r.API.UpdateItem(ctx, in, o...)
}

func (r *recording) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	r.mu.Lock()
	r.puts = append(r.puts, in)
	r.mu.Unlock()
	return r.API.PutItem(ctx, in, o...)
}

// BenchmarkDynamoDB measures a put of 500 records over 4 shards against the requests that it makes: one UpdateItem for each shard, all at
// once, and then one PutItem for each shard, all at once.
func BenchmarkDynamoDB(b *testing.B) {
	client, table := shared.dynamo.Table(b)
	api := &recording{API: client}
	handler := newHandler(newService(b, dynamostore.New(api, table)))
	body := putBody("bench", 500, 100)
	put := func(handler http.Handler) time.Duration {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
		w := httptest.NewRecorder()
		started := time.Now()
		handler.ServeHTTP(w, r)
		took := time.Since(started)
		if !strings.Contains(w.Body.String(), stored) {
			b.Fatalf("answer %.300s", w.Body)
		}
		return took
	}
	put(handler) // reads the stream's map
	api.updates, api.puts = nil, nil
	put(handler)
	if len(api.updates) != shards || len(api.puts) != shards {
		b.Fatalf("a put makes %d UpdateItem and %d PutItem", len(api.updates), len(api.puts))
	}
	raw := raw{client: client, updates: api.updates, puts: api.puts}
	plain := newHandler(serviceOf(dynamostore.New(client, table)))
	for range 20 { // until the requests are as fast as they get
		put(plain)
		raw.round(b)
	}
	var us, them, ratios []float64
	for b.Loop() {
		var ours, theirs []time.Duration
		for i := range 40 {
			if i%2 == 0 {
				ours, theirs = append(ours, put(plain)), append(theirs, raw.round(b))
			} else {
				theirs, ours = append(theirs, raw.round(b)), append(ours, put(plain))
			}
		}
		us, them = append(us, float64(median(ours))), append(them, float64(median(theirs)))
		ratios = append(ratios, us[len(us)-1]/them[len(them)-1])
	}
	show := func(ns float64) string { return time.Duration(ns).Round(10 * time.Microsecond).String() }
	shared.table.atMost(b, fmt.Sprintf("put, DynamoDB Local: 500 x 100 B, %d shards", shards), show(median(us)),
		show(median(them))+" raw requests", median(ratios), 1.15, "")
}

// raw makes the requests of a put again, at slots of its own.
type raw struct {
	client  *dynamodb.Client
	updates []*dynamodb.UpdateItemInput
	puts    []*dynamodb.PutItemInput
	made    int
}

func (r *raw) round(b *testing.B) time.Duration {
	r.made++
	var puts []*dynamodb.PutItemInput
	for _, p := range r.puts {
		again := *p
		again.Item = maps.Clone(p.Item)
		again.Item["sk"] = &types.AttributeValueMemberS{Value: fmt.Sprintf("%020d", 1_000_000+r.made)}
		puts = append(puts, &again)
	}
	started := time.Now()
	var first, second errgroup.Group
	for _, u := range r.updates {
		first.Go(func() error {
			_, err := r.client.UpdateItem(b.Context(), u)
			return err
		})
	}
	if err := first.Wait(); err != nil {
		b.Fatal(err)
	}
	for _, p := range puts {
		second.Go(func() error {
			_, err := r.client.PutItem(b.Context(), p)
			return err
		})
	}
	if err := second.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(started)
}
