package shardlog

import (
	"context"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"sync"
	"time"

	"millrace/pkg/deadline"
	"millrace/pkg/segment"
)

// ErrUndecided is wrapped by an append's error where neither the segment nor a filler could be seen to stand at the slot:
// the records may be stored, or become stored.
var ErrUndecided = errors.New("outcome is not known")

// Options are the protocol's times, and what it does to segments. The zero value of each takes the default.
type Options struct {
	// AppendTimeout is the longest an append tries, unless its context ends earlier. Default 10 s.
	AppendTimeout time.Duration
	// GiveUpTime is what is kept of that, and of the context's deadline, for step 3. Default 1 s.
	GiveUpTime time.Duration
	// TryTimeout is the longest one call to the store may take before it counts as unknown. Default 3 s.
	TryTimeout time.Duration
	// Grace is how young the content after a hole may be for a reader to wait. Default 3 s.
	Grace time.Duration
	// MapAge is how long a stream's map is used before it is read again. Default 5 s.
	MapAge time.Duration
	// EnforceLimits holds each shard of a PROVISIONED stream to [LimitRecords] and [LimitBytes] a second. All who put
	// into a stream must agree on it. Default false.
	EnforceLimits bool
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Compress has segments compressed where that makes them smaller. Segments are read whatever was chosen for them.
	Compress bool
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field    *time.Duration
		fallback time.Duration
	}{
		{&o.AppendTimeout, 10 * time.Second},
		{&o.GiveUpTime, time.Second},
		{&o.TryTimeout, 3 * time.Second},
		{&o.Grace, 3 * time.Second},
		{&o.MapAge, 5 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Log appends to shards and reads them, over a store. It is safe for use by many goroutines.
type Log struct {
	store    Store
	together Together // the store, if it is one
	options  Options
	packer   segment.Packer
	groups   groups

	mu     sync.Mutex
	sealed map[Shard]uint64 // final slots of shards that this process sealed, or saw sealed
}

// NewLog returns a log over the store. If that is a [Together], appends that meet wait for each other across shards.
func NewLog(store Store, options Options) *Log {
	together, _ := store.(Together)
	return &Log{
		store:    store,
		together: together,
		options:  options.withDefaults(),
		packer:   segment.Packer{Compress: options.Compress},
		groups:   groups{lines: map[lane][]*group{}},
		sealed:   map[Shard]uint64{},
	}
}

// now returns the time to the millisecond.
func (l *Log) now() time.Time { return l.options.Now().UTC().Truncate(time.Millisecond) }

// expiry returns from when on a content may be dropped.
func expiry(arrival time.Time, retention time.Duration) time.Time {
	return arrival.Add(keep(retention) + time.Second - time.Nanosecond).Truncate(time.Second)
}

func (l *Log) filler(retention time.Duration) Content {
	now := l.now()
	return Content{Nonce: newNonce(), Arrival: now, Expires: expiry(now, retention)}
}

// try makes one call to the store, of at most TryTimeout.
func (l *Log) try(ctx context.Context, call func(context.Context) error) error {
	bounded := deadline.With(ctx, time.Now().Add(l.options.TryTimeout))
	defer bounded.Cancel()
	return call(bounded)
}

// quickTries bounds the tries of what is done before anything is stored, step 1 above all: the producer can as well try
// again itself, and Kinesis too answers a throttled put at once.
const quickTries = 3

// tryQuickly makes a call that is harmless to repeat, again where the store throttles or does not answer.
func (l *Log) tryQuickly(ctx context.Context, call func(context.Context) error) error {
	for n := 1; ; n++ {
		err := l.try(ctx, call)
		if err == nil || isAnswer(err) || n == quickTries || !backoff(ctx, n) {
			return err
		}
	}
}

// isAnswer tells whether an error is the store's answer, which trying again will not change.
func isAnswer(err error) bool {
	for _, answer := range []error{ErrShardClosed, ErrRefused, ErrStreamNotFound, ErrStreamExists, ErrStreamChanged} {
		if errors.Is(err, answer) {
			return true
		}
	}
	var over *OverLimitError
	return errors.As(err, &over)
}

func newNonce() Nonce {
	var n Nonce
	rand.Read(n[:]) // never fails
	return n
}

// backoff waits before try n+1, n counting from 1: a random time below 25 ms, 50 ms, 100 ms ... at most 1 s
// ("full jitter"). It returns false where the context would end first.
func backoff(ctx context.Context, n int) bool {
	const first, most = 25 * time.Millisecond, time.Second
	limit := min(first<<min(n-1, 10), most)
	timer := time.NewTimer(mrand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
