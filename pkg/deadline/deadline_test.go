package deadline_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/deadline"
)

type key struct{}

// pair is a context and what package context has in its place.
type pair struct {
	ours, theirs             context.Context
	cancelOurs, cancelTheirs func()

	cancelled bool  // it, or what it is within
	follows   *pair // what it was derived from by package context, if it was
	seen      error // of ours
}

func (p *pair) wasCancelled() bool { return p.cancelled || p.follows != nil && p.follows.cancelled }

func with(ours, theirs context.Context, end time.Time) pair {
	c := deadline.With(ours, end)
	theirs, cancel := context.WithDeadline(theirs, end)
	return pair{ours: c, theirs: theirs, cancelOurs: c.Cancel, cancelTheirs: cancel}
}

func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// step is one thing that may happen to a chain of contexts, or be asked of the one at a place in it.
type step struct {
	what  string
	place int
	wait  time.Duration
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		what:  rapid.SampledFrom([]string{"wait", "cancel", "err", "done", "derive", "after", "cancel root"}).Draw(t, "what"),
		place: rapid.IntRange(0, 2).Draw(t, "place"),
		wait:  rapid.SampledFrom([]time.Duration{time.Nanosecond, 500 * time.Millisecond, time.Second}).Draw(t, "wait"),
	}
}), 1, 12)

// TestLikeContext has contexts with deadlines within each other do what package context's do, whatever happens and whoever waits.
func TestLikeContext(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ends := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{-time.Second, 0, time.Second, 2 * time.Second}), 3, 3).Draw(rt, "ends")
		steps := steps.Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) { // which must not end rt
			if wrong := walk(t, ends, steps); wrong != "" {
				rt.Errorf("%s", wrong)
			}
		})
	})
}

// walk takes the steps, and returns what ours did otherwise than theirs.
func walk(t *testing.T, ends []time.Duration, steps []step) (wrong string) {
	root, cancelRoot := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
	defer cancelRoot(nil)
	ours, theirs := context.Context(root), context.Context(root)
	chain := make([]pair, 0, len(ends)+len(steps)) // never moved
	for _, end := range ends {
		p := with(ours, theirs, time.Now().Add(end))
		ours, theirs = p.ours, p.theirs
		chain = append(chain, p)
		defer p.cancelOurs()
		defer p.cancelTheirs()
	}
	var ranOurs, ranTheirs atomic.Int64
	for _, s := range steps {
		p := &chain[s.place]
		switch s.what {
		case "wait":
			time.Sleep(s.wait)
		case "cancel":
			p.cancelOurs()
			p.cancelTheirs()
			for i := s.place; i < len(ends); i++ {
				chain[i].cancelled = true
			}
		case "cancel root":
			cancelRoot(errors.New("the root's cause"))
			for i := range chain {
				chain[i].cancelled = true
			}
		case "err":
			wrong = p.compareErrors()
		case "done":
			wrong = p.compareEnds()
		case "derive":
			derived := pair{cancelled: p.cancelled}
			derived.ours, derived.cancelOurs = context.WithCancel(p.ours)
			derived.theirs, derived.cancelTheirs = context.WithCancel(p.theirs)
			defer derived.cancelOurs()
			defer derived.cancelTheirs()
			derived.follows = p
			chain = append(chain, derived)
		case "after":
			context.AfterFunc(p.ours, func() { ranOurs.Add(1) })
			context.AfterFunc(p.theirs, func() { ranTheirs.Add(1) })
		}
		synctest.Wait() // for the timers
		if wrong != "" {
			return wrong
		}
	}
	if ranOurs.Load() != ranTheirs.Load() {
		return "what waited for its end did not run, or too early"
	}
	for i := range chain {
		p := &chain[i]
		// The error comes first: nobody has waited for some of them.
		if wrong := cmp.Or(p.compareErrors(), p.compareEnds(), p.compareErrors(), p.compareRest()); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (p *pair) compareErrors() string {
	ours, theirs := p.ours.Err(), p.theirs.Err()
	first := p.seen
	p.seen = ours
	switch end, _ := p.theirs.Deadline(); {
	case (ours == nil) != (theirs == nil), first != nil && ours != first:
	case ours == context.Canceled && p.wasCancelled(), ours == context.DeadlineExceeded && !time.Now().Before(end), ours == nil:
		return ""
	}
	return fmt.Sprintf("its error is %v after %v, theirs %v", ours, first, theirs)
}

func (p *pair) compareEnds() string {
	if ours, theirs := ended(p.ours), ended(p.theirs); ours != theirs {
		return fmt.Sprintf("it has ended: %v, theirs: %v", ours, theirs)
	}
	return ""
}

func (p *pair) compareRest() string {
	ours, oursSet := p.ours.Deadline()
	theirs, _ := p.theirs.Deadline()
	switch {
	case !oursSet || !ours.Equal(theirs):
		return fmt.Sprintf("its deadline is %v, theirs %v", ours, theirs)
	case (context.Cause(p.ours) == nil) != (context.Cause(p.theirs) == nil):
		return fmt.Sprintf("its cause is %v, theirs %v", context.Cause(p.ours), context.Cause(p.theirs))
	case p.ours.Value(key{}) != "value" || p.ours.Value("another") != nil:
		return "it has not its parent's values"
	}
	return ""
}

// TestManyAtOnce is for the race detector: all that can be asked is asked at the same time, while the context ends.
func TestManyAtOnce(t *testing.T) {
	for range 100 {
		parent, cancel := context.WithCancel(t.Context())
		c := deadline.With(parent, time.Now().Add(time.Minute))
		askAtOnce(c, c.Cancel, cancel)
		if c.Err() != context.Canceled {
			t.Fatal(c.Err())
		}
	}
}

// askAtOnce asks all that can be asked while the context is ended.
func askAtOnce(c context.Context, ends ...func()) {
	var all sync.WaitGroup
	for _, ask := range append(ends,
		func() { <-c.Done() }, func() { c.Err() }, func() { c.Value(key{}) },
		func() {
			derived, cancel := context.WithCancel(c)
			defer cancel()
			<-derived.Done()
		},
		func() {
			within := deadline.With(c, time.Now().Add(time.Hour))
			defer within.Cancel()
			<-within.Done()
		},
	) {
		all.Go(ask)
	}
	all.Wait()
}

// BenchmarkWith measures contexts that are asked for their error and end, beside package context's.
func BenchmarkWith(b *testing.B) {
	parent, cancel := context.WithCancel(b.Context())
	defer cancel()
	end := time.Now().Add(time.Hour)
	b.Run("deadline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := deadline.With(parent, end)
			c.Err()
			c.Cancel()
		}
	})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, cancel := context.WithDeadline(parent, end)
			c.Err()
			cancel()
		}
	})
}

// TestWaitsWithoutGoroutine: what waits for the end is told by it, and not by a goroutine that watches it, as package context has for a
// context that it does not know. One that were left would fail the bubble.
func TestWaitsWithoutGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := deadline.With(context.WithoutCancel(t.Context()), time.Now().Add(time.Hour))
		context.AfterFunc(c, func() { t.Error("it has not ended") })
	})
}
