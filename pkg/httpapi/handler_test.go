package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

const account = "111111111111"

// endpoint is a handler over a memstore behind faults, with its log.
type endpoint struct {
	http.Handler
	service *streams.Service
	faults  *faultstore.Store
	log     *bytes.Buffer
}

func newEndpoint(plan func(faultstore.Call) faultstore.Fault) *endpoint {
	return newEndpointWith(plan, shardlog.Options{AppendTimeout: 2 * time.Second})
}

func newEndpointWith(plan func(faultstore.Call) faultstore.Fault, options shardlog.Options) *endpoint {
	e := &endpoint{faults: faultstore.New(memstore.New(), plan), log: &bytes.Buffer{}}
	logger := slog.New(httpapi.LogHandler(slog.NewJSONHandler(e.log, nil)))
	e.service = streams.New(shardlog.NewLog(e.faults, options), streams.Config{Account: account, Logger: logger})
	e.Handler = httpapi.New(httpapi.Config{Service: e.service, Logger: logger})
	return e
}

// send sends a request as an SDK would and returns its answer.
func (e *endpoint) send(action, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	return e.do(r)
}

func (e *endpoint) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func (e *endpoint) createOrders(t *testing.T, shards int) {
	t.Helper()
	w := e.send("CreateStream", fmt.Sprintf(`{"StreamName":"orders","ShardCount":%d}`, shards))
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Fatalf("CreateStream: %d %s", w.Code, w.Body)
	}
}

func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("answer:\n %d %s\nwant:\n %d %s", w.Code, w.Body, status, body)
	}
}

// stored counts the segments in the store, fillers included.
func (e *endpoint) stored() int { return e.faults.Calls()[faultstore.PutOnce] }

func record(key, data string) string {
	return fmt.Sprintf(`{"Data":%q,"PartitionKey":%q}`, base64.StdEncoding.EncodeToString([]byte(data)), key)
}

func put(records ...string) string {
	return `{"StreamName":"orders","Records":[` + strings.Join(records, ",") + `]}`
}

