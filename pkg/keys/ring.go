package keys

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// DefaultLife is how long keys are used after they were read, so the longest that one lives on after it was revoked.
const DefaultLife = time.Minute

// loadTimeout bounds one reading of the keys, which does not end with the request that caused it: others may wait for it.
const loadTimeout = 5 * time.Second

// Source is where keys are kept.
type Source interface {
	// Load returns all keys that can be read, each id once, disabled ones among them. unreadable tells what else is there
	// and why it is not read; it opens nothing. An error means that no keys are known. No error tells a secret.
	Load(context.Context) (keys []Key, unreadable []error, err error)
}

// RingConfig is what a ring is made of.
type RingConfig struct {
	Source Source
	Life   time.Duration    // default [DefaultLife]
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// NewRing returns a ring that reads its first keys when it is first asked.
func NewRing(c RingConfig) *Ring {
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Ring{config: c}
}

// Ring holds the keys in force. It is safe for use by many goroutines.
//
// Keys are read in requests, never between them. They serve for Life after the reading began; the first request that finds
// them three quarters as old reads them anew, so that a source that fails for a moment is tried again while they still
// serve. After Life without a reading that succeeded nobody is let in: every answer is the source's error, until the
// source can be read.
//
// An id that is not in force causes a reading at once, for it may be new, but only Life/12 (5 s) after the last one
// began. After one that failed nothing is read for Life/60 (1 s). Requests that want a reading at the same time share it.
type Ring struct {
	config RingConfig
	flight singleflight.Group

	mu   sync.Mutex
	held map[string]Key
	read time.Time // when the reading of the held keys began; zero before the first
	last time.Time // when the last reading began, held or failed
	err  error     // of the last reading
}

// Secret returns the secret of a key that is there and enabled.
func (r *Ring) Secret(ctx context.Context, id string) (secret string, found bool, err error) {
	k, err := r.key(ctx, id)
	return k.Secret.Reveal(), k.Enabled, err
}

// AllowsAction tells whether a key may take an action at all. See [Key.AllowsAction].
func (r *Ring) AllowsAction(ctx context.Context, id, action string) (bool, error) {
	k, err := r.key(ctx, id)
	return k.AllowsAction(action), err
}

// Allows tells whether a key may take an action on a stream; "" is an action on no stream. See [Key.Allows].
func (r *Ring) Allows(ctx context.Context, id, action, stream string) (bool, error) {
	k, err := r.key(ctx, id)
	return k.Allows(action, stream), err
}

// Ready tells whether the first reading of the keys is over, even if it failed.
func (r *Ring) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.last.IsZero()
}

// key returns the key with an id where it is in force, and otherwise one that may do nothing.
func (r *Ring) key(ctx context.Context, id string) (Key, error) {
	if r.due(id) {
		if err := r.load(ctx, id); err != nil {
			return Key{}, err
		}
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !within(r.config.Life, r.read, now) {
		return Key{}, fmt.Errorf("no keys are known: %w", r.err)
	}
	if k := r.held[id]; k.Enabled {
		return k, nil
	}
	return Key{}, nil
}

// due tells whether the keys should be read before a request with an id is answered.
func (r *Ring) due(id string) bool {
	now, life := r.now(), r.config.Life
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil && within(life/60, r.last, now):
		return false
	case !within(life*3/4, r.read, now):
		return true
	}
	return !r.held[id].Enabled && !within(life/12, r.last, now)
}

// load reads the keys, or waits for a reading that is under way. What comes of it, the ring holds.
func (r *Ring) load(ctx context.Context, id string) error {
	done := r.flight.DoChan("", func() (any, error) {
		// A reading may have ended since the request found that one is due.
		if r.due(id) {
			r.readAll(context.WithoutCancel(ctx))
		}
		return nil, nil
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the keys: %w", ctx.Err())
	}
}

// readAll reads the keys and holds them.
func (r *Ring) readAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	began := r.now()
	all, unreadable, err := r.config.Source.Load(ctx)
	for _, cause := range unreadable {
		r.config.Logger.WarnContext(ctx, "a key cannot be read and lets nobody in", "cause", cause.Error())
	}
	if err != nil {
		r.config.Logger.WarnContext(ctx, "the keys cannot be read", "cause", err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.err = began, err
	if err != nil {
		return
	}
	r.held, r.read = make(map[string]Key, len(all)), began
	for _, k := range all {
		r.held[k.ID] = k
	}
}

// now is the time by the wall clock, for the other one may stand still while a Lambda is frozen.
func (r *Ring) now() time.Time { return r.config.Now().Round(0) }

// within tells whether a moment lies less than d back. One that lies ahead does not: the clock was set back.
func within(d time.Duration, moment, now time.Time) bool {
	age := now.Sub(moment)
	return 0 <= age && age < d
}
