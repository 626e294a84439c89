package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"millrace/pkg/httpapi"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/sigv4"
	"millrace/pkg/streams"
)

// guard lets in who signs with the credentials that the clients of these tests have, to everything.
type guard struct{ *sigv4.Verifier }

const guarded = "local" // key id and secret

func newGuard(now func() time.Time) guard {
	return guard{sigv4.New(sigv4.Config{Secrets: guard{}, Region: "us-east-1", Now: now})}
}

func (guard) Secret(_ context.Context, id string) (string, bool, error) {
	return guarded, id == guarded, nil
}
func (guard) AllowsAction(context.Context, string, string) (bool, error)        { return true, nil }
func (guard) Allows(_ context.Context, id, action, stream string) (bool, error) { return true, nil }
func (guard) Ready() bool                                                       { return true }

// serveGuarded serves in memory to those whom the guard lets in, and returns the address. Set may change the server before
// it starts.
func serveGuarded(t *testing.T, g guard, o options, set func(*http.Server)) string {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	service := streams.New(shardlog.NewLog(memstore.New(), shardlog.Options{}), streams.Config{Logger: logger, Refuse: o.refusal()})
	server := newServer(httpapi.New(httpapi.Config{Service: service, Logger: logger, Access: g}), logger)
	if set != nil {
		set(server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("the server ended with %v", err)
		}
	})
	return listener.Addr().String()
}

func noon() time.Time { return time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC) }

// lines are the header of a request, as it is sent.
type lines []string

// signedLines returns the header of a request that is signed at noon, for a body sent to an address.
func signedLines(t *testing.T, addr, body string) lines {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+addr, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 0 // so that it is not signed
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: guarded, SecretAccessKey: guarded}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), "kinesis", "us-east-1", noon()); err != nil {
		t.Fatal(err)
	}
	all := lines{"POST / HTTP/1.1", "Host: " + addr, fmt.Sprintf("Content-Length: %d", len(body))}
	for _, name := range []string{"Content-Type", "X-Amz-Target", "Amz-Sdk-Request", "X-Amz-Date", "Authorization"} {
		all = append(all, name+": "+r.Header.Get(name))
	}
	return all
}

// replace returns the header with what stands in it replaced.
func (l lines) replace(old, by string) lines {
	return strings.Split(strings.Replace(strings.Join(l, "\r\n"), old, by, 1), "\r\n")
}

func (l lines) with(more ...string) lines { return append(l[:len(l):len(l)], more...) }

func (l lines) request(body string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" + body }

// connection is one to a server, on which requests are written by hand.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, addr string) connection {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return connection{c, bufio.NewReader(c)}
}

func (c connection) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answer reads the next answer: its status and body.
func (c connection) answer(t *testing.T) string {
	t.Helper()
	w, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(w.StatusCode, " ", string(body))
}

const noStreams = `200 {"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}`

