package dynamostore_test

import (
	"errors"
	"testing"
	"time"

	"millrace/pkg/shardlog"
)

// TestMarkLosesRace: what happens between the two requests of an allocation that sets a mark makes it start again, and is heeded.
func TestMarkLosesRace(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, f fixture, stream shardlog.Stream, now time.Time)
		want      shardlog.Allocation
		err       error
	}{
		"another sets the mark": {
			func(t *testing.T, f fixture, stream shardlog.Stream, now time.Time) {
				if a, err := f.bypass().Allocate(t.Context(), stream.Shard(0), now, shardlog.Usage{}); err != nil || a.Slot != 2 {
					t.Errorf("%+v, %v", a, err)
				}
			},
			shardlog.Allocation{Slot: 3, Retention: 24 * time.Hour}, nil,
		},
		"one with a slow clock allocates": {
			func(t *testing.T, f fixture, stream shardlog.Stream, _ time.Time) {
				if a, err := f.bypass().Allocate(t.Context(), stream.Shard(0), stream.Created, shardlog.Usage{}); err != nil || a.Slot != 2 {
					t.Errorf("%+v, %v", a, err)
				}
			},
			shardlog.Allocation{Slot: 3, Retention: 24 * time.Hour}, nil,
		},
		// Who sets it counts on every slot from the counter's next one on having the new retention.
		"the retention is set": {
			func(t *testing.T, f fixture, stream shardlog.Stream, _ time.Time) {
				if counter, err := f.bypass().SetRetention(t.Context(), stream.Shard(0), 48*time.Hour); err != nil || counter.Next != 2 {
					t.Errorf("%+v, %v", counter, err)
				}
			},
			shardlog.Allocation{Slot: 2, Retention: 48 * time.Hour}, nil,
		},
		"the shard closes": {
			func(t *testing.T, f fixture, stream shardlog.Stream, _ time.Time) { f.split(t, stream, 0) },
			shardlog.Allocation{}, shardlog.ErrShardClosed,
		},
		"the stream is deleted": {
			func(t *testing.T, f fixture, stream shardlog.Stream, _ time.Time) {
				if err := f.bypass().DeleteStream(t.Context(), stream.Name); err != nil {
					t.Error(err)
				}
			},
			shardlog.Allocation{}, shardlog.ErrShardClosed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			stream := f.create(t, "orders", "a1", 1)
			f.allocate(t, stream.Shard(0), stream.Created)
			now := stream.Created.Add(61 * time.Minute)
			f.spy.reset(func(n int) fault {
				if n == 2 {
					c.meanwhile(t, f, stream, now)
				}
				return none
			})
			got, err := f.Allocate(t.Context(), stream.Shard(0), now, shardlog.Usage{})
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("allocation %+v, error %v; want %+v, %v", got, err, c.want, c.err)
			}
			f.spy.reset(nil)
			if c.err != nil {
				return
			}
			counter, err := f.Counter(t.Context(), stream.Shard(0))
			if err != nil || counter.Next != c.want.Slot+1 || len(counter.Marks) != 1 {
				t.Errorf("counter %+v, error %v", counter, err)
			}
		})
	}
}

// TestMarkAlwaysLosesRace: an allocation that others keep overtaking is one to try later, as nothing was applied.
func TestMarkAlwaysLosesRace(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	f.spy.reset(func(n int) fault {
		if n%2 == 0 {
			if _, err := f.bypass().Allocate(t.Context(), stream.Shard(0), stream.Created, shardlog.Usage{}); err != nil {
				t.Error(err)
			}
		}
		return none
	})
	a, err := f.Allocate(t.Context(), stream.Shard(0), stream.Created.Add(2*time.Hour), shardlog.Usage{})
	if !errors.Is(err, shardlog.ErrThrottled) {
		t.Errorf("%+v, error %v, want ErrThrottled", a, err)
	}
	f.spy.reset(nil)
	if counter, err := f.Counter(t.Context(), stream.Shard(0)); err != nil || counter.Next != 11 {
		t.Errorf("counter %+v, error %v; want 10 slots, all the others'", counter, err)
	}
}

// TestCrashInAllocate: a slot may be lost, and none is handed out twice, wherever a call fails.
func TestCrashInAllocate(t *testing.T) {
	f := open(t)
	streams := map[string]shardlog.Stream{}
	prepare := func(t *testing.T, try string) { streams[try] = f.create(t, try, "a"+try, 1) }
	var got shardlog.Allocation
	run := func(t *testing.T, try string) (err error) {
		got, err = f.Allocate(t.Context(), streams[try].Shard(0), streams[try].Created.Add(2*time.Hour), shardlog.Usage{})
		return err
	}
	eachCrash(t, f, prepare, run, func(t *testing.T, try string, err error) {
		if err == nil && got.Slot != 1 {
			t.Errorf("first slot is %d", got.Slot)
		}
		next := f.allocate(t, streams[try].Shard(0), streams[try].Created.Add(2*time.Hour)).Slot
		if next > 2 || (err == nil && next != 2) {
			t.Errorf("slot %d after it, which ended with %v", next, err)
		}
	})
}