func times(n int, s string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// TestRefusals holds every refusal of the wire to its exact answer, and checks that nothing was stored.
func TestRefusals(t *testing.T) {
	const missing = "failed to satisfy constraint: Member must not be null"
	invalid := func(message string) string {
		quoted, _ := json.Marshal(message)
		return `{"__type":"InvalidArgumentException","message":` + string(quoted) + `}`
	}
	one := func(at, constraint string) string {
		return invalid("1 validation error detected: Value at '" + at + "' failed to satisfy constraint: " + constraint)
	}
	good := record("k", "data")
	mb := strings.Repeat("x", 1<<20)
	tests := []struct {
		name, action, body string
		status             int
		want               string
	}{
		{"no action", "", `{}`, 400, `{"__type":"UnknownOperationException"}`},
		{"unknown action", "PutRecordz", `{}`, 400, `{"__type":"UnknownOperationException"}`},
		{"action not served", "SubscribeToShard", `{}`, 400,
			`{"__type":"UnknownOperationException","message":"SubscribeToShard is not supported by this endpoint"}`},

		{"empty body", "PutRecords", ``, 400, `{"__type":"SerializationException"}`},
		{"not JSON", "PutRecords", `{"StreamName`, 400, `{"__type":"SerializationException"}`},
		{"not an object", "PutRecords", `["orders"]`, 400, `{"__type":"SerializationException"}`},
		{"bytes follow", "PutRecords", put(good) + `x`, 400, `{"__type":"SerializationException"}`},
		{"boolean for text", "PutRecords", `{"StreamName":true}`, 400,
			`{"__type":"SerializationException","Message":"class java.lang.Boolean can not be converted to an String"}`},
		{"number for text", "PutRecords", `{"StreamName":7}`, 400,
			`{"__type":"SerializationException","Message":"class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"}`},
		{"list for text", "PutRecords", `{"StreamName":[]}`, 400,
			`{"__type":"SerializationException","Message":"Start of list found where not expected"}`},
		{"map for text", "PutRecords", `{"StreamName":{}}`, 400,
			`{"__type":"SerializationException","Message":"Start of structure or map found where not expected."}`},
		{"boolean for blob", "PutRecord", `{"StreamName":"orders","Data":false}`, 400,
			`{"__type":"SerializationException","Message":"class java.lang.Boolean can not be converted to a Blob"}`},
		{"scalar for records", "PutRecords", `{"StreamName":"orders","Records":"none"}`, 400,
			`{"__type":"SerializationException","Message":"Expected list or null"}`},
		{"bad base64", "PutRecords", `{"StreamName":"orders","Records":[{"Data":"23456","PartitionKey":"k"}]}`, 400,
			`{"__type":"SerializationException","Message":"'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5"}`},

		{"empty object", "PutRecords", `{}`, 400, invalid("2 validation errors detected: Value at 'streamName' " + missing + "; Value at 'records' " + missing)},
		{"nulls are absent", "PutRecords", `{"StreamName":null,"Records":null,"Other":1}`, 400,
			invalid("2 validation errors detected: Value at 'streamName' " + missing + "; Value at 'records' " + missing)},
		{"no records", "PutRecords", put(), 400, one("records", "Member must have length greater than or equal to 1")},
		{"501 records", "PutRecords", put(times(501, good)...), 400, one("records", "Member must have length less than or equal to 500")},
		{"name too long", "PutRecord", `{"StreamName":"` + strings.Repeat("a", 129) + `","Data":"","PartitionKey":"k"}`, 400,
			one("streamName", "Member must have length less than or equal to 128")},
		{"name ends in a dash", "PutRecord", `{"StreamName":"orders-","Data":"","PartitionKey":"k"}`, 400, ""},
		{"name of other characters", "PutRecord", `{"StreamName":"or_ders","Data":"","PartitionKey":"k"}`, 400,
			one("streamName", "Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9-]*")},
		{"no data", "PutRecords", put(good, `{"PartitionKey":"k"}`), 400, one("records.2.member.data", "Member must not be null")},
		{"no key", "PutRecords", put(good, good, `{"Data":""}`), 400, one("records.3.member.partitionKey", "Member must not be null")},
		{"empty key", "PutRecords", put(good, good, record("", "x")), 400,
			one("records.3.member.partitionKey", "Member must have length greater than or equal to 1")},
		{"key too long", "PutRecords", put(record(strings.Repeat("é", 257), "x")), 400,
			one("records.1.member.partitionKey", "Member must have length less than or equal to 256")},
		{"data too long", "PutRecords", put(record("k", mb+"x")), 400,
			one("records.1.member.data", "Member must have length less than or equal to 1048576")},
		{"hash key with a leading zero", "PutRecords", put(`{"Data":"","PartitionKey":"k","ExplicitHashKey":"01"}`), 400,
			one("records.1.member.explicitHashKey", `Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`)},
		{"hash key of 2^128", "PutRecords", put(`{"Data":"","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211456"}`), 400,
			invalid("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456")},
		{"over 5 MB", "PutRecords", put(times(5, record("k", mb))...), 400, invalid("Records size exceeds 5 MB limit")},
		{"several at once", "PutRecords", `{"StreamName":"","Records":[{"Data":"","PartitionKey":""},{"PartitionKey":"k"}]}`, 400, ""},
		{"shard count", "CreateStream", `{"StreamName":"new","ShardCount":1001}`, 400, one("shardCount", "Member must have value less than or equal to 1000")},

		{"no such stream", "PutRecords", strings.Replace(put(good), "orders", "nothing", 1), 400,
			`{"__type":"ResourceNotFoundException","message":"Stream nothing under account 111111111111 not found."}`},
		{"no such stream by ARN", "PutRecord", `{"StreamARN":"arn:aws:kinesis:eu-west-1:222222222222:stream/nothing","Data":"","PartitionKey":"k"}`, 400,
			`{"__type":"ResourceNotFoundException","message":"Stream nothing under account 111111111111 not found."}`},
		{"no such stream to describe", "DescribeStreamSummary", `{"StreamName":"nothing"}`, 400,
			`{"__type":"ResourceNotFoundException","message":"Stream nothing under account 111111111111 not found."}`},
		{"stream exists", "CreateStream", `{"StreamName":"orders","ShardCount":1}`, 400,
			`{"__type":"ResourceInUseException","message":"Stream orders under account 111111111111 already exists."}`},
	}
	e := newEndpoint(nil)
	e.createOrders(t, 4)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := e.send(test.action, test.body)
			if test.want == "" { // several texts: what they share
				if w.Code != test.status || !strings.Contains(w.Body.String(), `"__type":"InvalidArgumentException"`) {
					t.Errorf("answer %d %s", w.Code, w.Body)
				}
			} else {
				wantAnswer(t, w, test.status, test.want)
			}
			if n := e.stored(); n != 0 {
				t.Errorf("%d segments were stored", n)
			}
		})
	}
}

