package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

const (
	lowHash  = "0"
	highHash = "340282366920938463463374607431768211455"
)

// entry is a record of a put.
type entry struct{ hash, data string }

// requestOf returns a put, whose decoded data lies in the body where it is CBOR.
func requestOf(ctx context.Context, cbor bool, entries ...entry) *http.Request {
	body, media := "", "application/x-amz-json-1.1"
	var records []string
	for _, e := range entries {
		if cbor {
			records = append(records, cborMap("Data", string([]byte{0x58, byte(len(e.data))})+e.data, "PartitionKey", cborText("key "+e.data),
				"ExplicitHashKey", cborText(e.hash)))
		} else {
			records = append(records, strings.Replace(record("key "+e.data, e.data), "{", `{"ExplicitHashKey":"`+e.hash+`",`, 1))
		}
	}
	if cbor {
		body, media = cborMap("StreamName", cborText("orders"), "Records", cborList(records...)), cborType
	} else {
		body = put(records...)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	return r
}

// wantStored checks which data a shard holds, in any order. A record's partition key is told by its data.
func (e *endpoint) wantStored(t *testing.T, shard string, want ...string) {
	t.Helper()
	it, err := e.service.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: "orders", ShardId: shard, ShardIteratorType: kinesis.IteratorTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.service.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Records {
		if r.PartitionKey != "key "+string(r.Data) {
			t.Errorf("data %q under the key %q", r.Data, r.PartitionKey)
		}
		got = append(got, string(r.Data))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("shard %s holds %q, want %q", shard, got, want)
	}
}

// crowd is requests under way.
type crowd struct {
	*endpoint
	wg sync.WaitGroup
}

// start sends a request and waits until nothing moves. The answer is there when it was served.
func (c *crowd) start(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.wg.Go(func() { c.ServeHTTP(w, r) })
	synctest.Wait()
	return w
}

// until makes a call wait for the channel to be closed, whatever becomes of its context.
func until(closed chan struct{}) faultstore.Fault {
	return faultstore.Fault{Wait: func(context.Context) { <-closed }}
}

// TestBuffersOfWaitingPuts: whatever the buffers of requests that were served are used for next, those that wait have theirs.
func TestBuffersOfWaitingPuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := crowd{endpoint: newEndpoint(func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.PutOnce && c.Slot == 1 {
				return until(release)
			}
			return faultstore.None
		})}
		h.createOrders(t, 1)
		h.start(requestOf(t.Context(), true, entry{lowHash, "the first"}))
		want := []string{"the first"}
		leaving, leave := context.WithCancel(t.Context())
		var answers []*httptest.ResponseRecorder
		for i := range 40 {
			data := fmt.Sprintf("record %d", i)
			if i%4 == 3 {
				h.start(requestOf(leaving, i%8 == 3, entry{lowHash, data}))
				continue
			}
			want = append(want, data)
			answers = append(answers, h.start(requestOf(t.Context(), i%2 == 0, entry{lowHash, data})))
		}
		leave()
		synctest.Wait()
		httpapi.Spoil(h.Handler)
		close(release)
		h.wg.Wait()
		for _, w := range answers {
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "!") {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		}
		h.wantStored(t, "shardId-000000000000", want...)
	})
}

// TestBufferAfterPanic: a request that panicked for one shard may still be under way for another.
func TestBufferAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, broken, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
		allocations := 0 // of shard 1
		h := crowd{endpoint: newEndpointWith(func(c faultstore.Call) faultstore.Fault {
			switch {
			case c.Op != faultstore.Allocate:
				return faultstore.None
			case c.Shard.Index == 0:
				return faultstore.Fault{Wait: func(context.Context) {
					<-broken
					panic("the store is broken")
				}}
			}
			allocations++
			return until([]chan struct{}{first, second}[allocations-1])
		}, shardlog.Options{EnforceLimits: true})} // so that records are packed once they have a slot
		h.createOrders(t, 2)
		h.start(requestOf(t.Context(), true, entry{highHash, "the first"}))
		panics := h.start(requestOf(t.Context(), true, entry{lowHash, "panics"}, entry{highHash, "goes on"}))
		h.start(requestOf(t.Context(), true, entry{highHash, "beside it"})) // keeps what they share from being given up
		close(first)
		synctest.Wait()
		close(broken)
		synctest.Wait()
		if panics.Code != http.StatusInternalServerError {
			t.Errorf("%d %q", panics.Code, panics.Body)
		}
		httpapi.Spoil(h.Handler)
		close(second)
		h.wg.Wait()
		synctest.Wait() // for what the panic left behind
		h.wantStored(t, "shardId-000000000001", "the first", "goes on", "beside it")
	})
}

// stuck is an answer that fails and yet keeps what was written, as one does over HTTP/2 whose frame is on its way when its
// stream ends.
type stuck struct {
	*httptest.ResponseRecorder
	kept []byte
}

func (w *stuck) Write(p []byte) (int, error) {
	w.kept = p
	return 0, errors.New("the stream has ended")
}

// TestBufferOfFailedAnswer: what an answer that could not be written was made of is used for nothing else.
func TestBufferOfFailedAnswer(t *testing.T) {
	e := newEndpoint(nil)
	for range 20 {
		w := &stuck{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		e.ServeHTTP(w, r)
		before := string(w.kept)
		httpapi.Spoil(e.Handler)
		if before == "" || string(w.kept) != before {
			t.Fatalf("what was written as %q is now %q", before, w.kept)
		}
	}
}

// TestBuffersAreBounded: what a large request took is not kept.
func TestBuffersAreBounded(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 1)
	large := strings.Repeat("x", 900_000)
	for range 10 {
		if w := e.send("PutRecords", put(record("k", large), record("k", "small"))); w.Code != http.StatusOK {
			t.Fatalf("%d %.300q", w.Code, w.Body)
		}
	}
	if most := httpapi.LargestKept(e.Handler); most > 1<<20 {
		t.Errorf("a buffer of %d bytes is kept", most)
	}
}
