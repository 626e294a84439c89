// Package runtimetest runs a built Lambda binary in a test, in a Lambda environment of its own: a server that speaks the
// Runtime API, and the environment variables that a function finds
// (Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Defined runtime environment variables").
//
// Unlike Lambda it does not freeze the process between invocations, does not kill it at its deadline, and does not start
// another when it has ended.
package runtimetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Sizes of payloads that Lambda takes in a synchronous invocation (Lambda quotas: 6 MB each), to the byte as its refusals
// tell them.
const (
	MaxEvent  = 6291456
	MaxAnswer = 6291556
)

// DefaultTimeout is an invocation's time where the context of [Runtime.Invoke] sets none: Lambda's default is 3 s,
// too little for a binary built with the race detector on a busy machine.
const DefaultTimeout = 30 * time.Second

// Types of the errors that Lambda, not the function, reports.
const (
	ExitError             = "Runtime.ExitError"             // the process ended
	ResponseSizeTooLarge  = "Function.ResponseSizeTooLarge" // the answer has more than MaxAnswer bytes
	RequestEntityTooLarge = "RequestEntityTooLarge"         // the event has more than MaxEvent bytes
)

// FunctionError is a failed invocation, as its caller is told of it.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Runtime is a running function. Its methods may be called by many goroutines; the function gets one event at a time.
type Runtime struct {
	logs    logs
	api     *api
	process *exec.Cmd
	exited  chan struct{} // closed once the process has ended and its output is read
}

// Start runs the binary as a function and returns at once; the function is ready when its first [Runtime.Invoke] returns.
// The binary's environment is Lambda's and then env, which overrides; nothing of the test's own environment, its
// credentials above all, is passed on. The process is killed when the test ends, and what it printed is logged if the
// test failed.
func Start(t testing.TB, binary string, env []string) *Runtime {
	t.Helper()
	path, err := filepath.Abs(binary)
	if err != nil {
		t.Fatalf("runtimetest: %v", err)
	}
	r := &Runtime{exited: make(chan struct{})}
	r.logs.changed = make(chan struct{})
	r.api = newAPI(r.exited)
	server := httptest.NewServer(r.api.handler())

	r.process = exec.Command(path)
	r.process.Dir = filepath.Dir(path)
	r.process.Env = append(environment(server.Listener.Addr().String(), r.process.Dir), env...)
	r.process.Stdout, r.process.Stderr = &r.logs, &r.logs
	// A child that the function leaves behind must not hold up the test.
	r.process.WaitDelay = 5 * time.Second
	if err := r.process.Start(); err != nil {
		server.Close()
		t.Fatalf("runtimetest: %v", err)
	}
	go func() {
		r.api.ended(r.process.Wait())
		r.logs.end()
		close(r.exited)
	}()
	t.Cleanup(func() {
		r.Stop()
		server.Close()
		if t.Failed() {
			t.Logf("the function printed:\n%s", r.Logs())
		}
	})
	return r
}

// Invoke sends an event to the function and returns its answer. The function's deadline is that of ctx, or
// [DefaultTimeout] from now. It waits for earlier invocations to be taken up.
//
// A function that fails gives a [*FunctionError], with a type of this package's where Lambda itself would report the
// error. Invoke returns the context's error when that ends first; the function then goes on, and its answer is dropped.
func (r *Runtime) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if len(event) > MaxEvent {
		return nil, &FunctionError{Type: RequestEntityTooLarge, Message: fmt.Sprintf("event of %d bytes, at most %d", len(event), MaxEvent)}
	}
	if _, set := ctx.Deadline(); !set {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	deadline, _ := ctx.Deadline()
	return r.api.invoke(ctx, event, deadline)
}

// Started returns once the function has asked for its first event: its initialization is over. It fails when ctx ends or
// the process does.
func (r *Runtime) Started(ctx context.Context) error {
	select {
	case <-r.api.asked:
		return nil
	case <-r.exited:
		return errors.New("the function ended before it asked for an event")
	case <-ctx.Done():
		return fmt.Errorf("waiting for the function to start: %w", ctx.Err())
	}
}

// Stop kills the function's process, if it has not ended by itself, and returns once it is gone.
func (r *Runtime) Stop() {
	_ = r.process.Process.Kill()
	<-r.exited
}

// Logs returns what the function has printed so far, to both of its outputs.
func (r *Runtime) Logs() string {
	text, _, _ := r.logs.read()
	return text
}

// WaitLog returns once the function has printed the text, which may be after the answer of the invocation that printed
// it. It fails when ctx ends, or the process does without having printed it.
func (r *Runtime) WaitLog(ctx context.Context, text string) error {
	for {
		printed, changed, ended := r.logs.read()
		if bytes.Contains([]byte(printed), []byte(text)) {
			return nil
		}
		if ended {
			return fmt.Errorf("the function ended without printing %q", text)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the function to print %q: %w", text, ctx.Err())
		}
	}
}

// environment is what a function finds set, but for its handler's own variables.
func environment(runtimeAPI, dir string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"_HANDLER=bootstrap",
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_LAMBDA_FUNCTION_NAME=" + functionName,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + functionName,
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/03/16/[$LATEST]0123456789abcdef0123456789abcdef",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_SESSION_TOKEN=test",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
		"LAMBDA_TASK_ROOT=" + dir,
		"LAMBDA_RUNTIME_DIR=" + dir,
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ=:UTC",
	}
}

// logs keeps what the process prints, and tells of it.
type logs struct {
	mu      sync.Mutex
	text    bytes.Buffer
	ended   bool
	changed chan struct{} // closed and replaced at each change
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell()
	return l.text.Write(p)
}

func (l *logs) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.tell()
}

func (l *logs) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *logs) read() (text string, changed <-chan struct{}, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.changed, l.ended
}

// functionError reads the body that a runtime reports an error with.
func functionError(body []byte) *FunctionError {
	e := new(FunctionError)
	if err := json.Unmarshal(body, e); err != nil || e.Type == "" {
		return &FunctionError{Type: "Runtime.Unknown", Message: string(body)}
	}
	return e
}