// TestSeveralViolations: all of them are told together, in order, ten at most.
func TestSeveralViolations(t *testing.T) {
	e := newEndpoint(nil)
	w := e.send("PutRecords", `{"StreamName":"or ders","Records":[{"Data":"","PartitionKey":""},{"PartitionKey":"k","ExplicitHashKey":"x"}]}`)
	wantAnswer(t, w, 400, `{"__type":"InvalidArgumentException","message":"4 validation errors detected: `+
		`Value at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9-]*; `+
		`Value at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1; `+
		`Value at 'records.2.member.data' failed to satisfy constraint: Member must not be null; `+
		`Value at 'records.2.member.explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})"}`)
	w = e.send("PutRecords", put(times(30, `{}`)...))
	if got := strings.Count(w.Body.String(), "Value at"); got != 10 || !strings.Contains(w.Body.String(), "10 validation errors detected") {
		t.Errorf("60 violations are answered by %s", w.Body)
	}
}

func TestMethods(t *testing.T) {
	e := newEndpoint(nil)
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		r := httptest.NewRequest(method, "/", nil)
		wantAnswer(t, e.do(r), 403, `{"__type":"AccessDeniedException","message":"Unable to determine service/operation name to be authorized"}`)
	}
	r := httptest.NewRequest("HEAD", "/", nil)
	wantAnswer(t, e.do(r), 403, "")
}

func TestPreflight(t *testing.T) {
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Access-Control-Request-Headers", "x-amz-target")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := newEndpoint(nil).do(r)
	wantAnswer(t, w, 200, "")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "x-amz-target", "Access-Control-Allow-Methods": "POST",
		"Access-Control-Max-Age":        "172800",
		"Access-Control-Expose-Headers": "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMissingTarget(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	wantAnswer(t, newEndpoint(nil).do(r), 400, `{"__type":"UnknownOperationException","message":"The header X-Amz-Target is missing"}`)
}

// countingReader counts what is read of a body that never ends.
type countingReader struct{ n int }

func (c *countingReader) Read(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

func TestTooLargeBodies(t *testing.T) {
	const want = `{"__type":"RequestEntityTooLargeException","message":"Request body must not be longer than 10485760 bytes"}`
	announced := &countingReader{}
	r := httptest.NewRequest("POST", "/", announced)
	r.ContentLength = kinesis.MaxBody + 1
	wantAnswer(t, newEndpoint(nil).do(r), 413, want)
	if announced.n != 0 {
		t.Errorf("%d bytes were read of a body announced as too large", announced.n)
	}
	endless := &countingReader{}
	r = httptest.NewRequest("POST", "/", endless)
	r.ContentLength = -1
	wantAnswer(t, newEndpoint(nil).do(r), 413, want)
	if endless.n > 2*kinesis.MaxBody {
		t.Errorf("%d bytes were read of an endless body", endless.n)
	}
}

func TestLyingContentLength(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.ContentLength = 100
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	wantAnswer(t, newEndpoint(nil).do(r), 400, `{"__type":"RequestAbortedException","message":"The request body ended before its end"}`)
}

func TestHeaders(t *testing.T) {
	e := newEndpoint(nil)
	seen := map[string]bool{}
	for _, contentType := range []string{"application/x-amz-json-1.1", "application/json", "application/x-amz-json-1.1; charset=utf-8", ""} {
		r := httptest.NewRequest("POST", "/any/path?and=query", strings.NewReader(`{"StreamName":"orders","ShardCount":1}`))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.CreateStream")
		h := e.do(r).Header()
		want := "application/x-amz-json-1.1"
		if contentType == "application/json" {
			want = contentType
		}
		if got := h.Get("Content-Type"); got != want {
			t.Errorf("a request of %q is answered in %q", contentType, got)
		}
		if id := h.Get("x-amzn-RequestId"); seen[id] || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("request id %q", id)
		} else {
			seen[id] = true
		}
		if id2 := h.Get("x-amz-id-2"); len(id2) != 88 {
			t.Errorf("x-amz-id-2 %q", id2)
		}
	}
}

