package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/keys"
)

// source is a place of keys that can fail and be slow.
type source struct {
	mu         sync.Mutex
	keys       map[string]keys.Key
	unreadable []error
	err        error
	loads      int
	gate       chan struct{} // if not nil, each reading waits for it
}

func newSource(all ...keys.Key) *source {
	s := &source{keys: map[string]keys.Key{}}
	for _, k := range all {
		s.keys[k.ID] = k
	}
	return s
}

func (s *source) Load(context.Context) ([]keys.Key, []error, error) {
	s.mu.Lock()
	s.loads++
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []keys.Key
	for _, k := range s.keys {
		all = append(all, k)
	}
	return all, s.unreadable, s.err
}

// set changes what the next reading finds.
func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// clock is a clock that is set by hand.
type clock struct{ elapsed atomic.Int64 }

func (c *clock) Now() time.Time                 { return created.Add(time.Duration(c.elapsed.Load())) }
func (c *clock) at(sinceStart time.Duration)    { c.elapsed.Store(int64(sinceStart)) }
func (c *clock) advance(duration time.Duration) { c.elapsed.Add(int64(duration)) }

func newRing(s keys.Source) (*keys.Ring, *clock) {
	c := new(clock)
	return keys.NewRing(keys.RingConfig{Source: s, Now: c.Now, Logger: slog.New(slog.DiscardHandler)}), c
}

// lets asks the ring for a secret and for a right, which must agree.
func lets(t *testing.T, r *keys.Ring, k keys.Key) (bool, error) {
	t.Helper()
	secret, found, err := r.Secret(t.Context(), k.ID)
	allowed, allowedErr := r.Allows(t.Context(), k.ID, "PutRecords", "orders")
	if may, mayErr := r.AllowsAction(t.Context(), k.ID, "PutRecords"); may != allowed || (mayErr == nil) != (allowedErr == nil) {
		t.Errorf("%v: the action is allowed: %v, %v; on the stream: %v, %v", k, may, mayErr, allowed, allowedErr)
	}
	if found != allowed || (err == nil) != (allowedErr == nil) || found && secret != k.Secret.Reveal() || !found && secret != "" {
		t.Errorf("%v: found %v with a secret of %d characters, %v; allowed %v, %v", k, found, len(secret), err, allowed, allowedErr)
	}
	return found, err
}

func TestRingReadsLazilyAndOnceAMinute(t *testing.T) {
	k := newKey(t, "*", "*")
	s := newSource(k)
	r, now := newRing(s)
	if s.count() != 0 {
		t.Error("keys were read before anybody asked")
	}
	for _, at := range []struct {
		at    time.Duration
		loads int
	}{{0, 1}, {44 * time.Second, 1}, {45 * time.Second, 2}, {89 * time.Second, 2}, {90 * time.Second, 3}, {time.Hour, 4}, {time.Hour + 30*time.Second, 4}} {
		now.at(at.at)
		for range 10 {
			if ok, err := lets(t, r, k); !ok || err != nil {
				t.Errorf("at %v: %v, %v", at.at, ok, err)
			}
		}
		if got := s.count(); got != at.loads {
			t.Errorf("at %v the keys were read %d times, want %d", at.at, got, at.loads)
		}
	}
}

// TestReady: the ring is ready once its first reading is over, whatever came of it, and from then on.
func TestReady(t *testing.T) {
	for name, err := range map[string]error{"read": nil, "failed": errors.New("the source is down")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(newKey(t, "*", "*"))
				s.err, s.gate = err, make(chan struct{})
				r, now := newRing(s)
				if r.Ready() {
					t.Error("it is ready before anybody asked")
				}
				go r.Secret(t.Context(), "MADEUP")
				synctest.Wait()
				if r.Ready() {
					t.Error("it is ready while its first reading goes on")
				}
				close(s.gate)
				synctest.Wait()
				if !r.Ready() {
					t.Error("it is not ready after its first reading")
				}
				now.at(time.Hour)
				if !r.Ready() {
					t.Error("it is not ready when its keys are old")
				}
			})
		})
	}
}

// TestRevokedWithinAMinute: also where nothing tells the ring, and where the source has failed since.
func TestRevokedWithinAMinute(t *testing.T) {
	for name, revoke := range map[string]func(*source, keys.Key){
		"deleted":  func(s *source, k keys.Key) { delete(s.keys, k.ID) },
		"disabled": func(s *source, k keys.Key) { k.Enabled = false; s.keys[k.ID] = k },
		"rights":   func(s *source, k keys.Key) { k.Actions = []string{"GetRecords"}; s.keys[k.ID] = k },
		"source fails": func(s *source, k keys.Key) {
			delete(s.keys, k.ID)
			s.err = errors.New("the source is down")
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKey(t, "*", "*")
			s := newSource(k)
			r, now := newRing(s)
			allowed := func() bool {
				ok, _ := r.Allows(t.Context(), k.ID, "PutRecords", "orders")
				return ok
			}
			if !allowed() {
				t.Fatal("it is not allowed at first")
			}
			s.set(func(s *source) { revoke(s, k) })
			now.at(44 * time.Second)
			if !allowed() {
				t.Error("the keys are not cached")
			}
			now.at(time.Minute)
			if allowed() {
				t.Error("it is allowed a minute after it was revoked")
			}
		})
	}
}

