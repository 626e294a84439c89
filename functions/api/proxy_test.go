package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// passOn returns the URL of a server that passes requests on to DynamoDB. It first calls hold with each one's operation, and with a
// context that ends when the client drops the request, which is then not passed on.
func passOn(t *testing.T, endpoint string, hold func(ctx context.Context, operation string)) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // until it is read nobody looks whether the client is still there
		if err != nil {
			return // it is not
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		hold(r.Context(), operation)
		if r.Context().Err() == nil {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// operations are those that DynamoDB was asked for.
type operations struct {
	mu  sync.Mutex
	all []string
}

func (o *operations) add(operation string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, operation)
}

// take returns the operations since it was called last, in the order of the alphabet.
func (o *operations) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := slices.Sorted(slices.Values(o.all))
	o.all = nil
	return all
}