func TestPutRecords(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 4)
	var records []string
	for i, r := range hashkey.Uniform(4) {
		records = append(records, fmt.Sprintf(`{"Data":"","PartitionKey":"k%d","ExplicitHashKey":"%s"}`, i, r.End))
	}
	w := e.send("PutRecords", put(append(records, records...)...))
	entry := `{"SequenceNumber":"\d{56}","ShardId":"shardId-00000000000%d"}`
	var entries []string
	for i := range 8 {
		entries = append(entries, fmt.Sprintf(entry, i%4))
	}
	want := `^{"EncryptionType":"NONE","FailedRecordCount":0,"Records":\[` + strings.Join(entries, ",") + `\]}$`
	if w.Code != 200 || !regexp.MustCompile(want).MatchString(w.Body.String()) {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}

func TestPutRecordAndDescribe(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 3)
	w := e.send("PutRecord", `{"StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders","Data":"aGk=","PartitionKey":"k","SequenceNumberForOrdering":"0"}`)
	if !regexp.MustCompile(`^{"EncryptionType":"NONE","SequenceNumber":"\d{56}","ShardId":"shardId-\d{12}"}$`).MatchString(w.Body.String()) {
		t.Errorf("PutRecord: %d %s", w.Code, w.Body)
	}
	w = e.send("DescribeStreamSummary", `{"StreamName":"orders"}`)
	want := `^{"StreamDescriptionSummary":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders",` +
		`"StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"RetentionPeriodHours":24,"StreamCreationTimestamp":\d{10},` +
		`"EnhancedMonitoring":\[{"ShardLevelMetrics":\[\]}\],"EncryptionType":"NONE","OpenShardCount":3,"ConsumerCount":0}}$`
	if !regexp.MustCompile(want).MatchString(w.Body.String()) {
		t.Errorf("DescribeStreamSummary: %d %s", w.Code, w.Body)
	}
}

func TestCreateStreamModes(t *testing.T) {
	e := newEndpoint(nil)
	for body, want := range map[string]string{
		`{"StreamName":"a","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`:                  `"OpenShardCount":4`,
		`{"StreamName":"b","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"ShardCount":9}`:   `"OpenShardCount":9`,
		`{"StreamName":"c","StreamModeDetails":{"StreamMode":"PROVISIONED"},"ShardCount":2}`: `"StreamMode":"PROVISIONED"`,
		`{"StreamName":"d","ShardCount":1000}`:                                               `"OpenShardCount":1000`,
	} {
		if w := e.send("CreateStream", body); w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
		if w := e.send("DescribeStreamSummary", body); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is described as %s", body, w.Body)
		}
	}
	wantAnswer(t, e.send("CreateStream", `{"StreamName":"e"}`), 400,
		`{"__type":"InvalidArgumentException","message":"ShardCount must be given for a stream in PROVISIONED mode"}`)
	if w := e.send("CreateStream", `{"StreamName":"e","ShardCount":1,"StreamModeDetails":{"StreamMode":"SOMETIMES"}}`); w.Code != 400 {
		t.Errorf("an unknown mode: %d %s", w.Code, w.Body)
	}
}

