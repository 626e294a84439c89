package runtimetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	functionName = "millrace"
	functionARN  = "arn:aws:lambda:us-east-1:123456789012:function:" + functionName
)

// outcome is how an invocation ended.
type outcome struct {
	answer []byte
	err    *FunctionError
}

// invocation is an event on its way through the function.
type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	done     chan outcome // takes one without blocking
}

// api is the server's side of the Runtime API.
type api struct {
	pending chan *invocation
	exited  <-chan struct{}
	asked   chan struct{} // closed once the function asked for its first event
	first   sync.Once

	mu       sync.Mutex
	count    int
	current  *invocation    // the one the function works on, or nil
	initErr  *FunctionError // what the function reported while it started
	exitCode error          // set before exited is closed
}

func newAPI(exited <-chan struct{}) *api {
	return &api{pending: make(chan *invocation), exited: exited, asked: make(chan struct{})}
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initFailure)
	return mux
}

func (a *api) invoke(ctx context.Context, event []byte, deadline time.Time) ([]byte, error) {
	a.mu.Lock()
	a.count++
	inv := &invocation{
		id:       fmt.Sprintf("00000000-0000-4000-8000-%012d", a.count),
		event:    event,
		deadline: deadline,
		done:     make(chan outcome, 1),
	}
	a.mu.Unlock()

	select {
	case a.pending <- inv:
	case <-a.exited:
		return nil, a.exitError(inv.id)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case out := <-inv.done:
		return out.unpack()
	case <-a.exited:
	case <-ctx.Done():
	}
	// An answer that came at the same moment counts.
	select {
	case out := <-inv.done:
		return out.unpack()
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, a.exitError(inv.id)
}

func (o outcome) unpack() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	return o.answer, nil
}

// ended notes how the process ended. It is called before exited is closed.
func (a *api) ended(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.exitCode = err
}

// exitError is the error of an invocation that the process did not live to answer.
func (a *api) exitError(id string) *FunctionError {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.initErr != nil {
		return a.initErr
	}
	how := "Runtime exited without providing a reason"
	if a.exitCode != nil {
		how = "Runtime exited with error: " + a.exitCode.Error()
	}
	return &FunctionError{Type: ExitError, Message: "RequestId: " + id + " Error: " + how}
}

// next hands the function an event once there is one. Asking for it ends the invocation before.
func (a *api) next(w http.ResponseWriter, r *http.Request) {
	a.first.Do(func() { close(a.asked) })
	select {
	case inv := <-a.pending:
		a.mu.Lock()
		a.current = inv
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-69b7ca29-4f1d2c7b9a3e5d6c8f0e4c32;Parent=9f3e1d7c5b2a4086;Sampled=0")
		// A write that fails means that the process is gone, which the invocation learns from its end.
		_, _ = w.Write(inv.event)
	case <-r.Context().Done():
	}
}

// take returns the invocation that the request answers, which must be the current one, and its body.
func (a *api) take(w http.ResponseWriter, r *http.Request) (*invocation, []byte) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxAnswer+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestBody", err.Error())
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	inv := a.current
	if inv == nil || inv.id != r.PathValue("id") {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil, nil
	}
	a.current = nil
	return inv, body
}

func (a *api) response(w http.ResponseWriter, r *http.Request) {
	inv, body := a.take(w, r)
	if inv == nil {
		return
	}
	if len(body) > MaxAnswer {
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxAnswer)
		inv.done <- outcome{err: &FunctionError{Type: ResponseSizeTooLarge, Message: message}}
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", message)
		return
	}
	inv.done <- outcome{answer: body}
	accept(w)
}

func (a *api) failure(w http.ResponseWriter, r *http.Request) {
	inv, body := a.take(w, r)
	if inv == nil {
		return
	}
	inv.done <- outcome{err: functionError(body)}
	accept(w)
}

func (a *api) initFailure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestBody", err.Error())
		return
	}
	a.mu.Lock()
	a.initErr = functionError(body)
	a.mu.Unlock()
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorType":%q,"errorMessage":%q}`+"\n", errorType, message)
}
