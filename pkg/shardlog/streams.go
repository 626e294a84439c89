package shardlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
)

// routeRounds bounds step 4: how often the records of one request are routed anew because shards closed meanwhile.
const routeRounds = 5

// errUnsettled: the shards that a stream's map names kept refusing.
var errUnsettled = errors.New("the stream's shards changed faster than its map could be read")

// Streams puts records into the shards of streams by their hash keys. It keeps the streams' maps for a few seconds. It is safe for use
// by many goroutines.
type Streams struct {
	log   *Log
	loads singleflight.Group

	mu   sync.Mutex
	maps map[string]*streamMap
}

// NewStreams returns a router over a log.
func NewStreams(log *Log) *Streams {
	return &Streams{log: log, maps: map[string]*streamMap{}}
}

// streamMap is a stream's map as it was read at a time, its open shards in the order of their hash key ranges.
type streamMap struct {
	Stream
	open   []ShardInfo
	starts []hashkey.Key // of their ranges
	read   time.Time
}

// shardFor returns the place among the open shards of the one that owns a hash key. Open shards cover all keys.
func (m *streamMap) shardFor(k hashkey.Key) int { return hashkey.Floor(m.starts, k) }

// Put stores 1 to [segment.MaxRecords] records in the stream's shards, each shard's in the order given, the shards in
// parallel. It returns what became of each, or an error if nothing was stored because the stream's map could not be had:
// [ErrStreamNotFound], [ErrThrottled] or another.
func (s *Streams) Put(ctx context.Context, name string, records []segment.Record) (*Results, error) {
	m, err := s.mapOf(ctx, name)
	if err != nil {
		return nil, err
	}
	results := &Results{Places: make([]Place, len(records))}
	for round := 1; ; round++ {
		refused := s.putRound(ctx, m, records, results)
		if refused == 0 {
			return results, nil
		}
		if round == routeRounds {
			results.fail(errUnsettled)
			return results, nil
		}
		m, err = s.reload(ctx, name) // step 4
		if err != nil && refused == len(records) {
			return nil, err
		}
		if err != nil {
			results.fail(fmt.Errorf("route again: %w", err))
			return results, nil
		}
	}
}

// putRound appends by the map the records that no shard has seen or whose shard refused, and returns how many of them are refused.
func (s *Streams) putRound(ctx context.Context, m *streamMap, records []segment.Record, results *Results) (refused int) {
	batches := route(m, records, results)
	s.putBatches(ctx, m, batches, results.Parts)
	for _, b := range batches {
		switch {
		case results.Parts[b.part].refused:
			refused += len(b.records)
		case b.taken < len(b.records):
			results.leaveOut(b.part, b.taken)
		}
	}
	return refused
}

// putBatches appends the batches in parallel, and has the part of each tell what became of it.
func (s *Streams) putBatches(ctx context.Context, m *streamMap, batches []batch, parts []Part) {
	appends := make([]*member, len(batches))
	for i, b := range batches {
		ln := lane{shard: m.Shard(parts[b.part].Shard), limited: s.log.options.EnforceLimits && m.Mode == Provisioned}
		appends[i] = s.log.newMember(ctx, ln, b.records)
	}
	s.log.shareAll(appends)
	for i, a := range appends {
		b := &batches[i]
		p := &parts[b.part]
		b.taken, p.Err, p.refused = a.taken, a.err, errors.Is(a.err, ErrShardClosed)
		if p.Err == nil {
			p.First = m.Shards[p.Shard].Number(a.at.Slot, a.at.First, a.at.Arrival)
		}
	}
}

// mapOf returns the stream's map, at most MapAge old.
func (s *Streams) mapOf(ctx context.Context, name string) (*streamMap, error) {
	s.mu.Lock()
	m := s.maps[name]
	s.mu.Unlock()
	if m != nil && s.log.options.Now().Sub(m.read) < s.log.options.MapAge {
		return m, nil
	}
	return s.reload(ctx, name)
}

// reload reads the stream's map from the store. Calls that meet share one reading, which outlives the call that
// started it. It may have started before a shard of it closed: the next round of step 4 then reads again.
func (s *Streams) reload(ctx context.Context, name string) (*streamMap, error) {
	loaded := s.loads.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.log.options.AppendTimeout)
		defer cancel()
		return s.load(ctx, name)
	})
	select {
	case r := <-loaded:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*streamMap), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read the map of stream %s: %w", name, ctx.Err())
	}
}

func (s *Streams) load(ctx context.Context, name string) (*streamMap, error) {
	// By the calendar: the other clock may stand still while the process is frozen, as between two requests of a Lambda.
	read := s.log.options.Now().Round(0)
	stream, err := s.loadNow(ctx, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.maps, name)
		return nil, fmt.Errorf("read the map of stream %s: %w", name, err)
	}
	m := &streamMap{Stream: stream, open: stream.OpenShards(), read: read}
	for _, info := range m.open {
		m.starts = append(m.starts, info.Keys.Start)
	}
	s.maps[name] = m
	return m, nil
}

func (s *Streams) loadNow(ctx context.Context, name string) (stream Stream, err error) {
	err = s.log.tryQuickly(ctx, func(ctx context.Context) (err error) {
		stream, err = s.log.store.LoadStream(ctx, name)
		return err
	})
	return stream, err
}