// TestShardFails: shard 2 alone fails, and only its records say so.
func TestShardFails(t *testing.T) {
	throttled := `{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000002 in stream orders under account 111111111111."}`
	failed := `{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}`
	secret := fmt.Errorf("dial tcp 10.0.0.7:443: refused")
	for name, test := range map[string]struct {
		fault  faultstore.Fault
		entry  string
		single string
		status int
	}{
		"throttled": {faultstore.Throttled, throttled, `{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard shardId-000000000002 in stream orders under account 111111111111."}`, 400},
		"failed":    {faultstore.Fault{Before: secret}, failed, `{"__type":"InternalFailure","message":"Internal service failure."}`, 500},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(func(c faultstore.Call) faultstore.Fault {
				if c.Op == faultstore.Allocate && c.Shard.Index == 2 {
					return test.fault
				}
				return faultstore.Fault{}
			})
			e.createOrders(t, 4)
			var records []string
			for _, r := range hashkey.Uniform(4) {
				records = append(records, fmt.Sprintf(`{"Data":"","PartitionKey":"k","ExplicitHashKey":"%s"}`, r.Start))
			}
			w := e.send("PutRecords", put(records...))
			good := `{"SequenceNumber":"\d{56}","ShardId":"shardId-00000000000%d"}`
			want := fmt.Sprintf(`^{"EncryptionType":"NONE","FailedRecordCount":1,"Records":\[`+good+","+good+",%s,"+good+`\]}$`, 0, 1, regexp.QuoteMeta(test.entry), 3)
			if w.Code != 200 || !regexp.MustCompile(want).MatchString(w.Body.String()) {
				t.Errorf("answer %d %s", w.Code, w.Body)
			}
			w = e.send("PutRecord", strings.Replace(records[2], "{", `{"StreamName":"orders",`, 1))
			wantAnswer(t, w, test.status, test.single)
			if name == "failed" && !strings.Contains(e.log.String(), secret.Error()) {
				t.Errorf("the cause is not logged: %s", e.log)
			}
			if !strings.Contains(e.log.String(), w.Header().Get("x-amzn-RequestId")) {
				t.Errorf("the log does not bear the request id: %s", e.log)
			}
		})
	}
}

