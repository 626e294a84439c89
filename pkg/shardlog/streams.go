package shardlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
)

// routeRounds bounds step 4: how often the records of one request are routed anew because shards closed meanwhile.
const routeRounds = 5

// errUnsettled: the shards that a stream's map names kept refusing.
var errUnsettled = errors.New("the stream's shards changed faster than its map could be read")

// Result is what became of one record.
type Result struct {
	Shard  uint32        // the record's shard
	Number seqnum.Number // where Err is nil
	Err    error         // as of Log.Append, or an *OverLimitError
}

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
	open []ShardInfo
	read time.Time
}

// shardFor returns the open shard that owns a hash key. Open shards cover all keys.
func (m *streamMap) shardFor(k hashkey.Key) uint32 {
	i, found := slices.BinarySearchFunc(m.open, k, func(s ShardInfo, k hashkey.Key) int { return s.Keys.Start.Compare(k) })
	if !found {
		i--
	}
	return m.open[i].Index
}

// Put stores 1 to [segment.MaxRecords] records in the stream's shards, each shard's in the order given, the shards in
// parallel. It returns one result for each record, in the order given, or an error if nothing was stored because the stream's map could not be had:
// [ErrStreamNotFound], [ErrThrottled] or another.
func (s *Streams) Put(ctx context.Context, name string, records []segment.Record) ([]Result, error) {
	m, err := s.mapOf(ctx, name)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(records))
	pending := make([]int, len(records))
	for i := range pending {
		pending[i] = i
	}
	for round := 1; ; round++ {
		refused := s.putRound(ctx, m, records, pending, results)
		if len(refused) == 0 {
			return results, nil
		}
		if round == routeRounds {
			fail(results, refused, errUnsettled)
			return results, nil
		}
		m, err = s.reload(ctx, name) // step 4
		if err != nil && len(refused) == len(records) {
			return nil, err
		}
		if err != nil {
			fail(results, refused, fmt.Errorf("route again: %w", err))
			return results, nil
		}
		pending = refused
	}
}

func fail(results []Result, which []int, err error) {
	for _, i := range which {
		results[i].Err = err
	}
}

// batch is what one request sends to one shard: indexes into the request, in order.
type batch struct {
	shard   uint32
	members []int
	refused bool
}

// putRound appends the pending records by the map, and returns those whose shard refused, in the order of the request.
func (s *Streams) putRound(ctx context.Context, m *streamMap, records []segment.Record, pending []int, results []Result) []int {
	batches := route(m, records, pending)
	var wg sync.WaitGroup
	for i := range batches[1:] {
		wg.Go(func() { s.putBatch(ctx, m, records, &batches[1+i], results) })
	}
	s.putBatch(ctx, m, records, &batches[0], results)
	wg.Wait()
	var refused []int
	for _, b := range batches {
		if b.refused {
			refused = append(refused, b.members...)
		}
	}
	slices.Sort(refused)
	return refused
}

// route groups records by shard. Each batch keeps the order of the request and fits a segment.
func route(m *streamMap, records []segment.Record, pending []int) []batch {
	var batches []batch
	at := make(map[uint32]int, min(len(pending), len(m.open)))
	for _, i := range pending {
		shard := m.shardFor(records[i].HashKey())
		b, ok := at[shard]
		if !ok {
			b = len(batches)
			at[shard] = b
			batches = append(batches, batch{shard: shard})
		}
		batches[b].members = append(batches[b].members, i)
	}
	return batches
}

func (s *Streams) putBatch(ctx context.Context, m *streamMap, records []segment.Record, b *batch, results []Result) {
	chosen := make([]segment.Record, len(b.members))
	for i, member := range b.members {
		chosen[i] = records[member]
	}
	appended, taken, err := s.append(ctx, m, b.shard, chosen)
	b.refused = errors.Is(err, ErrShardClosed)
	result := Result{Shard: b.shard, Err: err}
	if err == nil {
		result.Number = m.Shards[b.shard].Number(appended.Slot, appended.First, appended.Arrival)
	}
	for i, member := range b.members {
		results[member] = result
		switch {
		case i >= taken && !b.refused:
			results[member] = Result{Shard: b.shard, Err: &OverLimitError{}}
		case err == nil:
			results[member].Number.Index += i
		}
	}
}

// append returns how many of the records, from the first on, the shard's limits left room for.
func (s *Streams) append(ctx context.Context, m *streamMap, shard uint32, records []segment.Record) (a Appended, taken int, err error) {
	if s.log.options.EnforceLimits && m.Mode == Provisioned {
		return s.log.AppendLimited(ctx, m.Shard(shard), records)
	}
	a, err = s.log.Append(ctx, m.Shard(shard), records)
	return a, len(records), err
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
	read := s.log.options.Now()
	stream, err := s.loadNow(ctx, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.maps, name)
		return nil, fmt.Errorf("read the map of stream %s: %w", name, err)
	}
	m := &streamMap{Stream: stream, open: stream.OpenShards(), read: read}
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
