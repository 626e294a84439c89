package httpapi_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// allocated returns how many bytes a call allocates, garbage included.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// filled returns a body of 1 MB: a start, as many of the same as fit, and an end.
func filled(start, each, end string) string {
	return start + strings.Repeat(each, (1<<20-len(start)-len(end))/len(each)) + end
}

// TestBlowUps: no body, however much its bytes promise, costs more memory than a small multiple of its length.
func TestBlowUps(t *testing.T) {
	const (
		jsonType = "application/x-amz-json-1.1"
		orders   = "\xbf\x6aStreamName\x66orders"
		records  = orders + "\x67Records"
		broken   = "SerializationException"
	)
	var tags strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&tags, "\x66%06d\x61x", i)
	}
	for name, test := range map[string]struct {
		action, contentType, body string
		want                      string // a code, or "" for a request that is good
	}{
		"lists in lists":           {"PutRecords", cborType, filled(records, "\x81", ""), broken},
		"endless lists in lists":   {"PutRecords", cborType, filled(records, "\x9f", ""), broken},
		"endless maps in maps":     {"PutRecords", cborType, filled(orders, "\x61x\xbf", ""), broken},
		"lists that are not read":  {"PutRecords", cborType, filled(orders+"\x61x", "\x9f", ""), broken},
		"tags on tags":             {"PutRecords", cborType, filled(records, "\xc1", ""), broken},
		"texts in an endless text": {"PutRecords", cborType, filled("\xbf\x6aStreamName\x7f", "\x60", "\xff\xff"), "InvalidArgumentException"},
		"endless texts in a text":  {"PutRecords", cborType, filled("\xbf\x6aStreamName\x7f", "\x7f", ""), broken},
		"bytes in endless bytes":   {"PutRecord", cborType, filled(orders+"\x64Data\x5f", "\x41x", "\xff\xff"), "InvalidArgumentException"},
		"a list that is said long": {"PutRecords", cborType, records + "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", broken},
		"a list said of 2^32":      {"PutRecords", cborType, records + "\x9a\xff\xff\xff\xff\xa0\xa0", broken},
		"a map that is said long":  {"PutRecords", cborType, "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", broken},
		"a text that is said long": {"PutRecords", cborType, "\xbf\x6aStreamName\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", broken},
		"bytes that are said long": {"PutRecord", cborType, orders + "\x64Data\x5b\x00\x00\x00\x00\xff\xff\xff\xff", broken},
		"a name that is said long": {"PutRecords", cborType, "\xbf\x7b\x00\x00\x00\x7f\xff\xff\xff\xff", broken},
		"many records":             {"PutRecords", cborType, filled(records+"\x9f", "\xa0", "\xff\xff"), "InvalidArgumentException"},
		"many nulls":               {"PutRecords", cborType, filled(records+"\x9f", "\xf6", "\xff\xff"), "InvalidArgumentException"},
		"one tag many times":       {"AddTagsToStream", cborType, filled(orders+"\x64Tags\xbf", "\x61a\x61b", "\xff\xff"), ""},
		"many tags":                {"AddTagsToStream", cborType, orders + "\x64Tags\xbf" + tags.String() + "\xff\xff", "InvalidArgumentException"},
		"JSON lists in lists":      {"PutRecords", jsonType, filled(`{"Records":`, "[", ""), broken},
		"JSON maps in maps":        {"PutRecords", jsonType, filled("", `{"x":`, ""), broken},
		"many in JSON":             {"PutRecords", jsonType, filled(`{"StreamName":"orders","Records":[{}`, ",{}", "]}"), "InvalidArgumentException"},
		"escapes":                  {"PutRecords", jsonType, filled(`{"StreamName":"`, `\u0041`, `"}`), "AccessDeniedException"},
		"many digits":              {"SplitShard", jsonType, filled(`{"StreamName":"orders","ShardToSplit":1`, "0", "}"), broken},
		"a number beyond numbers":  {"UpdateShardCount", jsonType, `{"StreamName":"orders","TargetShardCount":1e999999999}`, "InvalidArgumentException"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClosed()
			c.open.createOrders(t, 1)
			r := newRequest(test.action, test.body)
			r.Header.Set("Content-Type", test.contentType)
			r = sign(t, r, test.body)
			status, answer := 0, ""
			bytes := allocated(func() {
				w := c.do(r)
				status, answer = w.Code, w.Body.String()
			})
			if (status == 200) != (test.want == "") || status >= 500 || !strings.Contains(answer, test.want) {
				t.Errorf("answer %d %.300q, want %s", status, answer, test.want)
			}
			if most := uint64(5*len(test.body) + 256<<10); bytes > most {
				t.Errorf("%d bytes are allocated for a body of %d", bytes, len(test.body))
			}
		})
	}
}
