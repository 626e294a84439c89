package apigw_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"millrace/pkg/apigw"
)

// invoker is what the Go Lambda runtime asks of a handler.
type invoker interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

var _ invoker = (*apigw.Handler)(nil)

// seen is a request as the handler saw it, its body read.
type seen struct {
	method, path, uri, query, host, remote, id string
	header                                     http.Header
	length                                     int64
	body                                       string
}

// see passes the payload through a Handler and returns what its http.Handler saw.
func see(t testing.TB, payload string) (s seen) {
	t.Helper()
	called := 0
	h := apigw.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		s = seen{r.Method, r.URL.Path, r.RequestURI, r.URL.RawQuery, r.Host, r.RemoteAddr, apigw.RequestID(r.Context()),
			r.Header, r.ContentLength, string(body)}
	}))
	if _, err := h.Invoke(t.Context(), []byte(payload)); err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	if called != 1 {
		t.Fatalf("the handler was called %d times", called)
	}
	return s
}

func TestRequest(t *testing.T) {
	tests := []struct {
		name, payload string
		want          seen
	}{
		{
			name: "format 2.0, text",
			payload: `{"version":"2.0","rawPath":"/","rawQueryString":"","headers":{"host":"api.example","content-type":"application/json","x-two":"a,b"},
				"requestContext":{"requestId":"JKJaXmPLvHcESHA=","http":{"method":"POST","sourceIp":"203.0.113.24"}},"body":"{\"a\":\"\u00e9\"}","isBase64Encoded":false}`,
			want: seen{"POST", "/", "/", "", "api.example", "203.0.113.24:0", "JKJaXmPLvHcESHA=",
				http.Header{"Content-Type": {"application/json"}, "X-Two": {"a,b"}}, 10, `{"a":"é"}`},
		},
		{
			name: "format 2.0, base64, cookies, query, escaped path, IPv6, host from the context",
			payload: `{"version":"2.0","rawPath":"/dev/a%2Fb","rawQueryString":"x=1&x=2&y=%20","cookies":["a=1","b=2"],"headers":{"content-type":"application/x-amz-cbor-1.1"},
				"requestContext":{"domainName":"d.example","http":{"method":"GET","sourceIp":"2001:db8::1"}},"body":"AP8=","isBase64Encoded":true}`,
			want: seen{"GET", "/dev/a/b", "/dev/a%2Fb?x=1&x=2&y=%20", "x=1&x=2&y=%20", "d.example", "[2001:db8::1]:0", "",
				http.Header{"Content-Type": {"application/x-amz-cbor-1.1"}, "Cookie": {"a=1; b=2"}}, 2, "\x00\xff"},
		},
		{
			name:    "format 2.0 told by its context, nothing else",
			payload: `{"requestContext":{"http":{"method":"OPTIONS"}}}`,
			want:    seen{method: "OPTIONS", path: "/", uri: "/", header: http.Header{}},
		},
		{
			name: "format 1.0, all values before single ones",
			payload: `{"resource":"/","path":"/","httpMethod":"POST","headers":{"Host":"last","X-Two":"b","X-Only-Here":"c"},"multiValueHeaders":{"Host":["api.example"],"X-Two":["a","b"]},
				"queryStringParameters":{"q":"2","r":"3"},"multiValueQueryStringParameters":{"q":["1 &","2"]},
				"requestContext":{"requestId":"0b7a6c52-6f4e-4c0f-9d43-2f5c1e8a7d96","path":"/prod/","identity":{"sourceIp":"203.0.113.24"}},"body":"hi","isBase64Encoded":false}`,
			want: seen{"POST", "/", "/prod/?q=1+%26&q=2&r=3", "q=1+%26&q=2&r=3", "api.example", "203.0.113.24:0", "0b7a6c52-6f4e-4c0f-9d43-2f5c1e8a7d96",
				http.Header{"X-Two": {"a", "b"}, "X-Only-Here": {"c"}}, 2, "hi"},
		},
		{
			name: "format 1.0 under its number, nulls, names that differ in case",
			payload: `{"version":"1.0","path":"/","httpMethod":"PUT","headers":{"x-b":"2","X-B":"1"},"multiValueHeaders":null,"queryStringParameters":null,
				"multiValueQueryStringParameters":null,"requestContext":{},"body":null,"isBase64Encoded":false}`,
			want: seen{method: "PUT", path: "/", uri: "/", header: http.Header{"X-B": {"1", "2"}}},
		},
		{
			name:    "format 1.0, base64 with an escaped slash, and a path that is no escape",
			payload: `{"path":"/100%","httpMethod":"POST","body":"\/\/8=","isBase64Encoded":true}`,
			want:    seen{method: "POST", path: "/100%", uri: "/100%", header: http.Header{}, length: 2, body: "\xff\xff"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := see(t, tt.payload); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestNotAnEvent(t *testing.T) {
	tests := []struct{ name, payload, want string }{
		{"empty", "", "malformed"},
		{"not JSON", "{", "malformed"},
		{"more than one value", `{"httpMethod":"POST"} {}`, "malformed"},
		{"an array", `[]`, "malformed"},
		{"null", `null`, "no HTTP method"},
		{"a queue's event", `{"Records":[{"messageId":"1","body":"x"}]}`, "no HTTP method"},
		{"a WebSocket's event", `{"requestContext":{"routeKey":"$connect","connectionId":"x"},"isBase64Encoded":false}`, "no HTTP method"},
		{"format 2.0 without a method", `{"version":"2.0","httpMethod":"POST"}`, "no HTTP method"},
		{"a body that is an object", `{"httpMethod":"POST","body":{}}`, "/body"},
		{"a header that is a number", `{"httpMethod":"POST","headers":{"a":1}}`, "/headers/a"},
		{"bytes that are not UTF-8", "{\"httpMethod\":\"POST\",\"body\":\"\xff\"}", "malformed"},
		{"half a surrogate pair", `{"httpMethod":"POST","body":"\ud800"}`, "malformed"},
		{"bad base64", `{"httpMethod":"POST","body":"a$==","isBase64Encoded":true}`, "the body is not base64"},
		{"base64 cut short", `{"version":"2.0","requestContext":{"http":{"method":"POST"}},"body":"YWI","isBase64Encoded":true}`, "the body is not base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := apigw.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }))
			answer, err := h.Invoke(t.Context(), []byte(tt.payload))
			var bad *apigw.EventError
			if !errors.As(err, &bad) || answer != nil {
				t.Fatalf("got %q, %v; want an *EventError", answer, err)
			}
			if msg := err.Error(); !strings.HasPrefix(msg, "not an API Gateway proxy event: ") || !strings.Contains(msg, tt.want) {
				t.Errorf("got %q, want it to tell %q", msg, tt.want)
			}
		})
	}
}

func TestEventErrorUnwraps(t *testing.T) {
	_, err := apigw.New(http.NotFoundHandler()).Invoke(t.Context(), []byte(`{"httpMethod":"POST","body":"a$==","isBase64Encoded":true}`))
	var at base64.CorruptInputError
	if !errors.As(err, &at) || at != 1 {
		t.Errorf("got %v, want it to unwrap to the base64 error at byte 1", err)
	}
}

func TestContextReachesTheHandler(t *testing.T) {
	type key struct{}
	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "value"), deadline)
	defer cancel()
	h := apigw.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got, ok := r.Context().Deadline(); !ok || !got.Equal(deadline) {
			t.Errorf("deadline %v, want %v", got, deadline)
		}
		if r.Context().Value(key{}) != "value" {
			t.Error("the context's value is lost")
		}
	}))
	if _, err := h.Invoke(ctx, []byte(eventV1(nil, false))); err != nil {
		t.Fatal(err)
	}
}

