// Package httpapi is the Kinesis API as one http.Handler. It finds the operation, reads and writes bodies, names requests, and is the only
// place where an error becomes what the wire carries.
package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"millrace/pkg/deadline"
	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

const (
	// targetPrefix stands before the action in X-Amz-Target.
	targetPrefix = "Kinesis_20131202."

	defaultTimeout = 25 * time.Second
	// answerTime is kept of the deadline that a request comes with, to write the answer.
	answerTime = 500 * time.Millisecond
)

// Config is what a handler is made of.
type Config struct {
	Service *streams.Service
	Logger  *slog.Logger  // default slog.Default(). With a handler that [LogHandler] wraps, its lines bear the request id
	Access  Access        // default nil: everybody is let in, and signatures are not looked at
	Quiet   bool          // logs no line of a request that was served, unless some of its records failed
	Timeout time.Duration // the longest a request may take, unless it comes with less. Default 25 s
}

// New returns the handler.
func New(config Config) http.Handler {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	return &handler{config: config, operations: operations(config.Service)}
}

type handler struct {
	config     Config
	operations map[string]operation
	bodies     buffers
	answers    buffers

	hasReadAhead atomic.Bool // by [handler.readAhead]
}

// exchange is one request and what became of it, as far as the log line tells.
type exchange struct {
	id     string
	start  time.Time
	media  string // type of the request's body: "" where none is given
	codec  kinesis.Codec
	action string
	body   *[]byte // of h.bodies, that the body is in; nil where it is not, or must not be given back
	key    string  // id of the access key that signed it
	in     kinesis.Input
	out    kinesis.Output
	status int
	code   string // of the error answered
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	media := mediaType(r)
	x := &exchange{id: newRequestID(), start: time.Now(), media: media, codec: codecOf(media), status: http.StatusOK}
	ctx := h.context(withRequestID(r.Context(), x.id))
	defer ctx.Cancel()
	defer func() {
		h.log(ctx, x)
		if x.body != nil {
			h.bodies.give(x.body)
		}
	}()
	setHeaders(w.Header(), r, x.id)
	if isPreflight(r) {
		answerPreflight(w.Header(), r)
		w.WriteHeader(x.status)
		return
	}
	out, err := h.handle(ctx, w, r, x)
	answer := h.answers.take()
	if err != nil {
		wire := h.wireError(ctx, err, x)
		x.status, x.code = wire.Status, wire.Code
		*answer = x.codec.EncodeError((*answer)[:0], wire)
	} else {
		x.out = out
		*answer = x.codec.Encode((*answer)[:0], out)
	}
	w.Header().Set("Content-Type", answerType(x.media, x.codec))
	w.Header().Set("Content-Length", strconv.Itoa(len(*answer)))
	w.WriteHeader(x.status)
	if r.Method != http.MethodHead {
		if _, err := w.Write(*answer); err != nil {
			return // nobody is left to tell; and over HTTP/2 the answer may still be on its way, so its buffer is not given back
		}
	}
	h.answers.give(answer)
}

// context ends when the request must be answered.
func (h *handler) context(ctx context.Context) *deadline.Context {
	end := time.Now().Add(h.config.Timeout)
	if given, ok := ctx.Deadline(); ok && given.Add(-answerTime).Before(end) {
		end = given.Add(-answerTime)
	}
	return deadline.With(ctx, end)
}

// handle takes the request through the refusals in the order of the wire, and then through its operation. A panic is
// an error like any other, but that it may have left behind who still reads the body.
func (h *handler) handle(ctx context.Context, w http.ResponseWriter, r *http.Request, x *exchange) (out kinesis.Output, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		x.body = nil
		if p == http.ErrAbortHandler {
			panic(p)
		}
		out, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}()
	body, err := h.readBody(w, r, x)
	if err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost {
		return nil, kinesis.AccessDeniedMethod()
	}
	op, err := h.find(r, x)
	if err != nil {
		return nil, err
	}
	waitForMap := h.readAhead(ctx, r, body, x, op)
	if err := h.admit(ctx, r, body, x, op); err != nil {
		return nil, err
	}
	in, call := op.prepare()
	x.in = in
	unread := x.codec.Decode(body, in)
	unnamed, err := h.checkStream(ctx, x, op)
	if err := cmp.Or(err, unread); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	if unnamed != nil {
		return nil, unnamed
	}
	waitForMap()
	return call(ctx)
}

// find returns the operation that the request names.
func (h *handler) find(r *http.Request, x *exchange) (operation, error) {
	target := r.Header.Get("X-Amz-Target")
	action, prefixed := strings.CutPrefix(target, targetPrefix)
	if op, ok := h.operations[action]; ok && prefixed {
		x.action = action
		return op, nil
	}
	unknown := kinesis.UnknownOperation()
	switch {
	case target == "":
		unknown.Message = "The header X-Amz-Target is missing"
	case prefixed && notSupported[action]:
		x.action = action
		unknown.Message = action + " is not supported by this endpoint"
	}
	return operation{}, unknown
}

// inMemory is a request's body of which nothing was read and which need not be copied. The handler does not change it.
type inMemory interface {
	Bytes() []byte
}

// readBody reads the body, of a size known beforehand in one piece, and refuses one that is too large without reading it on. It is
// good until the request has been served.
func (h *handler) readBody(w http.ResponseWriter, r *http.Request, x *exchange) ([]byte, error) {
	if r.ContentLength > kinesis.MaxBody {
		w.Header().Set("Connection", "close") // what was not read must not be taken for a request
		return nil, kinesis.RequestEntityTooLarge()
	}
	if b, ok := r.Body.(inMemory); ok {
		return b.Bytes(), nil
	}
	var body []byte
	var err error
	if length := int(r.ContentLength); length >= 0 {
		x.body = h.bodies.take()
		*x.body = slices.Grow((*x.body)[:0], length)
		body = (*x.body)[:length]
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, kinesis.MaxBody))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, kinesis.RequestEntityTooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, kinesis.RequestTimeout()
	default: // the client went away, or its chunks make no body
		return nil, kinesis.RequestAborted()
	}
}

func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// codecOf returns the codec of the format that the request names, JSON where it names none that is known.
func codecOf(media string) kinesis.Codec {
	if media == kinesis.CBOR.ContentType() {
		return kinesis.CBOR
	}
	return kinesis.JSON
}

// answerType returns the content type of the answer: the request's where it says which JSON it speaks.
func answerType(media string, codec kinesis.Codec) string {
	if media == "application/json" {
		return "application/json"
	}
	return codec.ContentType()
}
