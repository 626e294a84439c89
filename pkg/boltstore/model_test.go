package boltstore_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
)

// model is what a shard holds, as the calls made tell.
type model struct {
	s        *boltstore.Store
	dir      string
	stream   shardlog.Stream
	shard    shardlog.Shard
	now      time.Time
	counter  shardlog.Counter
	durable  shardlog.Counter // what counter is after a crash
	contents map[uint64]shardlog.Content
}

// TestAgainstModel compares a store that is closed and opened now and then with a map.
func TestAgainstModel(t *testing.T) {
	m := model{dir: t.TempDir()}
	open := func() *boltstore.Store { // with small files, so that they are emptied and removed
		s, _ := openOn(t, m.dir, 100_000)
		return s
	}
	m.s = open()
	streams := 0
	rapid.Check(t, func(rt *rapid.T) {
		if streams > 0 {
			if err := m.s.DeleteStream(t.Context(), m.stream.Name); err != nil {
				rt.Fatal(err)
			}
		}
		streams++
		m.stream = create(t, m.s, fmt.Sprintf("s-%d", streams), fmt.Sprintf("id%d", streams))
		m.shard, m.contents = m.stream.Shard(1), map[uint64]shardlog.Content{}
		m.now = m.stream.Created
		m.counter = shardlog.NewCounter(m.now, m.stream.Retention)
		m.durable = m.counter
		rt.Repeat(map[string]func(*rapid.T){
			"allocate": func(rt *rapid.T) { m.allocate(t, rt) },
			"put":      func(rt *rapid.T) { m.put(t, rt) },
			"scan":     func(rt *rapid.T) { m.scan(t, rt) },
			"peek":     func(rt *rapid.T) { m.peek(t, rt) },
			"counter":  func(rt *rapid.T) { m.readCounter(t, rt) },
			"retain":   func(rt *rapid.T) { m.setRetention(t, rt) },
			"extend":   func(rt *rapid.T) { m.extend(t, rt) },
			"reclaim":  func(rt *rapid.T) { m.reclaim(t, rt) },
			"close":    func(rt *rapid.T) { m.close(t, rt) },
			"pass": func(rt *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(rt, "seconds")) * time.Second)
			},
			"settle": func(rt *rapid.T) {
				if err := m.s.Settle(); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(*rapid.T) {
				closeChecked(t, m.s)
				m.s, m.counter = open(), m.durable
			},
		})
	})
}

func (m *model) allocate(t *testing.T, rt *rapid.T) {
	a, err := m.s.Allocate(t.Context(), m.shard, m.now, shardlog.Usage{})
	if !m.counter.Open {
		if !errors.Is(err, shardlog.ErrShardClosed) {
			rt.Fatalf("Allocate on a closed shard: %+v, %v", a, err)
		}
		return
	}
	if want := (shardlog.Allocation{Slot: m.counter.Next, Retention: m.counter.Retention}); err != nil || a != want {
		rt.Fatalf("Allocate: %+v, %v, want %+v", a, err, want)
	}
	m.counter = m.counter.Allocate(m.now)
}

func (m *model) put(t *testing.T, rt *rapid.T) {
	if m.counter.Next == 1 {
		rt.Skip("no slot yet")
	}
	slot := rapid.Uint64Range(1, m.counter.Next-1).Draw(rt, "slot")
	c := segment(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(0, 40_000).Draw(rt, "size"))
	c.Arrival = m.now.Add(time.Duration(rapid.IntRange(0, 999).Draw(rt, "ms")) * time.Millisecond)
	c.Expires = m.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(rt, "kept")) * time.Second)
	err := m.s.PutOnce(t.Context(), m.shard, slot, c)
	standing, taken := m.contents[slot]
	if !taken {
		m.contents[slot], standing, m.durable = c, c, m.counter
	}
	var existing *shardlog.SlotTakenError
	if errors.As(err, &existing) != taken || (err != nil) != taken {
		rt.Fatalf("slot %d: %v, content there %v", slot, err, taken)
	}
	if taken && (existing.Existing.Nonce != standing.Nonce || existing.Existing.Count != standing.Count) {
		rt.Fatalf("slot %d: %+v stands there, reported as %+v", slot, standing, existing.Existing)
	}
}

