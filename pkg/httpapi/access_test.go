package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/sigv4"
)

const (
	keyID  = "MRAAAABBBBCCCCDDDDEE"
	secret = "s3cr3t/with+signs=0123456789abcdefghijkl"
)

func noon() time.Time { return time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC) }

// door is who is let in: one key, to the actions and streams that it has a right to.
type door struct {
	*sigv4.Verifier
	actions func(action string) bool
	streams func(stream string) bool
	failure error // of every question about rights
	unknown error // of every question about secrets
}

func newDoor() *door {
	d := &door{
		actions: func(string) bool { return true },
		streams: func(stream string) bool { return stream == "orders" },
	}
	d.Verifier = sigv4.New(sigv4.Config{Secrets: d, Region: "us-east-1", Now: noon})
	return d
}

func (d *door) Secret(_ context.Context, id string) (string, bool, error) {
	return secret, id == keyID, d.unknown
}

func (d *door) AllowsAction(_ context.Context, id, action string) (bool, error) {
	return id == keyID && d.actions(action), d.failure
}

func (d *door) Allows(_ context.Context, id, action, stream string) (bool, error) {
	return id == keyID && d.actions(action) && d.streams(stream), d.failure
}

func (*door) Ready() bool { return true }

// closed is an endpoint behind a door, whose open endpoint serves the same streams to everybody.
type closed struct {
	http.Handler
	door *door
	open *endpoint
}

func newClosed() *closed {
	c := &closed{door: newDoor(), open: newEndpoint(nil)}
	logger := slog.New(httpapi.LogHandler(slog.NewJSONHandler(c.open.log, nil)))
	c.Handler = httpapi.New(httpapi.Config{Service: c.open.service, Logger: logger, Access: c.door})
	return c
}

// newRequest returns a request as SDKs make it, before it is signed.
func newRequest(action, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	return r
}

func sign(t testing.TB, r *http.Request, body string) *http.Request {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), "kinesis", "us-east-1", noon()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (c *closed) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

// send sends a request that is signed.
func (c *closed) send(t testing.TB, action, body string) *httptest.ResponseRecorder {
	t.Helper()
	return c.do(sign(t, newRequest(action, body), body))
}

func refusal(code, message string) string {
	quoted, _ := json.Marshal(message)
	return `{"__type":"` + code + `","message":` + strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted)) + `}`
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
	"and signing method. Consult the service documentation for details."

