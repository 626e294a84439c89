package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"

	"github.com/google/uuid"
)

// exposed are the headers that a page in a browser may read, as AWS lists them.
const exposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"

// The names as package net/http keeps them.
const (
	requestIDHeader = "X-Amzn-Requestid"
	id2Header       = "X-Amz-Id-2"
)

// setHeaders sets what every answer bears.
func setHeaders(header http.Header, r *http.Request, requestID string) {
	header.Set(requestIDHeader, requestID)
	var id2 [64]byte // 88 characters, as AWS's have
	rand.Read(id2[:])
	header.Set(id2Header, base64.StdEncoding.EncodeToString(id2[:]))
	if r.Header.Get("Origin") != "" {
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", exposed)
	}
}

// isPreflight tells whether a browser asks if it may send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != ""
}

// answerPreflight allows what the browser asks for: whether the request itself is let in is decided when it comes.
func answerPreflight(header http.Header, r *http.Request) {
	for asked, allowed := range map[string]string{
		"Access-Control-Request-Headers": "Access-Control-Allow-Headers",
		"Access-Control-Request-Method":  "Access-Control-Allow-Methods",
	} {
		if v := r.Header.Get(asked); v != "" {
			header.Set(allowed, v)
		}
	}
	header.Set("Access-Control-Max-Age", "172800")
	header.Set("Content-Length", "0")
}

func newRequestID() string { return uuid.NewString() }

type requestIDKey struct{}

func withRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// LogHandler returns a handler that passes lines on to the next, with the request_id of the request in whose context they
// were logged, and what else the given functions tell of that context.
func LogHandler(next slog.Handler, more ...func(context.Context) slog.Attr) slog.Handler {
	return logHandler{next, more}
}

type logHandler struct {
	slog.Handler
	more []func(context.Context) slog.Attr
}

func (h logHandler) Handle(ctx context.Context, line slog.Record) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", id))
		for _, attr := range h.more {
			line.AddAttrs(attr(ctx))
		}
	}
	return h.Handler.Handle(ctx, line)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs), h.more}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.more}
}