// scan compares one page with what the model has from a slot on.
func (m *model) scan(t *testing.T, rt *rapid.T) {
	from, maxBytes := rapid.Uint64Range(0, m.counter.Next).Draw(rt, "from"), rapid.IntRange(1, 100_000).Draw(rt, "bytes")
	page, err := m.s.Scan(t.Context(), m.shard, from, maxBytes)
	if err != nil {
		rt.Fatal(err)
	}
	size, at := 0, from
	for i, p := range page.Contents {
		if i > 0 && size >= maxBytes {
			rt.Fatalf("the page goes on after %d bytes, %d were asked for", size, maxBytes)
		}
		if want, found := m.firstFrom(at); !found || want.Slot != p.Slot || !same(want.Content, p.Content) {
			rt.Fatalf("slot %d holds %x, want slot %d with %x (%v)", p.Slot, p.Nonce, want.Slot, want.Nonce, found)
		}
		size, at = size+len(p.Packed), p.Slot+1
	}
	if _, rest := m.firstFrom(at); page.More != rest || (page.More && size < maxBytes) {
		rt.Fatalf("more is %v after %d of %d bytes, with more to come %v", page.More, size, maxBytes, rest)
	}
}

func (m *model) firstFrom(slot uint64) (shardlog.Placed, bool) {
	for ; slot < m.counter.Next; slot++ {
		if c, ok := m.contents[slot]; ok {
			return shardlog.Placed{Slot: slot, Content: c}, true
		}
	}
	return shardlog.Placed{}, false
}

func same(a, b shardlog.Content) bool {
	return a.Nonce == b.Nonce && a.Count == b.Count && string(a.Packed) == string(b.Packed) && a.Arrival.Equal(b.Arrival) && a.Expires.Equal(b.Expires)
}

func (m *model) peek(t *testing.T, rt *rapid.T) {
	from := rapid.Uint64Range(0, m.counter.Next).Draw(rt, "from")
	got, found, err := m.s.Peek(t.Context(), m.shard, from)
	want, there := m.firstFrom(from)
	want.Packed = nil
	if err != nil || found != there || got.Slot != want.Slot || !same(got.Content, want.Content) {
		rt.Fatalf("Peek from slot %d: %+v, %v, %v, want %+v, %v", from, got, found, err, want, there)
	}
}

func (m *model) readCounter(t *testing.T, rt *rapid.T) {
	m.durable = m.counter // what was told of it does not come back
	if got, err := m.s.Counter(t.Context(), m.shard); err != nil || !reflect.DeepEqual(got, m.counter) {
		rt.Fatalf("Counter: %+v, %v, want %+v", got, err, m.counter)
	}
}

func (m *model) setRetention(t *testing.T, rt *rapid.T) {
	m.counter = m.counter.WithRetention(time.Duration(rapid.IntRange(24, 8760).Draw(rt, "hours")) * time.Hour)
	m.durable = m.counter
	if got, err := m.s.SetRetention(t.Context(), m.shard, m.counter.Retention); err != nil || !reflect.DeepEqual(got, m.counter) {
		rt.Fatalf("SetRetention: %+v, %v, want %+v", got, err, m.counter)
	}
}

func (m *model) extend(t *testing.T, rt *rapid.T) {
	below := rapid.Uint64Range(0, m.counter.Next).Draw(rt, "below")
	keep := time.Duration(rapid.IntRange(0, 30_000).Draw(rt, "keep")) * time.Second
	if err := m.s.Extend(t.Context(), m.shard, below, keep); err != nil {
		rt.Fatal(err)
	}
	for slot, c := range m.contents {
		if later := c.Arrival.Add(keep).Truncate(time.Second); slot < below && later.After(c.Expires) {
			c.Expires = later
			m.contents[slot] = c
		}
	}
}

func (m *model) reclaim(t *testing.T, rt *rapid.T) {
	want := int64(0)
	for slot, c := range m.contents {
		if !m.now.Before(c.Expires) {
			want += int64(len(c.Packed))
			delete(m.contents, slot)
		}
	}
	if freed, err := m.s.Reclaim(t.Context(), m.now); err != nil || freed != want {
		rt.Fatalf("Reclaim freed %d bytes, %v, want %d", freed, err, want)
	}
}

func (m *model) close(t *testing.T, rt *rapid.T) {
	loaded, err := m.s.LoadStream(t.Context(), m.stream.Name)
	if err != nil {
		rt.Fatal(err)
	}
	err = replaceShard(t.Context(), m.s, loaded, m.shard.Index, m.now)
	if !m.counter.Open {
		if !errors.Is(err, shardlog.ErrStreamChanged) {
			rt.Fatalf("closing a closed shard: %v, want ErrStreamChanged", err)
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	m.counter.Open = false
	m.durable = m.counter
}
