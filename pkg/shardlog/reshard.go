package shardlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/hashkey"
)

// extenders bounds how many shards' contents are extended at a time.
const extenders = 8

// extend sees to it that what has not expired is kept for the longer retention, whoever wrote it and however late: slots
// from the counter's next one on are handed out with the new retention; those before are decided, and their contents extended.
func (s *Streams) extend(ctx context.Context, stream Stream, retention time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(extenders)
	for _, info := range stream.Shards {
		g.Go(func() error {
			shard := stream.Shard(info.Index)
			counter, err := s.setShardRetention(ctx, shard, retention)
			if err != nil {
				return err
			}
			from, err := s.log.seek(ctx, shard, counter, s.log.now().Add(-sealWindow))
			if err != nil {
				return err
			}
			if err := s.log.fillHoles(ctx, shard, from, counter.Next, retention); err != nil {
				return err
			}
			return s.log.store.Extend(ctx, shard, counter.Next, keep(retention))
		})
	}
	return g.Wait()
}

// Change is how the shards of a stream are to change: which close, and the hash key ranges and parents of those that open.
type Change struct {
	Closing []uint32
	Opening []ShardInfo // Keys and Parents alone
}

// Reshard changes the shards of a stream in one step. The change is planned on the stream as it stands, and may be
// planned several times; an error that plan returns is returned. It returns the stream as it was, with its new shards.
//
// Appends under way to the closing shards go to their children. Once it returns, no parent gets another record, unless
// sealing it failed: who reads a child then seals its parents first.
func (s *Streams) Reshard(ctx context.Context, name string, plan func(Stream) (Change, error)) (Stream, error) {
	defer s.forget(name)
	var tried [][]ShardInfo // what was to be opened by each try whose outcome is not known
	for n := 1; ; n++ {
		stream, err := s.Describe(ctx, name)
		if err != nil {
			return Stream{}, err
		}
		if slices.ContainsFunc(tried, func(opening []ShardInfo) bool { return applied(stream, opening) }) {
			s.sealClosed(ctx, stream)
			return stream, nil
		}
		change, err := plan(stream)
		if err != nil {
			return Stream{}, err
		}
		opening := s.opening(stream, change)
		// Not bounded by a try's time: the store may have much to write.
		err = s.log.store.Reshard(ctx, stream, change.Closing, opening)
		if err == nil {
			stream = resharded(stream, change.Closing, opening)
			s.sealClosed(ctx, stream)
			return stream, nil
		}
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrStreamNotFound) || n == updateTries || !backoff(ctx, n) {
			return Stream{}, fmt.Errorf("reshard stream %s: %w", name, err)
		}
		if !isAnswer(err) && !errors.Is(err, ErrThrottled) {
			tried = append(tried, opening)
		}
	}
}

// applied tells whether a try was applied: the shards that it was to open stand there.
func applied(stream Stream, opening []ShardInfo) bool {
	for _, info := range opening {
		if int(info.Index) >= len(stream.Shards) {
			return false
		}
		standing := stream.Shards[info.Index]
		if standing.Keys != info.Keys || !slices.Equal(standing.Parents, info.Parents) || !standing.Created.Equal(info.Created) {
			return false
		}
	}
	return true
}

// opening completes the shards of a change.
func (s *Streams) opening(stream Stream, change Change) []ShardInfo {
	created := s.log.now().Truncate(time.Second)
	for _, parent := range change.Closing {
		created = later(created, stream.Shards[parent].Created)
	}
	opening := slices.Clone(change.Opening)
	for i := range opening {
		opening[i].Index = uint32(len(stream.Shards) + i)
		opening[i].Created = created
	}
	return opening
}

func resharded(stream Stream, closing []uint32, opening []ShardInfo) Stream {
	stream.Shards = append(slices.Clone(stream.Shards), opening...)
	for _, index := range closing {
		stream.Shards[index].Closed = opening[0].Created
	}
	return stream
}

// sealClosed seals the shards that are closed and not sealed yet, as far as it can.
func (s *Streams) sealClosed(ctx context.Context, stream Stream) {
	for _, info := range stream.Shards {
		if info.IsOpen() || info.Sealed {
			continue
		}
		if _, err := s.log.seal(ctx, stream, info); err != nil {
			return // the change stands, and its readers seal
		}
	}
}

// Split returns the change that splits a shard in two, the second starting at a key strictly inside its range, which the caller has
// checked.
func Split(parent ShardInfo, at hashkey.Key) Change {
	return Change{Closing: []uint32{parent.Index}, Opening: []ShardInfo{
		{Keys: hashkey.Range{Start: parent.Keys.Start, End: at.Prev()}, Parents: []uint32{parent.Index}},
		{Keys: hashkey.Range{Start: at, End: parent.Keys.End}, Parents: []uint32{parent.Index}},
	}}
}

// Merge returns the change that merges two shards whose ranges meet, which the caller has checked.
func Merge(shard, adjacent ShardInfo) Change {
	keys := hashkey.Range{Start: shard.Keys.Start, End: adjacent.Keys.End}
	if adjacent.Keys.Start.Compare(shard.Keys.Start) < 0 {
		keys = hashkey.Range{Start: adjacent.Keys.Start, End: shard.Keys.End}
	}
	return Change{
		Closing: []uint32{shard.Index, adjacent.Index},
		Opening: []ShardInfo{{Keys: keys, Parents: []uint32{shard.Index, adjacent.Index}}},
	}
}
