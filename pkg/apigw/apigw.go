// Package apigw serves an [http.Handler] from AWS Lambda behind API Gateway: it turns a proxy event into a request, and
// what the handler writes into the answer that API Gateway expects.
//
// It reads both payload formats, and answers in the one that came: 1.0, which REST APIs send, and 2.0, which HTTP APIs
// and Lambda function URLs send
// (API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs", "Payload format structure").
//
// An event is at most 6 MB (Lambda quotas, "Invocation payload, synchronous"), its base64 included. A REST API passes
// a body on as text unless its binary media types name the content type. An HTTP API passes on as text only text/*,
// application/json, application/xml and application/javascript, and encodes any other body as base64, so
// application/x-amz-json-1.1 too: there a body can have about 4.7 MB.
//
// A REST API decodes a base64 answer only where its binary media types name the content type that the client accepts;
// HTTP APIs and function URLs always do.
package apigw

import (
	"context"
	"net/http"
)

// Handler answers API Gateway proxy events by an [http.Handler]. It has the method set of the Go Lambda runtime's
// handler, and is safe for use by many goroutines if the http.Handler is.
type Handler struct {
	handler http.Handler
}

// New returns a Handler that passes each event's request to h.
func New(h http.Handler) *Handler { return &Handler{handler: h} }

// Invoke serves one event and returns the answer in the event's own payload format.
//
// The request's context is ctx, with API Gateway's request id for [RequestID] and the caller for [CallerOf]. The payload is read only until Invoke
// returns and is not changed; the request's body is a copy. Whatever the handler answers is an answer: the error is an
// [*EventError], for a payload that is no proxy event, and then the handler was not called. A panic of the handler is
// not recovered.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ev, err := decode(payload)
	if err != nil {
		return nil, err
	}
	rec := newRecorder(ev.method())
	h.handler.ServeHTTP(rec, ev.request(ctx))
	return rec.answer(ev.format()), nil
}

type requestIDKey struct{}

// RequestID returns the id that API Gateway gave the request served in ctx, for logs: a UUID from a REST API or a
// function URL, 16 characters of base64 from an HTTP API. It is empty where ctx has none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// EventError says that a payload is not an API Gateway proxy event, and why. It quotes nothing of the body.
type EventError struct {
	Reason string // what is wrong with it
	Err    error  // the cause, where there is one
}

func (e *EventError) Error() string {
	s := "not an API Gateway proxy event: " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause, or nil.
func (e *EventError) Unwrap() error { return e.Err }
