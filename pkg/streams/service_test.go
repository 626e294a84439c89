package streams_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"millrace/pkg/hashkey"
	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

const (
	account = "111111111111"
	arnOf   = "arn:aws:kinesis:us-east-1:111111111111:stream/"
)

// fixture is a service over a memstore behind faults, and the same service over HTTP.
type fixture struct {
	*streams.Service
	mem     *memstore.Store
	faults  *faultstore.Store
	handler http.Handler
}

// newFixture returns a service whose store does what the plan says; nil lets every call through.
func newFixture(plan func(faultstore.Call) faultstore.Fault) *fixture {
	return overStore(memstore.New(), plan, streams.Config{})
}

// overStore returns a service as another process would have it over the same store.
func overStore(mem *memstore.Store, plan func(faultstore.Call) faultstore.Fault, config streams.Config) *fixture {
	config.Account, config.Logger = account, slog.New(slog.DiscardHandler)
	f := &fixture{mem: mem, faults: faultstore.New(mem, plan)}
	f.Service = streams.New(shardlog.NewLog(f.faults, shardlog.Options{}), config)
	f.handler = httpapi.New(httpapi.Config{Service: f.Service, Logger: config.Logger})
	return f
}

// send sends a request as an SDK would and returns its answer.
func (f *fixture) send(action, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// wantAnswer checks that a request gets exactly this answer.
func (f *fixture) wantAnswer(t *testing.T, action, body string, status int, want string) {
	t.Helper()
	if w := f.send(action, body); w.Code != status || w.Body.String() != want {
		t.Errorf("%s %s\n got %d %s\nwant %d %s", action, body, w.Code, w.Body, status, want)
	}
}

// wantRefusal checks that a request is refused with exactly this code and message.
func (f *fixture) wantRefusal(t *testing.T, action, body, code, message string) {
	t.Helper()
	f.wantAnswer(t, action, body, http.StatusBadRequest, refusal(code, message))
}

func refusal(code, message string) string {
	var quoted strings.Builder
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(message) // a string always encodes
	return `{"__type":"` + code + `","message":` + strings.TrimSuffix(quoted.String(), "\n") + `}`
}

func violation(member, constraint string) string {
	return "1 validation error detected: Value at '" + member + "' failed to satisfy constraint: " + constraint
}

const (
	invalidArgument  = "InvalidArgumentException"
	notFound         = "ResourceNotFoundException"
	limitExceeded    = "LimitExceededException"
	missingStream    = "Stream missing under account 111111111111 not found."
	invalidIterator  = "Invalid ShardIterator."
	invalidNextToken = "Invalid NextToken."
)

// do makes a call that must succeed, as one of the wire: the input must be valid.
func do[I kinesis.Input, O any](t testing.TB, call func(context.Context, I) (O, error), in I) O {
	t.Helper()
	if err := in.Validate(); err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	out, err := call(t.Context(), in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

func (f *fixture) create(t testing.TB, stream string, shards int) {
	t.Helper()
	do(t, f.CreateStream, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: shards})
}

// newStream returns a service with the stream orders.
func newStream(t testing.TB, shards int) *fixture {
	t.Helper()
	f := newFixture(nil)
	f.create(t, "orders", shards)
	return f
}

// put puts records into the shard of orders that owns a hash key, all under one slot, and returns their numbers.
func (f *fixture) put(t testing.TB, hash hashkey.Key, data ...string) []string {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: "orders"}
	for _, d := range data {
		in.Records = append(in.Records, kinesis.PutRecordsEntry{Data: []byte(d), PartitionKey: "k", ExplicitHashKey: hash.String()})
	}
	out := do(t, f.PutRecords, in)
	if out.FailedRecordCount > 0 {
		t.Fatalf("%d records failed: %+v", out.FailedRecordCount, out.Records)
	}
	var numbers []string
	for i := range data {
		numbers = append(numbers, out.Records.At(i).SequenceNumber)
	}
	return numbers
}

// iterator returns an iterator of orders of a type that needs nothing more.
func (f *fixture) iterator(t testing.TB, shard uint32, kind string) string {
	t.Helper()
	return f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: kinesis.ShardID(shard), ShardIteratorType: kind})
}

func (f *fixture) iteratorAt(t testing.TB, in *kinesis.GetShardIteratorInput) string {
	t.Helper()
	in.StreamName = "orders"
	return do(t, f.GetShardIterator, in).ShardIterator
}

func (f *fixture) get(t testing.TB, iterator string, limit int) *kinesis.GetRecordsOutput {
	t.Helper()
	return do(t, f.GetRecords, &kinesis.GetRecordsInput{ShardIterator: iterator, Limit: limit})
}

// drain reads from an iterator until the tip or the end of the shard, and returns the data read.
func (f *fixture) drain(t testing.TB, iterator string) []string {
	t.Helper()
	data := []string{}
	for range 10_000 {
		out := f.get(t, iterator, 0)
		for _, r := range out.Records {
			data = append(data, string(r.Data))
		}
		if iterator = out.NextShardIterator; iterator == "" || out.MillisBehindLatest == 0 {
			return data
		}
	}
	t.Fatal("the shard has no end")
	return nil
}

func (f *fixture) wantRead(t testing.TB, iterator string, want ...string) {
	t.Helper()
	if got := f.drain(t, iterator); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("read %q, want %q", got, want)
	}
}

func (f *fixture) split(t testing.TB, shard uint32, at hashkey.Key) {
	t.Helper()
	do(t, f.SplitShard, &kinesis.SplitShardInput{StreamName: "orders", ShardToSplit: kinesis.ShardID(shard), NewStartingHashKey: at.String()})
}

func (f *fixture) merge(t testing.TB, lower, upper uint32) {
	t.Helper()
	do(t, f.MergeShards, &kinesis.MergeShardsInput{
		StreamName: "orders", ShardToMerge: kinesis.ShardID(lower), AdjacentShardToMerge: kinesis.ShardID(upper),
	})
}

// shards returns all shards that DescribeStream tells of orders.
func (f *fixture) shards(t testing.TB) []kinesis.Shard {
	t.Helper()
	var all []kinesis.Shard
	for in := (&kinesis.DescribeStreamInput{StreamName: "orders"}); ; {
		page := do(t, f.DescribeStream, in).StreamDescription
		all = append(all, page.Shards...)
		if !page.HasMoreShards {
			return all
		}
		in.ExclusiveStartShardId = all[len(all)-1].ShardId
	}
}

// ids returns the indexes of shards as text, such as "0 3 4".
func ids(t testing.TB, shards []kinesis.Shard) string {
	t.Helper()
	var all []string
	for _, s := range shards {
		index, ok := kinesis.ParseShardID(s.ShardId)
		if !ok {
			t.Fatalf("shard id %q", s.ShardId)
		}
		all = append(all, strconv.Itoa(int(index)))
	}
	return strings.Join(all, " ")
}

// half and quarter are places to split the only shard of a stream, and then its lower child.
func half() hashkey.Key    { return hashkey.Uniform(2)[1].Start }
func quarter() hashkey.Key { return hashkey.Uniform(4)[1].Start }

func numbered(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return all
}
