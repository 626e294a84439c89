package streams

import (
	"context"
	"errors"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// errUniform: the open shards are as they should be.
var errUniform = errors.New("open shards are uniform")

// UpdateShardCount splits and merges open shards until there are TargetShardCount of them with even ranges of hash keys, as a new
// stream of that many would have.
//
//   - The target is at most double and at least half the number of open shards, and at most 1,000.
//   - Every step is an atomic split or merge, several in one write; shards that are right already are left alone. A call that
//     fails on its way leaves the stream working, with shards between the old and the new, and may be repeated.
//   - Where another request changes the shards meanwhile it gives up with ResourceInUseException.
//   - It answers when it is done: the stream is ACTIVE throughout.
func (s *Service) UpdateShardCount(ctx context.Context, in *kinesis.UpdateShardCountInput) (*kinesis.UpdateShardCountOutput, error) {
	stream, err := s.streams.Describe(ctx, in.Stream())
	if err != nil {
		return nil, err
	}
	open, target := len(stream.OpenShards()), in.TargetShardCount
	switch {
	case stream.Mode == shardlog.OnDemand:
		return nil, kinesis.StreamOnDemand(stream.Name, s.config.Account)
	case target > kinesis.MaxShards:
		return nil, kinesis.ShardLimit(kinesis.MaxShards, open, target)
	case target > 2*open:
		return nil, kinesis.ScalingAboveDouble(open, target)
	case 2*target < open:
		return nil, kinesis.ScalingBelowHalf(open, target)
	}
	if err := s.scale(ctx, stream, target); err != nil {
		return nil, err
	}
	return &kinesis.UpdateShardCountOutput{
		StreamName:        stream.Name,
		CurrentShardCount: open,
		TargetShardCount:  target,
		StreamARN:         s.StreamARN(stream.Name),
	}, nil
}

// scale takes steps until the open shards are uniform. Where somebody else changes them meanwhile it gives up: two calls
// that scale to different targets would undo each other's steps without end.
func (s *Service) scale(ctx context.Context, stream shardlog.Stream, target int) error {
	ranges := hashkey.Uniform(target)
	for before := stream; ; {
		after, err := s.streams.Reshard(ctx, stream.Name, func(now shardlog.Stream) (shardlog.Change, error) {
			if len(now.Shards) != len(before.Shards) {
				return shardlog.Change{}, kinesis.StreamNotActive(stream.Name, s.config.Account, kinesis.StatusUpdating)
			}
			return towards(ranges, now.OpenShards())
		})
		if errors.Is(err, errUniform) {
			return nil
		}
		if err != nil {
			return err
		}
		before = after
	}
}

// towards returns the next change that brings open shards closer to ranges, or errUniform where they are the same. First
// every shard that holds boundaries of the ranges inside it is split, at the middle one; then neighbours are merged
// across boundaries that the ranges do not have.
func towards(ranges []hashkey.Range, open []shardlog.ShardInfo) (shardlog.Change, error) {
	var change shardlog.Change
	add := func(more shardlog.Change) {
		change.Closing = append(change.Closing, more.Closing...)
		change.Opening = append(change.Opening, more.Opening...)
	}
	full := func() bool { return len(change.Closing)+len(change.Opening)+3 > shardlog.MaxReshard }
	starts := map[hashkey.Key]bool{}
	for _, r := range ranges {
		starts[r.Start] = true
	}
	for i := 0; i < len(open) && !full(); i++ {
		if inside := startsInside(ranges, open[i].Keys); len(inside) > 0 {
			add(shardlog.Split(open[i], inside[len(inside)/2]))
		}
	}
	if len(change.Closing) > 0 {
		return change, nil
	}
	for i := 1; i < len(open) && !full(); i++ {
		if !starts[open[i].Keys.Start] {
			add(shardlog.Merge(open[i-1], open[i]))
			i++ // the pair is taken
		}
	}
	if len(change.Closing) > 0 {
		return change, nil
	}
	return change, errUniform
}

// startsInside returns the starts of ranges that lie inside keys, but not at their start.
func startsInside(ranges []hashkey.Range, keys hashkey.Range) []hashkey.Key {
	var inside []hashkey.Key
	for _, r := range ranges {
		if keys.Contains(r.Start) && r.Start != keys.Start {
			inside = append(inside, r.Start)
		}
	}
	return inside
}