// TestSignatures holds the refusals of a signature to their exact answers, and to the wire's order: each request has all the
// faults that come later as well.
func TestSignatures(t *testing.T) {
	const notJSON = `{"StreamName`
	set := func(r *http.Request, name, value string) *http.Request { r.Header.Set(name, value); return r }
	good := func() *http.Request { return sign(t, newRequest("PutRecords", notJSON), notJSON) }
	replace := func(old, by string) *http.Request {
		r := good()
		return set(r, "Authorization", strings.Replace(r.Header.Get("Authorization"), old, by, 1))
	}
	for name, test := range map[string]struct {
		request *http.Request
		status  int
		want    string
	}{
		"too large": {func() *http.Request { r := newRequest("", notJSON); r.ContentLength = kinesis.MaxBody + 1; return r }(), 413,
			refusal("RequestEntityTooLargeException", "Request body must not be longer than 10485760 bytes")},
		"not a POST": {httptest.NewRequest("GET", "/", nil), 403,
			refusal("AccessDeniedException", "Unable to determine service/operation name to be authorized")},
		"unknown target": {newRequest("Nothing", notJSON), 400, `{"__type":"UnknownOperationException"}`},
		"action not served": {newRequest("SubscribeToShard", notJSON), 400,
			refusal("UnknownOperationException", "SubscribeToShard is not supported by this endpoint")},
		"not signed": {newRequest("PutRecords", notJSON), 403, refusal("MissingAuthenticationTokenException", "Missing Authentication Token")},
		"signed in parts": {replace("Signature=", "Signatur="), 403,
			refusal("IncompleteSignatureException", "Authorization header has an unknown parameter 'Signatur'.")},
		"without a date": {func() *http.Request { r := good(); r.Header.Del("X-Amz-Date"); return r }(), 403,
			refusal("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")},
		"unknown key": {replace(keyID, "AKIDEXAMPLE"), 403,
			refusal("UnrecognizedClientException", "The security token included in the request is invalid.")},
		"session token": {set(good(), "X-Amz-Security-Token", "x"), 403,
			refusal("UnrecognizedClientException", "This endpoint takes no session tokens: sign with a key of its own, without X-Amz-Security-Token.")},
		"too late": {set(good(), "X-Amz-Date", "20260316T115459Z"), 403, refusal("InvalidSignatureException",
			"Signature expired: 20260316T115459Z is now earlier than 20260316T115500Z (20260316T120000Z - 5 min.)")},
		"too early": {set(good(), "X-Amz-Date", "20260316T120501Z"), 403, refusal("InvalidSignatureException",
			"Signature not yet current: 20260316T120501Z is still later than 20260316T120500Z (20260316T120000Z + 5 min.)")},
		"wrong region": {replace("us-east-1", "us-west-1"), 403, refusal("InvalidSignatureException",
			"Credential should be scoped to a valid region, not 'us-west-1'. This endpoint is in 'us-east-1'.")},
		"another target":  {set(good(), "X-Amz-Target", "Kinesis_20131202.PutRecord"), 403, refusal("InvalidSignatureException", mismatch)},
		"wrong signature": {replace("Signature=", "Signature=0"), 403, refusal("InvalidSignatureException", mismatch)},
		"no right": {good(), 400, refusal("AccessDeniedException",
			"Access key MRAAAABBBBCCCCDDDDEE is not authorized to perform: kinesis:PutRecords")},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClosed()
			c.door.actions = func(string) bool { return false }
			w := c.do(test.request)
			wantAnswer(t, w, test.status, test.want)
			if w.Header().Get("x-amzn-RequestId") == "" || w.Header().Get("x-amz-id-2") == "" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

// TestPreflightIsOpen: browsers do not sign it.
func TestPreflightIsOpen(t *testing.T) {
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "https://shop.example")
	wantAnswer(t, newClosed().do(r), 200, "")
}

// TestSignaturesInCBOR: a refusal has the request's format.
func TestSignaturesInCBOR(t *testing.T) {
	c := newClosed()
	c.open.createOrders(t, 1)
	body := cborMap("StreamName", cborText("orders"))
	r := newRequest("DescribeStreamSummary", body)
	r.Header.Set("Content-Type", cborType)
	wantCBOR(t, c.do(sign(t, r, body)), 200, "\xbf.*")
	r = newRequest("DescribeStreamSummary", body)
	r.Header.Set("Content-Type", cborType)
	wantCBOR(t, c.do(r), 403,
		cborMap("__type", "x."+"MissingAuthenticationTokenException", "message", "x."+"Missing Authentication Token"))
	body = cborMap("StreamName", cborText("others"))
	r = newRequest("DescribeStreamSummary", body)
	r.Header.Set("Content-Type", cborType)
	wantCBOR(t, c.do(sign(t, r, body)), 400, "\xbf"+cborText("__type")+cborText("AccessDeniedException")+".*stream/others\xff")
}

// TestBodySwapped: under a good signature there is one body.
func TestBodySwapped(t *testing.T) {
	c := newClosed()
	c.open.createOrders(t, 1)
	body := put(record("k", "what was meant"))
	wantAnswer(t, c.do(swap(sign(t, newRequest("PutRecords", body), body), put(record("k", "what was not")))), 403, refusal("InvalidSignatureException", mismatch))
	if n := c.open.stored(); n != 0 {
		t.Errorf("%d segments were stored", n)
	}
	if w := c.send(t, "PutRecords", body); w.Code != 200 {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	// Changed to the other format it is the same request no more: a map in one is nothing in the other.
	r := newRequest("PutRecords", body)
	r.Header.Del("Content-Type")
	r = sign(t, r, body)
	r.Header.Set("Content-Type", cborType)
	wantCBOR(t, c.do(r), 400, cborMap("__type", cborText("SerializationException")))
}

// swap puts another body of whatever length into a request.
func swap(r *http.Request, body string) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

// TestReplay: a request that was let in is let in again for five minutes, and no longer.
func TestReplay(t *testing.T) {
	c := newClosed()
	c.open.createOrders(t, 1)
	now := noon()
	c.door.Verifier = sigv4.New(sigv4.Config{Secrets: c.door, Region: "us-east-1", Now: func() time.Time { return now }})
	const body = `{"StreamName":"orders"}`
	for _, step := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {5 * time.Minute, 200}, {time.Second, 403}, {24 * time.Hour, 403}} {
		now = now.Add(step.after)
		if w := c.send(t, "DescribeStreamSummary", body); w.Code != step.status || w.Code == 403 && !strings.Contains(w.Body.String(), `"Signature expired: `) {
			t.Errorf("at %v: %d %s", now, w.Code, w.Body)
		}
	}
}

// TestOpenEndpoint: where everybody is let in, nobody's signature is looked at.
func TestOpenEndpoint(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 1)
	for _, authorization := range []string{"", "Bearer x", "AWS4-HMAC-SHA256 Credential=x"} {
		r := newRequest("DescribeStreamSummary", `{"StreamName":"orders"}`)
		r.Header.Set("Authorization", authorization)
		if w := e.do(r); w.Code != 200 {
			t.Errorf("%q: %d %s", authorization, w.Code, w.Body)
		}
	}
}

