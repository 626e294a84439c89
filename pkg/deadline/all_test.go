package deadline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/deadline"
)

// TestAll has a context of several ones end with the last of them, or when it is cancelled, whoever waits for it and whatever is derived from it.
func TestAll(t *testing.T) {
	asked := rapid.SliceOfN(rapid.SampledFrom([]string{"end parent", "wait", "cancel", "err", "done", "derive", "after"}), 1, 12)
	rapid.Check(t, func(rt *rapid.T) {
		parents, steps := rapid.IntRange(1, 3).Draw(rt, "parents"), asked.Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) { // which must not end rt
			if wrong := walkAll(t, parents, steps); wrong != "" {
				rt.Errorf("%s", wrong)
			}
		})
	})
}

// walkAll takes the steps, and returns what was wrong. The last parent ends by itself after a second.
func walkAll(t *testing.T, n int, steps []string) (wrong string) {
	cancels, parents := make([]func(), n), make([]context.Context, n)
	for i := range parents {
		values := context.WithValue(t.Context(), key{}, i)
		parents[i], cancels[i] = context.WithCancel(values)
		if i == n-1 {
			c := deadline.With(values, time.Now().Add(time.Second))
			parents[i], cancels[i] = c, c.Cancel
		}
		defer cancels[i]()
	}
	c := deadline.All(parents)
	defer c.Cancel()
	derived := []context.Context{c}
	var registered, ran atomic.Int64
	next, cancelled := 0, false
	for _, step := range steps {
		switch step {
		case "end parent":
			cancels[min(next, n-1)]()
			next++
		case "wait":
			time.Sleep(time.Second)
		case "cancel":
			c.Cancel()
			cancelled = true
		case "err":
			c.Err()
		case "done":
			c.Done()
		case "derive":
			d, cancel := context.WithCancel(c)
			defer cancel()
			derived = append(derived, d)
		case "after":
			registered.Add(1)
			context.AfterFunc(c, func() { ran.Add(1) })
		}
		synctest.Wait()
		all := !slices.ContainsFunc(parents, func(p context.Context) bool { return p.Err() == nil })
		for _, d := range derived {
			if over := d.Err() != nil; over != (cancelled || all) || over != ended(d) || over && !errors.Is(d.Err(), context.Canceled) {
				return fmt.Sprintf("after %s: %v, cancelled %v, all parents ended: %v", step, d.Err(), cancelled, all)
			}
			if d.Value(key{}) != 0 || d.Value("another") != nil {
				return "it has not the first parent's values"
			}
		}
		if want := registered.Load() * map[bool]int64{true: 1}[cancelled || all]; ran.Load() != want {
			return fmt.Sprintf("%d functions ran, want %d", ran.Load(), want)
		}
	}
	return ""
}

// TestAllAtOnce is for the race detector: all that can be asked is asked at the same time, while the parents end.
func TestAllAtOnce(t *testing.T) {
	for range 100 {
		one, cancelOne := context.WithCancel(t.Context())
		two := deadline.With(t.Context(), time.Now().Add(time.Minute))
		c := deadline.All([]context.Context{one, two})
		askAtOnce(c, cancelOne, two.Cancel)
		if c.Err() != context.Canceled {
			t.Fatal(c.Err())
		}
		c.Cancel()
	}
}

// unknown is a context that package context has a goroutine watch for whoever waits for it.
type unknown struct{ context.Context }

func (unknown) Done() <-chan struct{} { return make(chan struct{}) }

// TestAllForgets: once it was cancelled, nothing of it waits for its parents any more. A goroutine that did would fail the bubble.
func TestAllForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := deadline.All([]context.Context{unknown{t.Context()}, unknown{t.Context()}})
		ended := c.Done()
		c.Cancel()
		<-ended
	})
}
