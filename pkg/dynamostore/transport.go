package dynamostore

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// connections bounds the client's connections. One request may append to hundreds of shards at once: they then share
// these, which stay open, rather than each opening one of its own and half of them closing it again.
const connections = 64

// transport sends requests whose bodies net/http knows to be in memory.
//
// The SDK's own bodies make net/http send the body straight to the connection and then look whether more follows. The SDK closes the body as
// soon as the answer begins. Where that comes first, net/http takes it for a failure to send and closes the
// connection under the answer: "use of closed network connection". The SDK gets past that by its retries, which are
// off here.
//
// With such a body net/http also sends a request anew, on another connection, where the one it chose turns out to be
// dead before anything was written to it, as is common in a Lambda that was frozen.
type transport struct {
	inner dynamodb.HTTPClient
}

func newTransport() transport {
	return transport{awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost = connections
		t.MaxIdleConnsPerHost = connections
	})}
}

// Do implements [dynamodb.HTTPClient].
func (t transport) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 {
		return t.inner.Do(r)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	r.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body = io.NopCloser(bytes.NewReader(body))
	return t.inner.Do(r)
}
