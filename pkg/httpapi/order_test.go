package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"millrace/pkg/kinesis"
)

// flaw is one of the things that may be wrong with a request, in the order in which they are told.
type flaw struct {
	name    string
	status  int
	members []string // of the answer: names and texts
}

var flaws = []flaw{
	{"too large", 413, []string{"__type", "RequestEntityTooLargeException", "message", "Request body must not be longer than 10485760 bytes"}},
	{"method", 403, []string{"__type", "AccessDeniedException", "message", "Unable to determine service/operation name to be authorized"}},
	{"target", 400, []string{"__type", "UnknownOperationException"}},
	{"no document", 400, []string{"__type", "SerializationException"}},
	{"type", 400, []string{"__type", "SerializationException",
		"Message", "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"}},
	{"limit", 400, []string{"__type", "InvalidArgumentException",
		"message", "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"}},
	{"no stream", 400, []string{"__type", "ResourceNotFoundException", "message", "Stream nothing under account 111111111111 not found."}},
}

// TestOrderOfRefusals sends requests with every set of flaws: the first in order is told, in the request's format, and no other.
// Every answer bears its ids.
func TestOrderOfRefusals(t *testing.T) {
	e := newEndpoint(nil)
	e.createOrders(t, 1)
	seen := map[string]bool{}
	for set := 1; set < 1<<len(flaws); set++ {
		var has []string
		for i, f := range flaws {
			if set&(1<<i) != 0 {
				has = append(has, f.name)
			}
		}
		first := flaws[slices.IndexFunc(flaws, func(f flaw) bool { return f.name == has[0] })]
		for _, format := range []string{jsonType, cborType} {
			w := e.do(flawed(format, has))
			if want := answered(format, first.members); w.Code != first.status || w.Body.String() != want {
				t.Errorf("%s with %q:\n %d %q\nwant\n %d %q", format, has, w.Code, w.Body, first.status, want)
			}
			h := w.Header()
			id, id2 := h.Get("x-amzn-RequestId"), h.Get("x-amz-id-2")
			if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) || len(id2) != 88 || seen[id] || seen[id2] ||
				h.Get("Content-Type") != format || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
				t.Errorf("%s with %q has the headers %v", format, has, h)
			}
			seen[id], seen[id2] = true, true
		}
	}
	if n := e.stored(); n != 0 {
		t.Errorf("%d segments were stored", n)
	}
}

const jsonType = "application/x-amz-json-1.1"

// flawed returns a PutRecord that has some flaws.
func flawed(format string, has []string) *http.Request {
	pick := func(flaw, without, with string) string {
		if slices.Contains(has, flaw) {
			return with
		}
		return without
	}
	stream, key := pick("no stream", "orders", "nothing"), pick("limit", "k", "")
	body := fmt.Sprintf(`{"StreamName":%q,"PartitionKey":%q,"Data":"","ExplicitHashKey":%s}`, stream, key, pick("type", `"0"`, "7"))
	if format == cborType {
		body = cborMap("StreamName", cborText(stream), "PartitionKey", cborText(key), "Data", "\x40",
			"ExplicitHashKey", pick("type", cborText("0"), "\x07"))
	}
	if slices.Contains(has, "no document") {
		body = body[:len(body)-1]
	}
	r := httptest.NewRequest(pick("method", "POST", "PUT"), "/", strings.NewReader(body))
	r.Header.Set("Content-Type", format)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+pick("target", "PutRecord", "PutRecordz"))
	if slices.Contains(has, "too large") {
		r.ContentLength = kinesis.MaxBody + 1
	}
	return r
}

// answered writes the names and texts of an answer.
func answered(format string, members []string) string {
	if format == cborType {
		written := slices.Clone(members)
		for i := 1; i < len(written); i += 2 {
			written[i] = cborText(written[i])
		}
		return cborMap(written...)
	}
	var written []string
	for i := 0; i < len(members); i += 2 {
		written = append(written, fmt.Sprintf("%q:%q", members[i], members[i+1]))
	}
	return "{" + strings.Join(written, ",") + "}"
}
