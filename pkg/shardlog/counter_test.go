package shardlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

func epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// kept is a content of the model: when it arrived, and from when on a store drops it.
type kept struct {
	slot             uint64
	arrival, expires time.Time
}

// expiryOf returns how long after its arrival Log has a store keep a content, by appending one.
func expiryOf(t *testing.T, retention time.Duration) (keep time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		mem := memstore.New()
		stream := storetest.NewStream("orders", "a1", 1)
		stream.Retention = retention
		if err := mem.CreateStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
		log := shardlog.NewLog(mem, shardlog.Options{})
		if _, err := log.Append(t.Context(), stream.Shard(0), []segment.Record{{PartitionKey: "k"}}); err != nil {
			t.Fatal(err)
		}
		p, found, err := mem.Peek(t.Context(), stream.Shard(0), 1)
		if err != nil || !found {
			t.Fatalf("found %v, %v", found, err)
		}
		keep = p.Expires.Sub(p.Arrival)
	})
	return keep
}

func retentions() []time.Duration {
	return []time.Duration{24 * time.Hour, 30 * time.Hour, 48 * time.Hour, 100 * time.Hour, 168 * time.Hour, 1000 * time.Hour, 8760 * time.Hour}
}

// timeline is a shard through bursts and idle days, its contents dropped at the very moment at which they expire.
type timeline struct {
	now     time.Time
	counter shardlog.Counter
	keep    map[time.Duration]time.Duration
	log     []kept // what was dropped long ago is forgotten
	passed  uint64 // the last slot known to have been dropped
	since   time.Time
}

func (m *timeline) allocate(skew time.Duration) {
	arrival := m.now.Add(skew)
	m.log = append(m.log, kept{slot: m.counter.Next, arrival: arrival, expires: arrival.Add(m.keep[m.counter.Retention])})
	m.counter = m.counter.Allocate(arrival)
}

// setRetention is as Streams.SetRetention does it: what is still stored is kept for a longer retention.
func (m *timeline) setRetention(retention time.Duration) {
	m.drop()
	m.since = m.oldest().Truncate(time.Second)
	m.counter = m.counter.WithRetention(retention)
	for i := range m.log {
		if later := m.log[i].arrival.Add(m.keep[retention]); later.After(m.log[i].expires) {
			m.log[i].expires = later
		}
	}
}

// drop drops what has expired.
func (m *timeline) drop() {
	live := m.log[:0]
	for _, k := range m.log {
		if m.now.Before(k.expires) {
			live = append(live, k)
		} else {
			m.passed = max(m.passed, k.slot)
		}
	}
	m.log = live
}

// oldest is the arrival of the oldest record that is retained.
func (m *timeline) oldest() time.Time {
	since := m.now.Add(-m.counter.Retention)
	if since.Before(m.since) {
		return m.since
	}
	return since
}

func (m *timeline) check(t interface{ Fatalf(string, ...any) }) {
	m.drop()
	since := m.oldest()
	horizon := m.counter.Horizon(since)
	for _, k := range m.log {
		if k.slot < horizon && !k.arrival.Before(since) {
			t.Fatalf("at %v the horizon %d for %v passes slot %d, which arrived %v", m.now, horizon, since, k.slot, k.arrival)
		}
	}
	if horizon <= m.passed {
		t.Fatalf("at %v the horizon for %v is slot %d, but slot %d was dropped: %+v", m.now, since, horizon, m.passed, m.counter)
	}
	if n := len(m.counter.Marks); n > 70 {
		t.Fatalf("the counter keeps %d marks", n)
	}
}

// TestHorizon: (a) the horizon never passes a slot whose record is retained, (b) nothing at it or above it was dropped, and
// (c) the counter stays small.
func TestHorizon(t *testing.T) {
	keep := map[time.Duration]time.Duration{}
	for _, retention := range retentions() {
		keep[retention] = expiryOf(t, retention)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := &timeline{now: epoch(), keep: keep}
		m.counter = shardlog.NewCounter(m.now, rapid.SampledFrom(retentions()).Draw(t, "retention"))
		seconds := func(low, high int) func(*rapid.T) time.Duration {
			return func(t *rapid.T) time.Duration {
				return time.Duration(rapid.IntRange(low, high).Draw(t, "s")) * time.Second
			}
		}
		skew := seconds(-15, 15)
		burst := func(t *rapid.T, n int, step time.Duration) {
			for range n {
				m.allocate(skew(t))
				m.now = m.now.Add(step)
				m.check(t)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"burst":     func(t *rapid.T) { burst(t, rapid.IntRange(1, 10).Draw(t, "n"), 400*time.Millisecond) },
			"hours":     func(t *rapid.T) { burst(t, 8, seconds(600, 7200)(t)) },
			"a window":  func(t *rapid.T) { burst(t, 20, m.counter.Retention/time.Duration(rapid.IntRange(10, 40).Draw(t, "n"))) },
			"idle":      func(t *rapid.T) { m.now = m.now.Add(seconds(1, 20*86400)(t)) },
			"retention": func(t *rapid.T) { m.setRetention(rapid.SampledFrom(retentions()).Draw(t, "retention")) },
			"":          func(t *rapid.T) { m.check(t) },
		})
	})
}

func TestHorizonOfNewCounter(t *testing.T) {
	c := shardlog.NewCounter(epoch(), retention)
	if h := c.Horizon(epoch()); h != 1 {
		t.Errorf("horizon is %d", h)
	}
	for i := range 10 {
		c = c.Allocate(epoch().Add(time.Duration(i) * time.Second))
	}
	if h := c.Horizon(epoch()); h != 1 {
		t.Errorf("with all its slots young the horizon is %d", h)
	}
	if h := c.Horizon(epoch().Add(2 * time.Minute)); h != 11 {
		t.Errorf("with all its slots old the horizon is %d, want 11", h)
	}
}

// TestHorizonOfManyRetentions changes the retention so often that more marks are set than are kept.
func TestHorizonOfManyRetentions(t *testing.T) {
	keep := map[time.Duration]time.Duration{}
	for _, r := range retentions() {
		keep[r] = expiryOf(t, r)
	}
	m := &timeline{now: epoch(), keep: keep, counter: shardlog.NewCounter(epoch(), retentions()[0])}
	most := 0
	for i := range 1000 {
		if i%300 < 200 {
			m.setRetention(retentions()[i%2])
		}
		m.now = m.now.Add(10 * time.Minute)
		m.allocate(15 * time.Second)
		m.check(t)
		most = max(most, len(m.counter.Marks))
	}
	if most < 45 {
		t.Errorf("%d marks at most: none had to be left out", most)
	}
}

// TestMarksByClocksAhead: a writer whose clock is ahead does not drop the mark that a reader still needs.
func TestMarksByClocksAhead(t *testing.T) {
	c := shardlog.NewCounter(epoch(), retention)
	for _, at := range []time.Duration{0, 2 * time.Hour, 4 * time.Hour, 26*time.Hour + 80*time.Second} {
		c = c.Allocate(epoch().Add(at))
	}
	now := epoch().Add(26*time.Hour + 50*time.Second) // slot 1 was dropped
	if h := c.Horizon(now.Add(-retention)); h != 2 {
		t.Errorf("horizon is slot %d, want 2, of marks %+v", h, c.Marks)
	}
}