// TestUnreadableBodies: who has no right to the action, or to the stream as far as one was read, is not told what is wrong with
// the body.
func TestUnreadableBodies(t *testing.T) {
	const (
		noAction = "Access key MRAAAABBBBCCCCDDDDEE is not authorized to perform: kinesis:"
		others   = " on resource: arn:aws:kinesis:us-east-1:111111111111:stream/others"
	)
	c := newClosed()
	c.door.actions = func(action string) bool { return action != "DeleteStream" && action != "ListStreams" }
	for _, test := range []struct{ action, body, want string }{
		{"DeleteStream", `{"StreamName`, refusal("AccessDeniedException", noAction+"DeleteStream")},
		{"DeleteStream", `{"StreamName":"orders"}`, refusal("AccessDeniedException", noAction+"DeleteStream")},
		{"ListStreams", `[`, refusal("AccessDeniedException", noAction+"ListStreams")},
		{"DescribeLimits", `[`, refusal("AccessDeniedException", noAction+"DescribeLimits")},
		{"PutRecords", `{"StreamName`, `{"__type":"SerializationException"}`},
		{"PutRecords", `{"StreamName":"orders","Records":0`, `{"__type":"SerializationException"}`},
		{"PutRecords", `{"StreamName":"orders","Records":0}`, `{"__type":"SerializationException","Message":"Expected list or null"}`},
		{"PutRecords", `{"StreamName":"others","Records":0}`, refusal("AccessDeniedException", noAction+"PutRecords"+others)},
		{"PutRecords", `{"StreamName":"others","Records":[`, refusal("AccessDeniedException", noAction+"PutRecords"+others)},
		{"PutRecords", `{"Records":0,"StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/others"}`, refusal("AccessDeniedException", noAction+"PutRecords"+others)},
		{"GetRecords", `{"ShardIterator":0}`, `{"__type":"SerializationException","Message":"class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"}`},
		{"GetRecords", `{"ShardIterator":"nonsense"}`, refusal("InvalidArgumentException", "Invalid ShardIterator.")},
		{"ListShards", `{"NextToken":"nonsense"}`, refusal("InvalidArgumentException", "Invalid NextToken.")},
		{"DescribeStream", `{}`, refusal("InvalidArgumentException",
			"1 validation error detected: Value at 'streamName' failed to satisfy constraint: Member must not be null")},
		{"DescribeStream", `{"StreamName":"` + strings.Repeat("x", 127) + `é"}`, refusal("AccessDeniedException",
			noAction+"DescribeStream on resource: arn:aws:kinesis:us-east-1:111111111111:stream/"+strings.Repeat("x", 127)+"?...")},
		{"DescribeStream", `{"StreamName":"` + strings.Repeat("<", 5000) + `"}`, refusal("AccessDeniedException",
			noAction+"DescribeStream on resource: arn:aws:kinesis:us-east-1:111111111111:stream/"+strings.Repeat("<", 128)+"...")},
	} {
		wantAnswer(t, c.send(t, test.action, test.body), 400, test.want)
	}
}

