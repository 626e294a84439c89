package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

const cborType = "application/x-amz-cbor-1.1"

// cborText writes a text of less than 256 bytes.
func cborText(s string) string {
	if len(s) < 24 {
		return string([]byte{0x60 | byte(len(s))}) + s
	}
	return string([]byte{0x78, byte(len(s))}) + s
}

// cborMap writes names and values, which are written already, as a map of indefinite length.
func cborMap(namesAndValues ...string) string {
	b := "\xbf"
	for i := 0; i < len(namesAndValues); i += 2 {
		b += cborText(namesAndValues[i]) + namesAndValues[i+1]
	}
	return b + "\xff"
}

func cborList(values ...string) string { return "\x9f" + strings.Join(values, "") + "\xff" }

// sendCBOR sends a request as the SDK for Java would.
func (e *endpoint) sendCBOR(t *testing.T, action, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", cborType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	w := e.do(r)
	if got := w.Header().Get("Content-Type"); got != cborType {
		t.Errorf("%s is answered in %q", action, got)
	}
	return w
}

// wantCBOR checks an answer against an expression for its bytes, and returns what the expression captured.
func wantCBOR(t *testing.T, w *httptest.ResponseRecorder, status int, expression string) []string {
	t.Helper()
	// Latin-1 makes each byte a character, for expressions do not match parts of UTF-8.
	latin := func(s string) string {
		runes := make([]rune, len(s))
		for i := range len(s) {
			runes[i] = rune(s[i])
		}
		return string(runes)
	}
	match := regexp.MustCompile("(?s)^" + latin(expression) + "$").FindStringSubmatch(latin(w.Body.String()))
	if w.Code != status || match == nil {
		t.Fatalf("answer %d %q, want %d %q", w.Code, w.Body, status, expression)
	}
	return match[1:]
}

func TestCBOR(t *testing.T) {
	quote := regexp.QuoteMeta
	e := newEndpoint(nil)
	orders := cborText("orders")
	wantCBOR(t, e.sendCBOR(t, "CreateStream", cborMap("StreamName", orders, "ShardCount", "\x01")), 200, "")

	number := `x8(\d{56})` // a text of 56 bytes
	records := cborList(
		cborMap("Data", "\x43\x00\xff\x80", "PartitionKey", cborText("k")),
		cborMap("Data", "\x40", "PartitionKey", cborText("é"), "ExplicitHashKey", "\xf6"))
	entry := "\xbf" + cborText("SequenceNumber") + number + cborText("ShardId") + cborText("shardId-000000000000") + "\xff"
	numbers := wantCBOR(t, e.sendCBOR(t, "PutRecords", cborMap("StreamName", orders, "Records", records)), 200,
		"\xbf"+cborText("EncryptionType")+cborText("NONE")+cborText("FailedRecordCount")+"\x00"+cborText("Records")+cborList(entry, entry)+"\xff")

	iterator := wantCBOR(t, e.sendCBOR(t, "GetShardIterator", cborMap("StreamName", orders, "ShardId", cborText("shardId-000000000000"),
		"ShardIteratorType", cborText("AT_TIMESTAMP"), "Timestamp", "\xc1\x1b\x00\x00\x01\x8b\xcf\xe5\x68\x7b")), 200,
		"\xbf"+cborText("ShardIterator")+"x.([A-Za-z0-9_=+/-]+)\xff")[0]

	arrival := cborText("ApproximateArrivalTimestamp") + "\xc1\x1b\x00\x00.{6}"
	w := e.sendCBOR(t, "GetRecords", cborMap("ShardIterator", cborText(iterator)))
	wantCBOR(t, w, 200, "\xbf"+cborText("Records")+cborList(
		"\xbf"+cborText("SequenceNumber")+"x8"+numbers[0]+arrival+cborText("Data")+"\x43\x00\xff\x80"+cborText("PartitionKey")+cborText("k")+"\xff",
		"\xbf"+cborText("SequenceNumber")+"x8"+numbers[1]+arrival+cborText("Data")+"\x40"+cborText("PartitionKey")+cborText("é")+"\xff",
	)+cborText("NextShardIterator")+"x.[A-Za-z0-9_=+/-]+"+cborText("MillisBehindLatest")+".*\xff")

	for name, test := range map[string]struct{ action, body, want string }{
		"no such stream": {"DescribeStreamSummary", cborMap("StreamName", cborText("nothing")),
			cborMap("__type", cborText("ResourceNotFoundException"), "message", cborText("Stream nothing under account 111111111111 not found."))},
		"empty map":  {"DescribeStreamSummary", "\xa0", ""},
		"empty body": {"DescribeStreamSummary", "", cborMap("__type", cborText("SerializationException"))},
		"JSON":       {"PutRecords", put(record("k", "x")), cborMap("__type", cborText("SerializationException"))},
		"cut short":  {"PutRecords", "\xbf", cborMap("__type", cborText("SerializationException"))},
		"list":       {"PutRecords", "\x80", cborMap("__type", cborText("SerializationException"))},
		"wrong type": {"PutRecords", cborMap("StreamName", "\x41a"),
			cborMap("__type", cborText("SerializationException"), "Message", cborText("class java.nio.ByteBuffer can not be converted to an String"))},
		"no action": {"", "\xa0", cborMap("__type", cborText("UnknownOperationException"))},
	} {
		t.Run(name, func(t *testing.T) {
			want := quote(test.want)
			if want == "" {
				want = "\xbf" + cborText("__type") + cborText("InvalidArgumentException") + ".*"
			}
			wantCBOR(t, e.sendCBOR(t, test.action, test.body), 400, want)
		})
	}
}

// TestFormats: the answer has the request's format, and a media type that is not known is JSON.
func TestFormats(t *testing.T) {
	e := newEndpoint(nil)
	for _, test := range []struct{ requested, answered, body, want string }{
		{cborType, cborType, "\xa0", "\xbf"},
		{"Application/X-AMZ-CBOR-1.1; charset=x", cborType, "\xa0", "\xbf"},
		{"application/cbor", "application/x-amz-json-1.1", "{}", "{"},
		{"text/plain", "application/x-amz-json-1.1", "{}", "{"},
		{"application/json", "application/json", "{}", "{"},
		{"", "application/x-amz-json-1.1", "{}", "{"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
		r.Header.Set("Content-Type", test.requested)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
		w := e.do(r)
		if got := w.Header().Get("Content-Type"); got != test.answered || w.Code != 400 || !strings.HasPrefix(w.Body.String(), test.want) ||
			!strings.Contains(w.Body.String(), "InvalidArgumentException") {
			t.Errorf("%q is answered in %q: %d %q", test.requested, got, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Content-Type", cborType)
	if w := e.do(r); w.Code != 403 || w.Header().Get("Content-Type") != cborType || !strings.HasPrefix(w.Body.String(), "\xbf") {
		t.Errorf("GET: %d %q", w.Code, w.Body)
	}
}