// TestNewKeyCausesOneReading: ids that are not known, and those that are disabled, are looked for at once, but not by
// everybody who makes up one.
func TestNewKeyCausesOneReading(t *testing.T) {
	k, late, off := newKey(t, "*", "*"), newKey(t, "*", "*"), newKey(t, "*", "*")
	off.Enabled = false
	s := newSource(k, off)
	r, now := newRing(s)
	lets(t, r, k)
	s.set(func(s *source) { s.keys[late.ID] = late })
	flood := func(at time.Duration, loads int) {
		t.Helper()
		now.at(at)
		for i := range 100 {
			if ok, err := lets(t, r, keys.Key{ID: fmt.Sprintf("MADEUP%d", i)}); ok || err != nil {
				t.Errorf("at %v an unknown id gives %v, %v", at, ok, err)
			}
			if ok, err := lets(t, r, off); ok || err != nil {
				t.Errorf("at %v a disabled key gives %v, %v", at, ok, err)
			}
		}
		if got := s.count(); got != loads {
			t.Errorf("at %v the keys were read %d times, want %d", at, got, loads)
		}
	}
	flood(4999*time.Millisecond, 1)
	if ok, err := lets(t, r, late); ok || err != nil {
		t.Errorf("before the keys are read again a new key gives %v, %v", ok, err)
	}
	now.at(5 * time.Second)
	if ok, err := lets(t, r, late); !ok || err != nil {
		t.Errorf("a new key gives %v, %v", ok, err)
	}
	flood(5*time.Second, 2)
	flood(9*time.Second, 2)
	flood(10*time.Second, 3)
	off.Enabled = true
	s.set(func(s *source) { s.keys[off.ID] = off })
	now.at(15 * time.Second)
	if ok, err := lets(t, r, off); !ok || err != nil {
		t.Errorf("a key that was enabled gives %v, %v", ok, err)
	}
}

// TestSourceFails: keys serve while they are younger than a minute, then nobody is let in, known or not.
func TestSourceFails(t *testing.T) {
	k := newKey(t, "*", "*")
	down := errors.New("the source is down")
	s := newSource(k)
	r, now := newRing(s)
	s.set(func(s *source) { s.err = down })
	refused := func(at time.Duration, loads int) {
		t.Helper()
		now.at(at)
		for _, k := range []keys.Key{k, {ID: "MADEUP"}} {
			if ok, err := lets(t, r, k); ok || !errors.Is(err, down) {
				t.Errorf("at %v: %v, %v", at, ok, err)
			}
		}
		if got := s.count(); got != loads {
			t.Errorf("at %v the keys were read %d times, want %d", at, got, loads)
		}
	}
	served := func(at time.Duration, loads int) {
		t.Helper()
		now.at(at)
		if ok, err := lets(t, r, k); !ok || err != nil {
			t.Errorf("at %v: %v, %v", at, ok, err)
		}
		if got := s.count(); got != loads {
			t.Errorf("at %v the keys were read %d times, want %d", at, got, loads)
		}
	}
	refused(0, 1)
	refused(999*time.Millisecond, 1)
	refused(time.Second, 2)
	s.set(func(s *source) { s.err = nil })
	served(2*time.Second, 3)
	s.set(func(s *source) { s.err = down })
	served(47*time.Second, 4)
	served(47999*time.Millisecond, 4)
	served(61*time.Second, 5)
	if ok, err := lets(t, r, keys.Key{ID: "MADEUP"}); ok || err != nil {
		t.Errorf("while the keys serve an unknown id gives %v, %v", ok, err)
	}
	refused(62*time.Second, 6)
	refused(10*time.Minute, 7)
	s.set(func(s *source) { s.err = nil })
	served(11*time.Minute, 8)
}

// TestClockSetBack: a clock that goes back does not make keys live longer.
func TestClockSetBack(t *testing.T) {
	k := newKey(t, "*", "*")
	s := newSource(k)
	r, now := newRing(s)
	now.at(time.Hour)
	lets(t, r, k)
	s.set(func(s *source) { delete(s.keys, k.ID) })
	now.at(0)
	if ok, err := lets(t, r, k); ok || err != nil {
		t.Errorf("after the clock was set back a revoked key gives %v, %v", ok, err)
	}
}

func TestRequestsShareOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKey(t, "*", "*")
		s := newSource(k)
		s.gate = make(chan struct{})
		r, _ := newRing(s)
		var waiting sync.WaitGroup
		for i := range 64 {
			waiting.Go(func() {
				if i%2 == 0 {
					if ok, err := r.Allows(t.Context(), "MADEUP", "PutRecords", "orders"); ok || err != nil {
						t.Errorf("an unknown id gives %v, %v", ok, err)
					}
				} else if ok, err := lets(t, r, k); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
				}
			})
		}
		// One that gives up does not take the others with it, although it may be the one that began the reading.
		ctx, cancel := context.WithCancel(t.Context())
		waiting.Go(func() {
			if _, _, err := r.Secret(ctx, k.ID); !errors.Is(err, context.Canceled) {
				t.Errorf("a request that gave up gets %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(s.gate)
		waiting.Wait()
		if got := s.count(); got != 1 {
			t.Errorf("65 requests at once read the keys %d times", got)
		}
	})
}

// TestStarterGivesUp: the reading goes on without the request that began it.
func TestStarterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKey(t, "*", "*")
		s := newSource(k)
		s.gate = make(chan struct{})
		r, _ := newRing(s)
		ctx, cancel := context.WithCancel(t.Context())
		go r.Secret(ctx, k.ID)
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(s.gate)
		synctest.Wait()
		if ok, err := lets(t, r, k); !ok || err != nil || s.count() != 1 {
			t.Errorf("%v, %v, read %d times", ok, err, s.count())
		}
	})
}

// TestUnreadableKeyIsLogged: it opens nothing, and the others serve.
func TestUnreadableKeyIsLogged(t *testing.T) {
	k := newKey(t, "*", "*")
	s := newSource(k)
	s.unreadable = []error{errors.New("key MRBROKEN: enabled is missing")}
	var log bytes.Buffer
	r := keys.NewRing(keys.RingConfig{Source: s, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if ok, err := lets(t, r, k); !ok || err != nil {
		t.Errorf("the sound key gives %v, %v", ok, err)
	}
	if ok, err := lets(t, r, keys.Key{ID: "MRBROKEN"}); ok || err != nil {
		t.Errorf("the broken key gives %v, %v", ok, err)
	}
	if !strings.Contains(log.String(), "MRBROKEN: enabled is missing") || strings.Contains(log.String(), k.Secret.Reveal()) {
		t.Errorf("the log: %s", &log)
	}
}

// TestRingAgainstModel: whatever happens in whatever order, nobody is let in by keys that are a minute old, and a
// source in order is never asked more often than it should.
func TestRingAgainstModel(t *testing.T) {
	known := []keys.Key{newKey(t, "*", "*"), newKey(t, "*", "*"), newKey(t, "*", "*")}
	rapid.Check(t, func(rt *rapid.T) {
		s := newSource()
		r, now := newRing(s)
		// lastInForce tells when a key was last in force at the source.
		lastInForce := map[string]time.Time{}
		lastLoads, lastLoad := 0, time.Time{}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				for id, k := range s.keys {
					if k.Enabled {
						lastInForce[id] = now.Now()
					}
				}
			},
			"time passes": func(rt *rapid.T) {
				now.advance(time.Duration(rapid.Int64Range(1, 70_000).Draw(rt, "ms")) * time.Millisecond)
			},
			"add or change": func(rt *rapid.T) {
				k := rapid.SampledFrom(known).Draw(rt, "key")
				k.Enabled = rapid.Bool().Draw(rt, "enabled")
				s.keys[k.ID] = k
			},
			"delete": func(rt *rapid.T) { delete(s.keys, rapid.SampledFrom(known).Draw(rt, "key").ID) },
			"break":  func(*rapid.T) { s.err = errors.New("down") },
			"mend":   func(*rapid.T) { s.err = nil },
			"ask": func(rt *rapid.T) {
				k := rapid.SampledFrom(known).Draw(rt, "key")
				_, found, err := r.Secret(context.Background(), k.ID)
				last, ever := lastInForce[k.ID]
				if found && (!ever || now.Now().Sub(last) >= time.Minute) {
					rt.Fatalf("let in, last in force %v ago", now.Now().Sub(last))
				}
				if found && err != nil {
					rt.Fatalf("let in with %v", err)
				}
				if err != nil && s.err == nil && s.loads != lastLoads {
					rt.Fatalf("the source was read without an error, and the ring says %v", err)
				}
				if s.loads > lastLoads+1 {
					rt.Fatalf("one request read the keys %d times", s.loads-lastLoads)
				}
				if s.loads > lastLoads {
					if gap := now.Now().Sub(lastLoad); lastLoads > 0 && gap < time.Second {
						rt.Fatalf("keys were read again after %v", gap)
					}
					lastLoads, lastLoad = s.loads, now.Now()
				}
			},
		})
	})
}
