package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/sigv4"
)

// drawRequest draws a request that a client might sign, with its body.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	body := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")
	path := rapid.SliceOfN(rapid.SampledFrom([]string{"/", "/prod", "/a b", "/%2F", "/é", "/~x", "/x:y", "/'()*!", "/+", "/.."}), 0, 4)
	query := url.Values{}
	for i := range rapid.IntRange(0, 4).Draw(t, "parameters") {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aB1-._~ +/&=;%é\"'")), 0, 5, -1)
		query.Add(fmt.Sprint("q", i, text.Draw(t, "name")), text.Draw(t, "value"))
	}
	r := &http.Request{
		Method:        http.MethodPost,
		URL:           &url.URL{Scheme: "https", Host: "host", Path: strings.Join(path.Draw(t, "path"), ""), RawQuery: query.Encode()},
		Host:          rapid.SampledFrom([]string{"streams.example.com", "127.0.0.1:4567", "[::1]:4567", "UPPER.example.com"}).Draw(t, "host"),
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}
	// Blanks of all kinds, and bytes that are not ASCII.
	value := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 \t,;=:/\"\\%é\u00a0")), 0, 12, -1)
	for range rapid.IntRange(0, 6).Draw(t, "headers") {
		name := rapid.SampledFrom([]string{"Accept", "Cookie", "Expect", "Range", "X-Forwarded-For", "Amz-Sdk-Request", "User-Agent"}).Draw(t, "header")
		r.Header.Add(name, value.Draw(t, "value of a header"))
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Extra", "X-Amz-User-Agent"} {
		if rapid.Bool().Draw(t, name) {
			r.Header.Set(name, value.Draw(t, "value of a header"))
		}
	}
	if rapid.Bool().Draw(t, "hash") {
		r.Header.Set("X-Amz-Content-Sha256", hash(string(body)))
	}
	return r, body
}

// TestSDKForGo: whatever its signer signs is verified, and nothing else is.
func TestSDKForGo(t *testing.T) {
	tb := t
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		s := properly()
		s.date = s.date.Add(time.Duration(rapid.IntRange(-300, 300).Draw(t, "seconds")) * time.Second)
		sign(tb, r, string(body), s)
		got := receive(tb, r)
		if id, err := newVerifier().Verify(got, body); id != keyID || err != nil {
			t.Fatalf("Verify = %q, %v\nof %s %v", id, err, got.RequestURI, got.Header)
		}
		changed, body := change(t, got, body)
		var refusal *sigv4.Refusal
		if id, err := newVerifier().Verify(changed, body); id != "" || !errors.As(err, &refusal) {
			t.Fatalf("changed: Verify = %q, %v\nof %s %v", id, err, changed.RequestURI, changed.Header)
		}
	})
}

// change changes one thing that is signed.
func change(t *rapid.T, r *http.Request, body []byte) (*http.Request, []byte) {
	signed := strings.Split(strings.Split(strings.Split(r.Header.Get("Authorization"), "SignedHeaders=")[1], ",")[0], ";")
	switch what := rapid.SampledFrom([]string{"body", "path", "query", "host", "header", "signature"}).Draw(t, "change"); what {
	case "body":
		body = append(bytes.Clone(body), 0)
		if len(body) > 1 && rapid.Bool().Draw(t, "in its middle") {
			body = body[:len(body)-1]
			body[rapid.IntRange(0, len(body)-1).Draw(t, "at")]++
		}
	case "path":
		r.RequestURI = "/x" + r.RequestURI
	case "query":
		if strings.Contains(r.RequestURI, "?") {
			r.RequestURI += "&"
		} else {
			r.RequestURI += "?"
		}
		r.RequestURI += "more=1"
	case "host":
		r.Host += "x"
	case "header":
		name := http.CanonicalHeaderKey(rapid.SampledFrom(signed).Draw(t, "changed header"))
		switch name {
		case "Host":
			r.Host = "another"
		case "Content-Length":
			body = append(bytes.Clone(body), ' ')
		default:
			r.Header[name] = append([]string{r.Header[name][0] + "x"}, r.Header[name][1:]...)
		}
	case "signature":
		value := []byte(r.Header.Get("Authorization"))
		value[len(value)-rapid.IntRange(1, 64).Draw(t, "digit")] ^= 1
		r.Header.Set("Authorization", string(value))
	}
	return r, body
}

// FuzzAuthorization: of all Authorization headers, those alone are taken that have the three right parameters, in whatever order.
func FuzzAuthorization(f *testing.F) {
	good := received(f).Header.Get("Authorization")
	for _, value := range []string{good, "", "AWS4-HMAC-SHA256", good + "," + good, good + "=", " " + good + ",, ", "AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature="} {
		f.Add(value)
	}
	right := strings.Split(strings.TrimPrefix(good, "AWS4-HMAC-SHA256 "), ", ")
	f.Fuzz(func(t *testing.T, value string) {
		r := received(t)
		r.Header.Set("Authorization", value)
		id, err := newVerifier().Verify(r, []byte(body))
		if err != nil {
			var refusal *sigv4.Refusal
			if id != "" || !errors.As(err, &refusal) || refusal.Message == "" || refusal.Cause < sigv4.Unsigned || refusal.Cause > sigv4.Invalid {
				t.Fatalf("%q: %q, %v", value, id, err)
			}
			return
		}
		rest := strings.TrimLeft(value, " \t")
		for _, part := range append(right, "AWS4-HMAC-SHA256") {
			if !strings.Contains(rest, part) {
				t.Fatalf("%q is taken without %s", value, part)
			}
			rest = strings.Replace(rest, part, "", 1)
		}
		if id != keyID || strings.Trim(rest, " \t,") != "" {
			t.Fatalf("%q is taken for %q, with %q besides", value, id, rest)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := newVerifier()
	r := received(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, []byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}
