package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/httpapi"
	"millrace/pkg/keys"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/sigv4"
)

// keyHolders are who is let in where there are keys, as the Lambda has it.
type keyHolders struct {
	*sigv4.Verifier
	*keys.Ring
}

// cold is an endpoint that has not read its keys yet. When it does it waits for open to be closed. It has the stream orders,
// whose map is in no cache. Times are those of a test in a bubble, where nothing takes time but waiting.
type cold struct {
	http.Handler
	*endpoint
	keys []keys.Key
	err  error // of reading the keys
	open chan struct{}

	load     faultstore.Fault // what happens to each reading of a stream's map from now on
	running  atomic.Int32     // such readings under way
	readings int              // of the keys
}

func newCold(t *testing.T) *cold {
	t.Helper()
	c := &cold{open: make(chan struct{})}
	c.endpoint = newEndpoint(func(call faultstore.Call) faultstore.Fault {
		if call.Op != faultstore.LoadStream {
			return faultstore.None
		}
		fault := c.load
		fault.Wait = func(ctx context.Context) {
			c.running.Add(1)
			defer c.running.Add(-1)
			if c.load.Wait != nil {
				c.load.Wait(ctx)
			}
		}
		return fault
	})
	c.keys = []keys.Key{{ID: keyID, Secret: keys.NewSecret(secret), Actions: []string{"*"}, Streams: []string{"orders", "absent"}, Enabled: true}}
	logger := slog.New(httpapi.LogHandler(slog.NewJSONHandler(c.log, nil)))
	ring := keys.NewRing(keys.RingConfig{Source: c, Logger: logger})
	verifier := sigv4.New(sigv4.Config{Secrets: ring, Region: "us-east-1", Now: noon})
	c.Handler = httpapi.New(httpapi.Config{Service: c.service, Logger: logger, Access: keyHolders{verifier, ring}})
	c.createOrders(t, 4)
	return c
}

// Load implements [keys.Source].
func (c *cold) Load(context.Context) ([]keys.Key, []error, error) {
	c.readings++
	<-c.open
	return c.keys, nil, c.err
}

// begin sends a request and returns once nothing more happens to it before the keys are read. Its answer is there once
// answered is closed.
func (c *cold) begin(r *http.Request) (w *httptest.ResponseRecorder, answered chan struct{}) {
	w, answered = httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(answered)
		c.ServeHTTP(w, r)
	}()
	synctest.Wait()
	return w, answered
}

// ServeHTTP is that of the endpoint with keys.
func (c *cold) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.Handler.ServeHTTP(w, r) }

func (c *cold) loads() int { return c.faults.Calls()[faultstore.LoadStream] }

func (c *cold) wantLoads(t *testing.T, when string, want int) {
	t.Helper()
	if got := c.loads(); got != want {
		t.Errorf("%s streams' maps were read %d times, want %d", when, got, want)
	}
}

const cborPut = "PutRecord in CBOR"

// signedRequest returns a request that is signed by the key of these tests.
func signedRequest(t *testing.T, action, body string) *http.Request {
	t.Helper()
	r := newRequest(strings.TrimSuffix(action, " in CBOR"), body)
	if action == cborPut {
		r.Header.Set("Content-Type", cborType)
	}
	return sign(t, r, body)
}