func TestRequestIDOutsideARequest(t *testing.T) {
	if id := apigw.RequestID(t.Context()); id != "" {
		t.Errorf("got %q", id)
	}
}

func TestPanicIsNotRecovered(t *testing.T) {
	defer func() {
		if p := recover(); p != "boom" {
			t.Errorf("recovered %v", p)
		}
	}()
	_, err := apigw.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })).Invoke(t.Context(), []byte(eventV1(nil, false)))
	t.Errorf("returned with %v", err)
}

// Whatever bytes a client sends, the handler sees; whatever bytes the handler writes, the client gets.
func TestBodiesSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) })).Draw(rt, "body")
		asText := utf8.Valid(body) && rapid.Bool().Draw(rt, "text")
		payload := rapid.SampledFrom([]func([]byte, bool) string{eventV1, eventV2}).Draw(rt, "format")(body, !asText)
		contentType := rapid.SampledFrom([]string{"application/x-amz-json-1.1", "application/x-amz-cbor-1.1", "text/plain; charset=utf-8", ""}).Draw(rt, "type")

		h := apigw.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, err := io.ReadAll(r.Body)
			if err != nil || string(got) != string(body) || r.ContentLength != int64(len(body)) {
				rt.Errorf("saw %q of %d bytes, %v; sent %q", got, r.ContentLength, err, body)
			}
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			if _, err := w.Write(got); err != nil {
				rt.Errorf("writing: %v", err)
			}
		}))
		out, err := h.Invoke(context.Background(), []byte(payload))
		if err != nil {
			rt.Fatal(err)
		}
		if got := parse(rt, out).body(rt); got != string(body) {
			rt.Errorf("answered %q, wrote %q", got, body)
		}
	})
}

func quote(body []byte, asBase64 bool) string {
	text := string(body)
	if asBase64 {
		text = base64.StdEncoding.EncodeToString(body)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func eventV1(body []byte, asBase64 bool) string {
	return fmt.Sprintf(`{"path":"/","httpMethod":"POST","headers":{"Host":"api.example"},"body":%s,"isBase64Encoded":%v}`, quote(body, asBase64), asBase64)
}

func eventV2(body []byte, asBase64 bool) string {
	return fmt.Sprintf(`{"version":"2.0","rawPath":"/","headers":{"host":"api.example"},"requestContext":{"http":{"method":"POST","path":"/"}},"body":%s,"isBase64Encoded":%v}`,
		quote(body, asBase64), asBase64)
}
