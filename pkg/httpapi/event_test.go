package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"millrace/pkg/apigw"
)

// event is a proxy event of API Gateway.
type event map[string]any

// added is what API Gateway adds to the headers of a request.
var added = map[string]string{
	"X-Forwarded-For": "203.0.113.24", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", "X-Amzn-Trace-Id": "Root=1-69b7ca29",
}

// eventV2 returns the event that an HTTP API makes of a request: names in lower case, values joined.
func eventV2(r *http.Request, body string, isBase64 bool) event {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, value := range added {
		headers[strings.ToLower(name)] = value
	}
	return event{
		"version": "2.0", "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery, "headers": headers,
		"requestContext": event{"domainName": r.Host, "http": event{"method": r.Method, "sourceIp": "203.0.113.24"}},
		"body":           bodyOf(body, isBase64), "isBase64Encoded": isBase64,
	}
}

// eventV1 returns the event that a REST API makes of a request to one of its stages, which is not in the path that it tells.
func eventV1(r *http.Request, body string, isBase64 bool) event {
	headers, all := map[string]string{"Host": r.Host}, map[string][]string{"Host": {r.Host}}
	for name, values := range r.Header {
		headers[name], all[name] = values[len(values)-1], values
	}
	for name, value := range added {
		headers[name], all[name] = value, []string{value}
	}
	headers["X-Amz-Cf-Id"], all["X-Amz-Cf-Id"] = "xyz==", []string{"xyz=="} // of an edge-optimised API
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := map[string][]string(r.URL.Query())
	return event{
		"httpMethod": r.Method, "path": "/" + path, "headers": headers, "multiValueHeaders": all, "multiValueQueryStringParameters": query,
		"requestContext": event{"path": r.URL.Path, "identity": event{"sourceIp": "203.0.113.24"}},
		"body":           bodyOf(body, isBase64), "isBase64Encoded": isBase64,
	}
}

func bodyOf(body string, isBase64 bool) string {
	if isBase64 {
		return base64.StdEncoding.EncodeToString([]byte(body))
	}
	return body
}

// invoke passes an event through the function's handler, and returns the status and body of the answer.
func (c *closed) invoke(t *testing.T, e event) (int, string) {
	t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	out, err := apigw.New(c).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		StatusCode      int
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body = string(decoded)
	}
	return answer.StatusCode, answer.Body
}

// TestSignedEvents: a signature outlives the way through API Gateway, of either kind, as text and as base64.
func TestSignedEvents(t *testing.T) {
	inJSON := put(record("k", "é\x00\"\\"))
	inCBOR := cborMap("StreamName", cborText("orders"), "Records", cborList(cborMap("Data", "\x43\x00\xff\x80", "PartitionKey", cborText("k"))))
	makers := map[string]func(*http.Request, string, bool) event{"1.0": eventV1, "2.0": eventV2}
	for _, test := range []struct {
		name, version, contentType, url, body string
		isBase64                              bool
	}{
		{"HTTP API, text", "2.0", "application/json", "https://api.example/", inJSON, false},
		{"HTTP API, base64", "2.0", "application/x-amz-json-1.1", "https://api.example", inJSON, true},
		{"HTTP API, CBOR", "2.0", cborType, "https://api.example", inCBOR, true},
		{"HTTP API, stage", "2.0", "application/x-amz-json-1.1", "https://api.example/dev%2F1/?b=2&a=%20&a", inJSON, true},
		{"REST API, text", "1.0", "application/x-amz-json-1.1", "https://api.example/prod/", inJSON, false},
		{"REST API, path and query", "1.0", "application/x-amz-json-1.1", "https://api.example/prod/a/b?b=2&a=1+2&a=%2B", inJSON, false},
		{"REST API, CBOR", "1.0", cborType, "https://api.example/prod", inCBOR, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClosed()
			c.open.createOrders(t, 1)
			signed := func() *http.Request {
				r, err := http.NewRequest(http.MethodPost, test.url, strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", test.contentType)
				r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
				r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
				r = sign(t, r, test.body)
				r.Header.Set("Accept-Encoding", "gzip")
				return r
			}
			eventOf := makers[test.version]
			for name, change := range map[string]func(*http.Request){
				"as it is":           func(*http.Request) {},
				"without its length": func(r *http.Request) { r.Header.Del("Content-Length") },
				"with its length":    func(r *http.Request) { r.Header.Set("Content-Length", "1") }, // whatever it says
			} {
				r := signed()
				change(r)
				if status, answer := c.invoke(t, eventOf(r, test.body, test.isBase64)); status != 200 || !strings.Contains(answer, "shardId-000000000000") {
					t.Errorf("%s: %d %q", name, status, answer)
				}
			}
			stored := c.open.stored()
			for name, change := range map[string]func(*http.Request){
				"another target":     func(r *http.Request) { r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord") },
				"a second date":      func(r *http.Request) { r.Header.Add("X-Amz-Date", "20260316T120000Z") },
				"a second signature": func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
				"a header more":      func(r *http.Request) { r.Header.Set("X-Amz-More", "1") },
				"another host":       func(r *http.Request) { r.Host = "api2.example" },
				"another query":      func(r *http.Request) { r.URL.RawQuery += "&c=3" },
				"another path":       func(r *http.Request) { r.URL.Path += "/x/"; r.URL.RawPath = "" },
				"not signed":         func(r *http.Request) { r.Header.Del("Authorization") },
			} {
				r := signed()
				change(r)
				if status, answer := c.invoke(t, eventOf(r, test.body, test.isBase64)); status != 403 {
					t.Errorf("%s: %d %q", name, status, answer)
				}
			}
			body := strings.Replace(test.body, "orders", "others", 1)
			if status, answer := c.invoke(t, eventOf(signed(), body, test.isBase64)); status != 403 || !strings.Contains(answer, "InvalidSignatureException") {
				t.Errorf("another body: %d %q", status, answer)
			}
			if c.open.stored() != stored {
				t.Error("something refused was stored")
			}
		})
	}
}

// TestNamesInTwoCases: an event may have a header in two writings, where HTTP has one header with two values.
func TestNamesInTwoCases(t *testing.T) {
	c := newClosed()
	c.open.createOrders(t, 1)
	body := `{"StreamName":"orders"}`
	for _, name := range []string{"x-AMZ-target", "X-AMZ-DATE", "AUTHORIZATION", "Content-TYPE"} {
		r := sign(t, newRequest("DescribeStream", body), body)
		e := eventV2(r, body, false)
		e["headers"].(map[string]string)[name] = r.Header.Get(name)
		status, answer := c.invoke(t, e)
		if status != 403 || !strings.Contains(answer, "must be in the request once") && !strings.Contains(answer, "more than one Authorization header") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}
