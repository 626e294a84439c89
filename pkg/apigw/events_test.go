package apigw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"millrace/pkg/apigw"
)

// eventFiles returns the events that the repository keeps to replay, in their order.
func eventFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	return files
}

func read(t testing.TB, file string) string {
	t.Helper()
	payload, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

func TestEventsOfTheRepository(t *testing.T) {
	want := map[string]struct {
		target, stream string
		records        int
	}{
		"01-create-stream.json":         {"Kinesis_20131202.CreateStream", "orders", 0},
		"02-put-orders-v2.json":         {"Kinesis_20131202.PutRecords", "orders", 5},
		"03-put-orders-v1.json":         {"Kinesis_20131202.PutRecords", "orders", 2},
		"04-put-orders-base64.json":     {"Kinesis_20131202.PutRecords", "orders", 3},
		"05-put-explicit-hash-key.json": {"Kinesis_20131202.PutRecords", "orders", 3},
		"06-put-breaks-limits.json":     {"Kinesis_20131202.PutRecords", "orders_eu", 5},
		"07-put-missing-stream.json":    {"Kinesis_20131202.PutRecords", "orders-of-last-year", 1},
	}
	files := eventFiles(t)
	if len(files) != len(want) {
		t.Errorf("%d events, %d of them known here", len(files), len(want))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, known := want[filepath.Base(file)]
			if !known {
				t.Fatal("not known here")
			}
			got := see(t, read(t, file))
			if got.method != "POST" || got.path != "/" || got.header.Get("X-Amz-Target") != want.target ||
				got.header.Get("Content-Type") != "application/x-amz-json-1.1" {
				t.Errorf("decoded to %s %s, %v", got.method, got.path, got.header)
			}
			if got.id == "" || got.host == "" || got.remote == "" {
				t.Errorf("request id %q, host %q, address %q", got.id, got.host, got.remote)
			}
			if length := got.header.Get("Content-Length"); length != strconv.Itoa(len(got.body)) {
				t.Errorf("Content-Length %s, body of %d bytes", length, len(got.body))
			}
			checkBody(t, got.body, want.stream, want.records)
		})
	}
}

// checkBody checks that a Kinesis request is for that stream and has that many records, their data JSON.
func checkBody(t *testing.T, body, stream string, records int) {
	t.Helper()
	var request struct {
		StreamName string
		Records    []struct{ Data []byte }
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		t.Fatalf("body: %v", err)
	}
	if request.StreamName != stream || len(request.Records) != records {
		t.Errorf("%d records for %q, want %d for %q", len(request.Records), request.StreamName, records, stream)
	}
	for i, r := range request.Records {
		if r.Data != nil && !json.Valid(r.Data) {
			t.Errorf("record %d: data %q", i, r.Data)
		}
	}
}

func FuzzInvoke(f *testing.F) {
	for _, file := range eventFiles(f) {
		f.Add([]byte(read(f, file)))
	}
	f.Add([]byte(eventV1([]byte{0, 255}, true)))
	f.Add([]byte(`{"requestContext":{"http":{"method":"HEAD","sourceIp":"::"}},"rawPath":"%zz","cookies":["",";"],"body":"\/w==","isBase64Encoded":true}`))
	f.Add([]byte(`null`))
	h := apigw.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			w.Header()[name] = values
		}
		_, _ = io.Copy(w, r.Body)
	}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		out, err := h.Invoke(t.Context(), payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			var bad *apigw.EventError
			if !errors.As(err, &bad) {
				t.Fatalf("error %T %v", err, err)
			}
			return
		}
		a := parse(t, out)
		a.body(t)
		// The answer has the event's shape, told here by an independent reading of the event.
		var ev struct {
			Version    string `json:"version"`
			HTTPMethod string `json:"httpMethod"`
		}
		if json.Unmarshal(payload, &ev) == nil && (ev.Version == "2.0") == (a.MultiValueHeaders != nil) && ev.HTTPMethod != "" {
			t.Fatalf("answer %s to an event of version %q", out, ev.Version)
		}
	})
}

func BenchmarkInvoke(b *testing.B) {
	const size = 5 << 20
	text := []byte(`{"Records":[` + strings.Repeat(`{"Data":"`+strings.Repeat("QUJD", 2500)+`","PartitionKey":"customer"},`, size/10050) + `null]}`)
	h := apigw.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"FailedRecordCount":0}`)
	}))
	for _, bb := range []struct {
		name    string
		payload string
	}{
		{"text", eventV2(text, false)},
		{"base64", eventV2(text, true)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			payload := []byte(bb.payload)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := h.Invoke(context.Background(), payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