// TestActionsOnNoStream: they are asked for as such, whatever stream the body speaks of.
func TestActionsOnNoStream(t *testing.T) {
	for _, action := range []string{"ListStreams", "DescribeLimits"} {
		c := newClosed()
		wantAnswer(t, c.send(t, action, `{"StreamName":"orders"}`), 400,
			refusal("AccessDeniedException", "Access key MRAAAABBBBCCCCDDDDEE is not authorized to perform: kinesis:"+action))
		c.door.streams = func(stream string) bool { return stream == "" }
		if w := c.send(t, action, `{}`); w.Code != 200 {
			t.Errorf("%s: %d %s", action, w.Code, w.Body)
		}
	}
}

// TestNobodyCanTell: where secrets or rights cannot be looked up nobody is let in, and the cause is logged alone.
func TestNobodyCanTell(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.7:443: refused")
	for name, fail := range map[string]func(*door){
		"secrets": func(d *door) { d.unknown = cause },
		"rights":  func(d *door) { d.failure = cause },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClosed()
			c.open.createOrders(t, 1)
			fail(c.door)
			for action, body := range map[string]string{"PutRecords": put(record("k", "x")), "ListStreams": `{}`, "DeleteStream": `{"StreamName":"orders"}`} {
				w := c.send(t, action, body)
				wantAnswer(t, w, 500, `{"__type":"InternalFailure","message":"Internal service failure."}`)
				if !strings.Contains(c.open.log.String(), cause.Error()) || !strings.Contains(c.open.log.String(), w.Header().Get("x-amzn-RequestId")) {
					t.Errorf("the log: %s", c.open.log)
				}
			}
			if calls := c.open.faults.Calls(); calls[faultstore.PutOnce] != 0 || calls[faultstore.DeleteStream] != 0 {
				t.Errorf("the store was called: %v", calls)
			}
		})
	}
}

// TestKeyInLog: the line of a request tells whose it was, and nothing of what it was signed with.
func TestKeyInLog(t *testing.T) {
	c := newClosed()
	c.open.createOrders(t, 1)
	for _, test := range []struct {
		change func(*http.Request)
		want   bool
	}{
		{func(*http.Request) {}, true},
		{func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260316T120001Z") }, false},
		{func(r *http.Request) { r.Header.Del("Authorization") }, false},
	} {
		c.open.log.Reset()
		body := put(record("k", "x"))
		r := sign(t, newRequest("PutRecords", body), body)
		signature := r.Header.Get("Authorization")
		signature = signature[strings.LastIndexByte(signature, '=')+1:]
		test.change(r)
		c.do(r)
		if got := bytes.Contains(c.open.log.Bytes(), []byte(`"key":"`+keyID+`"`)); got != test.want {
			t.Errorf("the line: %s", c.open.log)
		}
		for _, hidden := range []string{secret, signature, "Credential="} {
			if strings.Contains(c.open.log.String(), hidden) {
				t.Errorf("the line tells %q: %s", hidden, c.open.log)
			}
		}
	}
}