// TestAttacks writes requests by hand, as no client would, each with one thing changed after it was signed.
func TestAttacks(t *testing.T) {
	const (
		notHTTP  = "400 400 Bad Request"
		body     = `{"Limit":10}`
		length   = "Content-Length: 12"
		mismatch = `403 {"__type":"InvalidSignatureException","message":"The request signature we calculated does not match the signature you provided. ` +
			`Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}`
		once = `403 {"__type":"InvalidSignatureException","message":"'x-amz-target' must be in the request once."}`
	)
	addr := serveGuarded(t, newGuard(noon), options{}, nil)
	good := signedLines(t, addr, body)
	target := "X-Amz-Target: Kinesis_20131202.ListStreams"
	for name, test := range map[string]struct{ request, want string }{
		"as it is":                {good.request(body), noStreams},
		"names in upper case":     {good.replace("X-Amz-Date", "X-AMZ-DATE").replace("Authorization", "AUTHORIZATION").request(body), noStreams},
		"names in lower case":     {good.replace("X-Amz-Date", "x-amz-date").replace("X-Amz-Target", "x-amz-target").request(body), noStreams},
		"blanks around a value":   {good.replace(target, strings.Replace(target, ": ", ": \t ", 1)+" \t").request(body), noStreams},
		"spaces inside a value":   {good.replace("attempt=1; max=3", "attempt=1;   max=3").request(body), noStreams},
		"a folded value":          {good.replace("attempt=1; max=3", "attempt=1;\r\n\t max=3").request(body), noStreams},
		"no space inside a value": {good.replace("attempt=1; max=3", "attempt=1;max=3").request(body), mismatch},
		"another target":          {good.replace("ListStreams", "DescribeLimits").request(body), mismatch},
		"two targets":             {good.with("X-Amz-Target: Kinesis_20131202.DescribeLimits").request(body), once},
		"two targets, the other first": {good.replace(target, "x-amz-target: Kinesis_20131202.DescribeLimits\r\n"+target).request(body),
			once},
		"a blank after a name":      {good.replace("X-Amz-Target:", "X-Amz-Target :").request(body), notHTTP},
		"a NUL in a value":          {good.replace(target, target+"\x00").request(body), notHTTP},
		"two hosts":                 {good.with("Host: " + addr).request(body), notHTTP},
		"another host":              {good.replace("Host: ", "Host: x").request(body), mismatch},
		"another host in the path":  {good.replace("POST /", "POST http://x/").request(body), mismatch},
		"the host in the path":      {good.replace("POST /", "POST http://"+addr+"/").request(body), noStreams},
		"another path":              {good.replace("POST /", "POST /x").request(body), mismatch},
		"a query":                   {good.replace("POST /", "POST /?x=1").request(body), mismatch},
		"an encoded path":           {good.replace("POST /", "POST /%2e").request(body), mismatch},
		"another method":            {good.replace("POST", "PUT").request(body), `403 {"__type":"AccessDeniedException","message":"Unable to determine service/operation name to be authorized"}`},
		"a method in lower case":    {good.replace("POST", "post").request(body), `403 {"__type":"AccessDeniedException","message":"Unable to determine service/operation name to be authorized"}`},
		"a header more":             {good.with("X-Amz-More: 1").request(body), `403 {"__type":"InvalidSignatureException","message":"'x-amz-more' must be a 'SignedHeader' in the AWS Authorization."}`},
		"a header with underscores": {good.with("X_Amz_Target: Kinesis_20131202.DescribeLimits").request(body), noStreams},
		"another body":              {good.request(`{"Limit":11}`), mismatch},
		"a shorter body":            {good.replace(length, "Content-Length: 2").request(`{}`), mismatch},
		"two lengths":               {good.with("Content-Length: 2").request(body), notHTTP},
		"in chunks":                 {good.replace(length, "Transfer-Encoding: chunked").request("5\r\n{\"Lim\r\n7\r\nit\":10}\r\n0\r\n\r\n"), noStreams},
		"in chunks, with a length":  {good.with("Transfer-Encoding: chunked").request("c\r\n" + body + "\r\n0\r\n\r\n"), noStreams},
		"in chunks, another body":   {good.with("Transfer-Encoding: chunked").request("2\r\n{}\r\n0\r\n\r\n"), mismatch},
		"in chunks, a header after": {good.replace(length, "Transfer-Encoding: chunked").request("c\r\n" + body + "\r\n0\r\nX-Amz-Target: Kinesis_20131202.DescribeLimits\r\n\r\n"), noStreams},
		"in chunks that are none":   {good.replace(length, "Transfer-Encoding: chunked").request("x\r\n"), `400 {"__type":"RequestAbortedException","message":"The request body ended before its end"}`},
		"a long signature":          {good.replace("Signature=", "Signature="+strings.Repeat("0", 50_000)).request(body), mismatch},
		"a long parameter": {good.replace("Credential=", strings.Repeat("x", 50_000)+"=").request(body),
			`403 {"__type":"IncompleteSignatureException","message":"Authorization header has an unknown parameter '` + strings.Repeat("x", 64) + `...'."}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			c.write(t, test.request)
			// What net/http says of a request that is not HTTP is its own.
			if got := c.answer(t); got != test.want && !(test.want == notHTTP && strings.HasPrefix(got, notHTTP)) {
				t.Errorf("answer %s\nwant   %s", got, test.want)
			}
		})
	}
}

// TestEachRequestIsSigned: a connection on which a signed request came is worth nothing to the next.
func TestEachRequestIsSigned(t *testing.T) {
	addr := serveGuarded(t, newGuard(noon), options{}, nil)
	good := signedLines(t, addr, "{}")
	c := dial(t, addr)
	c.write(t, good.request("{}")+good[:len(good)-1].request("{}")+good.request("{}"))
	for _, want := range []string{noStreams, `403 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}`, noStreams} {
		if got := c.answer(t); got != want {
			t.Errorf("answer %s\nwant   %s", got, want)
		}
	}
}

// TestHugeHeaders are refused without being kept.
func TestHugeHeaders(t *testing.T) {
	addr := serveGuarded(t, newGuard(noon), options{}, nil)
	for name, more := range map[string]string{
		"one":  "X-Amz-More: " + strings.Repeat("x", headerBytes+8<<10),
		"many": strings.TrimSuffix(strings.Repeat("X-Amz-More: 1\r\n", (headerBytes+8<<10)/len("X-Amz-More: 1\r\n")), "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			go func() { _, _ = io.WriteString(c, signedLines(t, addr, "{}").with(more).request("{}")) }()
			if got := c.answer(t); got != "431 431 Request Header Fields Too Large" {
				t.Errorf("answer %s", got)
			}
		})
	}
}

const timedOut = `408 {"__type":"RequestTimeoutException","message":"The request body was not received in time"}`

// TestSlowBodies: a client that does not send the body that it announced is told so, and its connection closed.
func TestSlowBodies(t *testing.T) {
	soon := func(s *http.Server) { s.ReadTimeout = 50 * time.Millisecond }
	addr := serveGuarded(t, newGuard(noon), options{}, soon)
	for name, request := range map[string]string{
		"nothing":        signedLines(t, addr, "{}").request(""),
		"a part":         signedLines(t, addr, "{}").request("{"),
		"a part, chunks": signedLines(t, addr, "{}").replace("Content-Length: 2", "Transfer-Encoding: chunked").request("1\r\n{\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			c.write(t, request)
			if got := c.answer(t); got != timedOut {
				t.Errorf("answer %s", got)
			}
			if rest, err := io.ReadAll(c.answers); err != nil || len(rest) > 0 {
				t.Errorf("the server went on with %q, %v", rest, err)
			}
		})
	}
}

// TestSlowBodyOverHTTP2 is TestSlowBodies where a connection has many requests.
func TestSlowBodyOverHTTP2(t *testing.T) {
	addr := serveGuarded(t, newGuard(noon), options{}, func(s *http.Server) { s.ReadTimeout = 50 * time.Millisecond })
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	body, never := io.Pipe()
	defer never.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	w, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	answer, err := io.ReadAll(w.Body)
	if got := fmt.Sprint(w.StatusCode, " ", string(answer)); got != timedOut || err != nil || w.ProtoMajor != 2 {
		t.Errorf("answer %s, %v over %s", got, err, w.Proto)
	}
}

// TestSlowHeaders: a connection on which no request comes is closed.
func TestSlowHeaders(t *testing.T) {
	addr := serveGuarded(t, newGuard(noon), options{}, func(s *http.Server) { s.ReadHeaderTimeout = 50 * time.Millisecond })
	for _, part := range []string{"", "POST", "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_2013"} {
		c := dial(t, addr)
		c.write(t, part)
		rest, err := io.ReadAll(c.answers)
		if err != nil || len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 400 Bad Request") {
			t.Errorf("after %q the server went on with %q, %v", part, rest, err)
		}
	}
}

// TestClientGoesAway in the middle of a body: nothing is stored of it, and the server goes on.
func TestClientGoesAway(t *testing.T) {
	addr := serveGuarded(t, newGuard(noon), options{}, nil)
	c := dial(t, addr)
	c.write(t, signedLines(t, addr, "{}").request("{"))
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := c.answer(t); got != `400 {"__type":"RequestAbortedException","message":"The request body ended before its end"}` {
		t.Errorf("answer %s", got)
	}
	c = dial(t, addr)
	c.write(t, signedLines(t, addr, "{}").request("{}"))
	if got := c.answer(t); got != noStreams {
		t.Errorf("answer %s", got)
	}
}
