package runtimetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/functions/api/runtimetest"
)

// build returns the function in testdata, built once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "runtimetest")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "bootstrap")
	return binary, runtimetest.Build(binary, "./testdata/function")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

func start(t *testing.T, env ...string) *runtimetest.Runtime {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return runtimetest.Start(t, binary, env)
}

func invoke(t *testing.T, r *runtimetest.Runtime, event string) string {
	t.Helper()
	answer, err := r.Invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatalf("Invoke(%.100s): %v", event, err)
	}
	return string(answer)
}

// wantError invokes the function and checks the error's type and a part of its message.
func wantError(t *testing.T, r *runtimetest.Runtime, event, errorType, message string) {
	t.Helper()
	answer, err := r.Invoke(t.Context(), []byte(event))
	var failed *runtimetest.FunctionError
	if !errors.As(err, &failed) || answer != nil {
		t.Fatalf("Invoke(%.100s) = %.100q, %v; want a *FunctionError", event, answer, err)
	}
	if failed.Type != errorType || !strings.Contains(failed.Message, message) {
		t.Errorf("Invoke(%.100s): %v; want %s: ...%s", event, err, errorType, message)
	}
}

func TestInvokeAgainAndAgain(t *testing.T) {
	r := start(t)
	for i := range 20 {
		word := fmt.Sprintf("word-%d", i)
		if got := invoke(t, r, `{"do":"say","say":"`+word+`"}`); got != `"`+word+`"` {
			t.Errorf("got %s", got)
		}
		for _, printed := range []string{word + "\n", strings.ToUpper(word) + "\n"} {
			if err := r.WaitLog(t.Context(), printed); err != nil {
				t.Error(err)
			}
		}
	}
	if logs := r.Logs(); !strings.HasPrefix(logs, "word-0\nWORD-0\nword-1\n") {
		t.Errorf("logs %q", logs)
	}
}

func TestInvokeFromManyGoroutines(t *testing.T) {
	r := start(t)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			want := fmt.Sprintf(`"%d"`, i)
			if got, err := r.Invoke(t.Context(), []byte(`{"do":"say","say":`+want+`}`)); err != nil || string(got) != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
	group.Wait()
}

func TestContext(t *testing.T) {
	r := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ids := make(map[string]bool)
	for range 2 {
		answer, err := r.Invoke(ctx, []byte(`{"do":"context"}`))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ID, ARN, Trace string
			Deadline       int64
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatal(err)
		}
		if deadline, _ := ctx.Deadline(); got.Deadline != deadline.UnixMilli() {
			t.Errorf("deadline %d, want %d", got.Deadline, deadline.UnixMilli())
		}
		if !strings.HasPrefix(got.ARN, "arn:aws:lambda:") || !strings.HasPrefix(got.Trace, "Root=1-") || got.ID == "" || ids[got.ID] {
			t.Errorf("got %+v after %v", got, ids)
		}
		ids[got.ID] = true
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("OF_THE_TEST", "1")
	r := start(t, "TABLE_NAME=x", "AWS_REGION=eu-central-1")
	var env []string
	if err := json.Unmarshal([]byte(invoke(t, r, `{"do":"environment"}`)), &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TABLE_NAME=x", "AWS_REGION=eu-central-1", "AWS_LAMBDA_FUNCTION_NAME=millrace", "_HANDLER=bootstrap"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %q", want, env)
		}
	}
	if slices.Contains(env, "OF_THE_TEST=1") || slices.Contains(env, "AWS_REGION=us-east-1") {
		t.Errorf("too much in %q", env)
	}
}

func TestErrors(t *testing.T) {
	r := start(t)
	wantError(t, r, `{"do":"fail"}`, "errorString", "so it was asked")
	if got := invoke(t, r, `{"do":"say","say":"still here"}`); got != `"still here"` {
		t.Errorf("got %s", got)
	}
	wantError(t, r, `{"do":"panic"}`, "string", "so it was asked")
	wantError(t, r, `{"do":"say"}`, runtimetest.ExitError, "exit status 1") // the runtime ends itself after a panic
}

func TestExit(t *testing.T) {
	r := start(t)
	wantError(t, r, `{"do":"exit"}`, runtimetest.ExitError, "exit status 3")
	wantError(t, r, `{"do":"say"}`, runtimetest.ExitError, "exit status 3")
	if err := r.WaitLog(t.Context(), "never printed"); err == nil {
		t.Error("WaitLog found what was not printed")
	}
}

func TestInitError(t *testing.T) {
	r := start(t, `FAIL_INIT={"errorType":"Function.ConfigInvalid","errorMessage":"no table"}`)
	wantError(t, r, `{"do":"say"}`, "Function.ConfigInvalid", "no table")
	r = start(t, `FAIL_INIT=not JSON`)
	wantError(t, r, `{"do":"say"}`, "Runtime.Unknown", "not JSON")
}

func TestSizes(t *testing.T) {
	r := start(t)
	event := func(do string, size int) string {
		frame := fmt.Sprintf(`{"do":%q,"say":""}`, do)
		return strings.Replace(frame, `""`, `"`+strings.Repeat("a", size-len(frame))+`"`, 1)
	}
	if got := invoke(t, r, event("count", runtimetest.MaxEvent)); got != fmt.Sprint(runtimetest.MaxEvent) {
		t.Errorf("the function got %s bytes", got)
	}
	wantError(t, r, event("count", runtimetest.MaxEvent+1), runtimetest.RequestEntityTooLarge, "")
	if got := invoke(t, r, `{"do":"long","say":"`+strings.Repeat("a", 6291)+`"}`); len(got) != 6_291_000 {
		t.Errorf("got %d bytes", len(got))
	}
	wantError(t, r, `{"do":"long","say":"`+strings.Repeat("a", 6292)+`"}`, runtimetest.ResponseSizeTooLarge, "6291556")
}

func TestInvokeEndsWithItsContext(t *testing.T) {
	r := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.Invoke(ctx, []byte(`{"do":"wait"}`))
		done <- err
	}()
	if err := r.WaitLog(t.Context(), "waiting"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// The function is still busy, so the next invocation is not taken up.
	if _, err := r.Invoke(ctx, []byte(`{"do":"say"}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := r.WaitLog(ctx, "never printed"); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitLog: %v", err)
	}
}

func TestAnswerAfterTheDeadlineIsDropped(t *testing.T) {
	r := start(t)
	invoke(t, r, `{"do":"say","say":"ready"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, []byte(`{"do":"wait"}`)); err == nil {
		t.Error("no error")
	}
	if got := invoke(t, r, `{"do":"say","say":"next"}`); got != `"next"` {
		t.Errorf("got %s", got)
	}
}

func TestStartOfAMissingBinary(t *testing.T) {
	var fake fatal
	fake.TB = t
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		runtimetest.Start(&fake, filepath.Join(t.TempDir(), "none"), nil)
	}()
	<-finished
	if !strings.Contains(fake.message, "no such file") {
		t.Errorf("got %q", fake.message)
	}
}

// fatal is a test that keeps why it was given up.
type fatal struct {
	testing.TB
	message string
}

func (f *fatal) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