// TestColdPutReadsAhead: while the keys are read for the first time so is the map of the stream that the request names, and the
// put has no need of another.
func TestColdPutReadsAhead(t *testing.T) {
	const data = `"Data":"eA==","PartitionKey":"k"`
	for name, test := range map[string]struct{ action, body string }{
		"records":         {"PutRecords", put(record("k", "x"), record("l", "y"))},
		"name at the end": {"PutRecords", `{"Records":[{` + data + `}],"StreamName":"orders"}`},
		"ARN":             {"PutRecords", `{"Records":[{` + data + `}],` + arnOfOrders + `}`},
		"one record":      {"PutRecord", `{"StreamName":"orders",` + data + `}`},
		"CBOR":            {cborPut, cborMap("Data", "\x41x", "PartitionKey", cborText("k"), "StreamName", cborText("orders"))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCold(t)
				w, answered := c.begin(signedRequest(t, test.action, test.body))
				c.wantLoads(t, "before the keys were there", 1)
				close(c.open)
				<-answered
				if w.Code != 200 {
					t.Errorf("answer %d %s", w.Code, w.Body)
				}
				w, _ = c.begin(signedRequest(t, test.action, test.body))
				if w.Code != 200 || c.readings != 1 {
					t.Errorf("answer to the second %d %s; the keys were read %d times", w.Code, w.Body, c.readings)
				}
				c.wantLoads(t, "by two puts", 1)
			})
		})
	}
}

// TestColdPutWaitsForMap: a put goes on with the map that is being read when the keys are there.
func TestColdPutWaitsForMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCold(t)
		arrived := make(chan struct{})
		c.load.Wait = func(context.Context) { <-arrived }
		body := put(record("k", "x"))
		w, answered := c.begin(signedRequest(t, "PutRecords", body))
		close(c.open)
		synctest.Wait()
		close(arrived)
		<-answered
		if w.Code != 200 {
			t.Errorf("answer %d %s", w.Code, w.Body)
		}
		c.wantLoads(t, "by a put", 1)
	})
}

// coldRefusals are puts that are refused, each with what is to be known of it.
var coldRefusals = map[string]struct {
	key     func(*keys.Key)
	err     error
	request func(*http.Request)
	body    string
	loads   int // of the map, before it was refused
}{
	"unknown key":     {key: func(k *keys.Key) { k.ID = "MRBBBBCCCCDDDDEEEEFF" }, loads: 1},
	"disabled key":    {key: func(k *keys.Key) { k.Enabled = false }, loads: 1},
	"wrong secret":    {key: func(k *keys.Key) { k.Secret = keys.NewSecret("another") }, loads: 1},
	"too late":        {request: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260316T110000Z") }, loads: 1},
	"another action":  {key: func(k *keys.Key) { k.Actions = []string{"GetRecords"} }, loads: 1},
	"another stream":  {key: func(k *keys.Key) { k.Streams = []string{"others"} }, loads: 1},
	"keys unreadable": {err: errors.New("the keys' table is down"), loads: 1},
	"limit broken":    {body: `{"StreamName":"orders","Records":[]}`, loads: 1},
	"wrong type":      {body: `{"StreamName":"orders","Records":0}`, loads: 1},
	"not signed":      {request: func(r *http.Request) { r.Header.Del("Authorization") }},
	"no body":         {body: `{"StreamName":"orders","Records":`},
	"no stream":       {body: `{"Records":[{"Data":"eA==","PartitionKey":"k"}]}`},
	"not a name":      {body: `{"StreamName":"orders/1","Records":[{"Data":"eA==","PartitionKey":"k"}]}`},
}

// TestColdRefusals: what is refused while the map is being read is refused as ever, at once, whatever becomes of the map, and
// the reading is given up.
func TestColdRefusals(t *testing.T) {
	for name, test := range coldRefusals {
		t.Run(name, func(t *testing.T) {
			if test.body == "" {
				test.body = put(record("k", "x"))
			}
			// The answers of a handler that reads nothing ahead, because it has done so, and of those whose map hangs, is there, and is of
			// a stream that is not.
			var answers []string
			for _, during := range []string{"warm", "hangs", "read", "absent"} {
				synctest.Test(t, func(t *testing.T) {
					c := newCold(t)
					if test.key != nil {
						test.key(&c.keys[0])
					}
					c.err = test.err
					loads := test.loads
					switch during {
					case "warm":
						close(c.open)
						c.begin(signedRequest(t, "ListStreams", "{}"))
						loads = 0
					case "hangs":
						c.load = faultstore.Hangs
					case "absent":
						if w := c.endpoint.send("DeleteStream", `{"StreamName":"orders"}`); w.Code != 200 {
							t.Fatal(w.Body)
						}
					}
					start, before := time.Now(), c.loads()
					r := signedRequest(t, "PutRecords", test.body)
					if test.request != nil {
						test.request(r)
					}
					w, answered := c.begin(r)
					if during != "warm" {
						c.wantLoads(t, "before the refusal", before+loads)
						close(c.open)
					}
					<-answered
					synctest.Wait()
					if took := time.Since(start); took != 0 || c.running.Load() != 0 {
						t.Errorf("%s: it took %v, and %d maps are still being read", during, took, c.running.Load())
					}
					c.wantLoads(t, "in the end", before+loads)
					if w.Code < 400 || c.stored() != 0 {
						t.Errorf("%s: answer %d %s, %d segments stored", during, w.Code, w.Body, c.stored())
					}
					answers = append(answers, w.Body.String())
				})
			}
			for _, answer := range answers[1:] {
				if answer != answers[0] {
					t.Errorf("a cold process answers %s, a warm one %s", answer, answers[0])
				}
			}
		})
	}
}

// TestColdPutIntoNoStream: that there is none is answered as ever, and not logged as a failure.
func TestColdPutIntoNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCold(t)
		close(c.open)
		w, _ := c.begin(signedRequest(t, "PutRecords", `{"StreamName":"absent","Records":[{"Data":"eA==","PartitionKey":"k"}]}`))
		wantAnswer(t, w, 400, refusal("ResourceNotFoundException", "Stream absent under account 111111111111 not found."))
		if strings.Contains(c.log.String(), `"ERROR"`) {
			t.Errorf("the log: %s", c.log)
		}
	})
}

