package apigw_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"millrace/pkg/apigw"
)

// answer is an answer of either format.
type answer struct {
	StatusCode        int
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              *string
	IsBase64Encoded   *bool
}

// fataler is what [parse] and the like need of a test.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// parse reads an answer, refusing members that neither format has.
func parse(t fataler, out []byte) (a answer) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(out)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		t.Fatalf("answer %q: %v", out, err)
	}
	if dec.More() || a.Headers == nil || a.Body == nil || a.IsBase64Encoded == nil || a.StatusCode < 200 {
		t.Fatalf("answer %q is not whole", out)
	}
	return a
}

// body returns the answer's body as the client would get it.
func (a answer) body(t fataler) string {
	t.Helper()
	if !*a.IsBase64Encoded {
		return *a.Body
	}
	decoded, err := base64.StdEncoding.DecodeString(*a.Body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	return string(decoded)
}

func invoke(t testing.TB, payload string, h http.HandlerFunc) []byte {
	t.Helper()
	out, err := apigw.New(h).Invoke(t.Context(), []byte(payload))
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	return out
}

func TestAnswerBytes(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Add("X-Many", "a")
		w.Header().Add("X-Many", "b")
		w.Header().Add("Set-Cookie", "c=1")
		w.Header().Add("Set-Cookie", "d=2")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"__type":`)
		_, _ = w.Write([]byte(`"é"}`))
	}
	const (
		wantV1 = `{"statusCode":400,"headers":{"Content-Type":"application/x-amz-json-1.1"},"multiValueHeaders":{"Set-Cookie":["c=1","d=2"],"X-Many":["a","b"]},` +
			`"isBase64Encoded":false,"body":"{\"__type\":\"é\"}"}`
		wantV2 = `{"statusCode":400,"headers":{"Content-Type":"application/x-amz-json-1.1","X-Many":"a,b"},"cookies":["c=1","d=2"],` +
			`"isBase64Encoded":false,"body":"{\"__type\":\"é\"}"}`
	)
	if got := string(invoke(t, eventV1(nil, false), h)); got != wantV1 {
		t.Errorf("format 1.0\n got %s\nwant %s", got, wantV1)
	}
	if got := string(invoke(t, eventV2(nil, false), h)); got != wantV2 {
		t.Errorf("format 2.0\n got %s\nwant %s", got, wantV2)
	}
}

func TestTextOrBase64(t *testing.T) {
	tests := []struct {
		contentType, coding, body string
		wantBase64                bool
	}{
		{"application/json", "", `{}`, false},
		{"Application/JSON; charset=utf-8", "", `{}`, false},
		{"application/x-amz-json-1.1", "", `{}`, false},
		{"application/x-amz-json-1.0", "", ``, false},
		{"application/problem+json", "", `{}`, false},
		{"application/xml", "", `<a/>`, false},
		{"image/svg+xml", "", `<a/>`, false},
		{"text/plain", "", "a\x00b\u2028", false},
		{"text/plain", "identity", "a", false},
		{"", "", "guessed to be text", false},
		{"text/plain", "", "\xff", true},
		{"application/json", "", "\"\xed\xa0\x80\"", true},
		{"application/json", "gzip", "{}", true},
		{"application/x-amz-cbor-1.1", "", "\xa0", true},
		{"application/octet-stream", "", "text all the same", true},
		{"", "", "\x00\x01\x02", true},
	}
	for _, tt := range tests {
		out := invoke(t, eventV2(nil, false), func(w http.ResponseWriter, _ *http.Request) {
			if tt.contentType != "" {
				w.Header().Set("Content-Type", tt.contentType)
			}
			if tt.coding != "" {
				w.Header().Set("Content-Encoding", tt.coding)
			}
			_, _ = io.WriteString(w, tt.body)
		})
		a := parse(t, out)
		if *a.IsBase64Encoded != tt.wantBase64 || a.body(t) != tt.body {
			t.Errorf("%q of type %q, coding %q: %s", tt.body, tt.contentType, tt.coding, out)
		}
	}
}

// The recorder keeps the rules of http.ResponseWriter.
func TestRecorder(t *testing.T) {
	tests := []struct {
		name, method string
		handler      http.HandlerFunc
		status       int
		headers      map[string]string
		body         string
	}{
		{"nothing written", "POST", func(http.ResponseWriter, *http.Request) {}, 200, map[string]string{}, ""},
		{"the first status counts", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(404)
			w.WriteHeader(500)
		}, 404, map[string]string{}, ""},
		{"headers after the status are late", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-In-Time", "1")
			w.WriteHeader(201)
			w.Header().Set("X-In-Time", "2")
			w.Header().Set("X-Late", "1")
		}, 201, map[string]string{"X-In-Time": "1"}, ""},
		{"writing sends 200 and the guessed type", "POST", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>")
			w.WriteHeader(500)
		}, 200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>"},
		{"a type set to nothing stays so", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "a")
		}, 200, map[string]string{}, "a"},
		{"no body to HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			if n, err := io.WriteString(w, "abc"); n != 3 || err != nil {
				t.Errorf("WriteString: %d, %v", n, err)
			}
		}, 200, map[string]string{"Content-Type": "text/plain"}, ""},
		{"no body with 204", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if n, err := w.Write([]byte("abc")); n != 0 || err != http.ErrBodyNotAllowed {
				t.Errorf("Write: %d, %v", n, err)
			}
			if n, err := io.WriteString(w, "abc"); n != 0 || err != http.ErrBodyNotAllowed {
				t.Errorf("WriteString: %d, %v", n, err)
			}
		}, 204, map[string]string{}, ""},
		{"a header that is not UTF-8", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Latin", "caf\xe9")
		}, 200, map[string]string{"X-Latin": "caf\ufffd"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload := strings.Replace(eventV2(nil, false), "POST", tt.method, 1)
			a := parse(t, invoke(t, payload, tt.handler))
			if a.StatusCode != tt.status || !reflect.DeepEqual(a.Headers, tt.headers) || a.body(t) != tt.body {
				t.Errorf("got %d %v %q, want %d %v %q", a.StatusCode, a.Headers, a.body(t), tt.status, tt.headers, tt.body)
			}
		})
	}
}

func TestInvalidStatusPanics(t *testing.T) {
	for _, status := range []int{-1, 0, 99, 1000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("status %d passed", status)
				}
			}()
			invoke(t, eventV2(nil, false), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}()
	}
}
