package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// StreamHistory is what writers of a whole stream were told, to be held against what a reader saw that reads a shard's parents before
// the shard. Record data must be unique. It is safe for use by many goroutines.
type StreamHistory struct {
	clock atomic.Int64
	mu    sync.Mutex
	puts  []*Put
}

// Put is one put under way, or its outcome.
type Put struct {
	history *StreamHistory
	writer  string
	records []segment.Record
	start   int64 // on the history's own clock
	end     int64
	results *shardlog.Results
	err     error
}

// Start notes that a writer starts to put.
func (h *StreamHistory) Start(writer string, records []segment.Record) *Put {
	p := &Put{history: h, writer: writer, records: records, start: h.clock.Add(1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.puts = append(h.puts, p)
	return p
}

// Done notes what the writer was told.
func (p *Put) Done(results *shardlog.Results, err error) {
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	p.results, p.err, p.end = results, err, p.history.clock.Add(1)
}

// Acknowledged returns how many records were acknowledged.
func (h *StreamHistory) Acknowledged() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.puts {
		for i := range p.records {
			if p.outcome(i) == nil {
				n++
			}
		}
	}
	return n
}

func (p *Put) outcome(i int) error {
	if p.err != nil {
		return p.err
	}
	return p.results.At(i).Err
}

// seenAt is a record as it was read, and how many were read before it.
type seenAt struct {
	shardlog.Stored
	place int
}

// Check holds the history against a whole reading of the stream, in the order in which it was read: each acknowledged
// record is there exactly once, under its number, in a shard that owns its hash key; none is there that certainly failed,
// or that nobody wrote; a shard's numbers ascend; and of one partition key, what was acknowledged before another put
// started was read before it, across splits and merges.
func (h *StreamHistory) Check(stream shardlog.Stream, read []shardlog.Stored) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]seenAt{}
	last := map[uint32]shardlog.Stored{}
	for place, r := range read {
		if before, ok := last[r.Number.Shard]; ok && r.Number.Compare(before.Number) <= 0 {
			return fmt.Errorf("record %q has number %s, after %s", r.Data, r.Number, before.Number)
		}
		last[r.Number.Shard] = r
		if _, twice := seen[string(r.Data)]; twice {
			return fmt.Errorf("record %q was read twice", r.Data)
		}
		if keys := stream.Shards[r.Number.Shard].Keys; !keys.Contains(r.HashKey()) {
			return fmt.Errorf("record %q of hash key %s was read from shard %d, which owns %s", r.Data, r.HashKey(), r.Number.Shard, keys)
		}
		seen[string(r.Data)] = seenAt{r, place}
	}
	known := 0
	for _, p := range h.puts {
		n, err := p.check(seen)
		if err != nil {
			return fmt.Errorf("writer %s: %w", p.writer, err)
		}
		known += n
	}
	if known != len(seen) {
		return fmt.Errorf("%d records were read, but only %d of them were written", len(seen), known)
	}
	return h.checkKeys(seen)
}

// check returns how many of the put's records were read.
func (p *Put) check(seen map[string]seenAt) (found int, err error) {
	for i, r := range p.records {
		at, there := seen[string(r.Data)]
		outcome := p.outcome(i)
		switch {
		case outcome == nil && !there:
			return 0, fmt.Errorf("acknowledged record %q is lost: it was in shard %d", r.Data, p.results.At(i).Shard)
		case outcome == nil && at.Number != p.results.At(i).Number:
			return 0, fmt.Errorf("record %q was acknowledged as %+v and read as %+v", r.Data, p.results.At(i).Number, at.Number)
		case outcome != nil && there && !errors.Is(outcome, shardlog.ErrUndecided):
			return 0, fmt.Errorf("record %q was read, but its writer was told that it failed: %w", r.Data, outcome)
		}
		if there {
			found++
		}
	}
	return found, nil
}

// checkKeys holds the order in which each partition key's records were read against the order of their puts.
func (h *StreamHistory) checkKeys(seen map[string]seenAt) error {
	type entry struct {
		data              string
		start, end, place int64
	}
	keys := map[string][]entry{}
	for _, p := range h.puts {
		for i, r := range p.records {
			if p.outcome(i) == nil {
				e := entry{string(r.Data), p.start, p.end, int64(seen[string(r.Data)].place)}
				keys[r.PartitionKey] = append(keys[r.PartitionKey], e)
			}
		}
	}
	for key, entries := range keys {
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.place, b.place) })
		latest := entry{}
		for _, e := range entries {
			if e.end < latest.start {
				return fmt.Errorf("of key %q, record %q was read after %q, but acknowledged before that was put", key, e.data, latest.data)
			}
			if e.start > latest.start {
				latest = e
			}
		}
	}
	return nil
}
