package apigw

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// request returns the request that the event describes.
//
// URL.Path is the path that the event gives; RequestURI is the target as the client sent it, as far as the event tells:
// a REST API leaves the stage out of the first and keeps it in the second. RemoteAddr has port 0, which is not known.
func (ev *event) request(ctx context.Context) *http.Request {
	path, target, query, source := ev.where()
	if query != "" {
		target += "?" + query
	}
	header := ev.header()
	host := header.Get("Host")
	if host == "" {
		host = ev.RequestContext.DomainName
	}
	header.Del("Host") // as package net/http has it: in Request.Host alone
	if source != "" {
		source = net.JoinHostPort(source, "0")
	}
	r := &http.Request{
		Method:        ev.method(),
		URL:           requestURL(path, query),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          http.NoBody,
		ContentLength: int64(len(ev.body)),
		Host:          host,
		RemoteAddr:    source,
		RequestURI:    target,
	}
	if len(ev.body) > 0 {
		// A *bytes.Reader in the open lets io.Copy take the body in one write.
		r.Body = body{bytes.NewReader(ev.body), ev.body}
	}
	ctx = context.WithValue(ctx, requestIDKey{}, ev.RequestContext.RequestID)
	return r.WithContext(context.WithValue(ctx, callerKey{}, ev.caller()))
}

// where returns the path, the path as the client sent it, the query in its encoded form, and the client's address.
func (ev *event) where() (path, target, query, source string) {
	if ev.format() == formatV2 {
		path, target = ev.RawPath, ev.RawPath
		query, source = ev.RawQueryString, ev.RequestContext.HTTP.SourceIP
	} else {
		path, target = ev.Path, ev.RequestContext.Path
		query, source = ev.queryV1(), ev.RequestContext.Identity.SourceIP
	}
	if path == "" {
		path = "/"
	}
	if target == "" {
		target = path
	}
	return path, target, query, source
}

// queryV1 encodes the query, which format 1.0 gives decoded.
func (ev *event) queryV1() string {
	values := make(url.Values, len(ev.Query))
	for name, value := range ev.Query {
		values.Set(name, value)
	}
	for name, all := range ev.MultiValueQuery {
		values[name] = all
	}
	return values.Encode()
}

func requestURL(path, query string) *url.URL {
	u := &url.URL{Path: path, RawQuery: query}
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		u.Path, u.RawPath = decoded, path
	}
	return u
}

// header returns the request's header. Where an event has both forms of one, the one with all values counts. Names are
// taken in order, so that two that differ only in case give the same header each time.
func (ev *event) header() http.Header {
	h := make(http.Header, max(len(ev.Headers), len(ev.MultiValueHeaders)))
	for _, name := range slices.Sorted(maps.Keys(ev.MultiValueHeaders)) {
		key := http.CanonicalHeaderKey(name)
		h[key] = append(h[key], ev.MultiValueHeaders[name]...)
	}
	many := maps.Clone(h)
	for _, name := range slices.Sorted(maps.Keys(ev.Headers)) {
		key := http.CanonicalHeaderKey(name)
		if len(many[key]) == 0 {
			h[key] = append(h[key], ev.Headers[name])
		}
	}
	if len(ev.Cookies) > 0 {
		h.Set("Cookie", strings.Join(ev.Cookies, "; "))
	}
	return h
}

// body is a request's body that needs no closing.
type body struct {
	*bytes.Reader
	whole []byte
}

var _ io.WriterTo = body{}

// Bytes returns the whole body, however much of it was read. It saves a handler that knows of it a copy of up to 6 MB.
func (b body) Bytes() []byte { return b.whole }

func (body) Close() error { return nil }