// TestReadingAheadFails: it is the put's own reading that counts.
func TestReadingAheadFails(t *testing.T) {
	for name, fault := range map[string]faultstore.Fault{
		"throttled": faultstore.Throttled, "unknown": faultstore.Failed, "late": faultstore.FailedAfter, "hangs": faultstore.Hangs,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCold(t)
				c.load = fault
				w, answered := c.begin(signedRequest(t, "PutRecords", put(record("k", "x"))))
				time.Sleep(4 * time.Second) // until it is given up
				synctest.Wait()
				if c.running.Load() != 0 {
					t.Error("the map is still being read")
				}
				c.load = faultstore.None
				close(c.open)
				<-answered
				if w.Code != 200 || !strings.Contains(w.Body.String(), `"FailedRecordCount":0`) {
					t.Errorf("answer %d %s", w.Code, w.Body)
				}
			})
		})
	}
}

// TestOneMapIsReadAhead: whoever asks while nobody can be let in, and whatever for, causes the reading of one map in all.
func TestOneMapIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCold(t)
		c.err = errors.New("the keys' table is down")
		c.load = faultstore.Hangs
		record := `"Data":"eA==","PartitionKey":"k"`
		for action := range onStreams {
			if !strings.HasPrefix(action, "Put") {
				c.begin(signedRequest(t, action, `{`+orders+`,`+arnOfOrders+onStreams[action]+`}`))
			}
		}
		for _, action := range []string{"ListStreams", "DescribeLimits"} {
			c.begin(signedRequest(t, action, `{}`))
		}
		c.wantLoads(t, "by what is no put", 0)
		for _, stream := range []string{"orders", "absent", "others", "orders"} {
			c.begin(signedRequest(t, "PutRecords", `{"StreamName":"`+stream+`","Records":[{`+record+`}]}`))
			c.begin(signedRequest(t, "PutRecord", `{"StreamName":"`+stream+`",`+record+`}`))
			c.wantLoads(t, "by several puts", 1)
		}
		close(c.open)
		for range 10 {
			time.Sleep(2 * time.Second)
			c.begin(signedRequest(t, "PutRecords", put(`{`+record+`}`)))
		}
		if c.readings < 10 {
			t.Errorf("the keys were read %d times", c.readings)
		}
		c.wantLoads(t, "while the keys cannot be read", 1)
	})
}