// TestMapFails: the stream's map cannot be read, so the request fails as a whole.
func TestMapFails(t *testing.T) {
	for name, test := range map[string]struct {
		fault  faultstore.Fault
		status int
		want   string
	}{
		"throttled": {faultstore.Throttled, 400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`},
		"failed":    {faultstore.Failed, 500, `{"__type":"InternalFailure","message":"Internal service failure."}`},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(func(c faultstore.Call) faultstore.Fault {
				if c.Op == faultstore.LoadStream {
					return test.fault
				}
				return faultstore.Fault{}
			})
			e.createOrders(t, 1)
			wantAnswer(t, e.send("PutRecords", put(record("k", "x"))), test.status, test.want)
			wantAnswer(t, e.send("DescribeStreamSummary", `{"StreamName":"orders"}`), test.status, test.want)
			if e.stored() != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestPanic(t *testing.T) {
	e := newEndpoint(func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.CreateStream {
			return faultstore.Fault{Wait: func(context.Context) { panic("secret state") }}
		}
		return faultstore.Fault{}
	})
	w := e.send("CreateStream", `{"StreamName":"orders","ShardCount":1}`)
	wantAnswer(t, w, 500, `{"__type":"InternalFailure","message":"Internal service failure."}`)
	if !strings.Contains(e.log.String(), "secret state") || !strings.Contains(e.log.String(), w.Header().Get("x-amzn-RequestId")) {
		t.Errorf("the panic is not logged with its request: %s", e.log)
	}
}

// TestLogLine: one line a request, with what an operator needs and nothing of the data.
func TestLogLine(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 1)
	e.log.Reset()
	w := e.send("PutRecords", put(record("secret-key", "secret-data"), record("k", "x")))
	var line struct {
		Msg, RequestID, Action, Stream string
		Status, Records, Failed, Bytes int
		Duration                       *float64 `json:"duration_ms"`
		ID                             string   `json:"request_id"`
	}
	decoder := json.NewDecoder(bytes.NewReader(e.log.Bytes()))
	if err := decoder.Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Msg != "request" || line.ID != w.Header().Get("x-amzn-RequestId") || line.Action != "PutRecords" || line.Stream != "orders" ||
		line.Status != 200 || line.Records != 2 || line.Failed != 0 || line.Bytes != 12 || line.Duration == nil {
		t.Errorf("line: %s", e.log)
	}
	if _, err := decoder.Token(); err != io.EOF {
		t.Errorf("more than one line: %s", e.log)
	}
	for _, secret := range []string{"secret-key", "secret-data", base64.StdEncoding.EncodeToString([]byte("secret-data"))} {
		if strings.Contains(e.log.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, e.log)
		}
	}
	e.log.Reset()
	e.send("PutRecords", `{"StreamName":"nothing","Records":[`+record("secret-key", "secret-data")+`]}`)
	if !strings.Contains(e.log.String(), `"error":"ResourceNotFoundException"`) || !strings.Contains(e.log.String(), `"failed":1`) || strings.Contains(e.log.String(), "secret") {
		t.Errorf("line of a refused request: %s", e.log)
	}
}

// TestQuiet: no line of what was served, and one of each other request.
func TestQuiet(t *testing.T) {
	e := newEndpoint(func(c faultstore.Call) faultstore.Fault {
		switch {
		case c.Op == faultstore.PutOnce:
			return faultstore.Fault{Before: shardlog.ErrRefused}
		case c.Op == faultstore.ListStreams:
			return faultstore.Fault{Wait: func(context.Context) { panic("a bug") }}
		}
		return faultstore.Fault{}
	})
	logger := slog.New(httpapi.LogHandler(slog.NewTextHandler(e.log, nil)))
	e.Handler = httpapi.New(httpapi.Config{Service: e.service, Logger: logger, Quiet: true})
	e.createOrders(t, 1)
	e.send("DescribeStreamSummary", `{"StreamName":"orders"}`)
	if e.log.Len() > 0 {
		t.Errorf("of what was served it logs %s", e.log)
	}
	for want, send := range map[string]func() *httptest.ResponseRecorder{
		"status=200 duration":         func() *httptest.ResponseRecorder { return e.send("PutRecords", put(record("k", "x"))) },
		"error=InvalidArgument":       func() *httptest.ResponseRecorder { return e.send("PutRecords", `{}`) },
		"level=ERROR msg=request act": func() *httptest.ResponseRecorder { return e.send("ListStreams", `{}`) },
	} {
		e.log.Reset()
		w := send()
		if !strings.Contains(e.log.String(), want) || strings.Count(e.log.String(), "msg=request") != 1 {
			t.Errorf("of %d %s it logs %s, want a line with %s", w.Code, w.Body, e.log, want)
		}
	}
}

func TestLargestRequest(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 2)
	w := e.send("PutRecords", put(times(4, record("k", strings.Repeat("x", 1<<20)))...))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"FailedRecordCount":0`) {
		t.Errorf("4 records of 1 MB: %d %.300s", w.Code, w.Body)
	}
	records := append(times(4, record("k", strings.Repeat("x", 1<<20))), record("k", strings.Repeat("x", 1<<20-5)))
	if w := e.send("PutRecords", put(records...)); w.Code != 200 {
		t.Errorf("exactly 5 MB: %d %.300s", w.Code, w.Body)
	}
}

// FuzzBody sends any body to any operation: the answer is always one of the wire's.
func FuzzBody(f *testing.F) {
	f.Add("PutRecords", put(record("k", "x")))
	f.Add("CreateStream", `{"StreamName":"a","ShardCount":2}`)
	f.Add("DescribeStreamSummary", `{"StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}`)
	f.Add("PutRecord", `{"StreamName":"orders","Data":"aGk=","PartitionKey":"é","ExplicitHashKey":"0"}`)
	f.Fuzz(func(t *testing.T, action, body string) {
		e := newEndpoint(nil)
		e.createOrders(t, 2)
		w := e.send(action, body)
		switch w.Code {
		case 200:
		case 400, 413:
			var answer struct {
				Type string `json:"__type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Type == "" {
				t.Errorf("%s %q: %d %s", action, body, w.Code, w.Body)
			}
		default:
			t.Errorf("%s %q: %d %s\n%s", action, body, w.Code, w.Body, e.log)
		}
	})
}
