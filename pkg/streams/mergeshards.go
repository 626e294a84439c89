package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// MergeShards closes two open shards whose hash keys meet, ShardToMerge below AdjacentShardToMerge, and opens one with
// the keys of both.
//
//   - It is one atomic write, as SplitShard is.
func (s *Service) MergeShards(ctx context.Context, in *kinesis.MergeShardsInput) (kinesis.Output, error) {
	var indexes [2]uint32
	for i, id := range []string{in.ShardToMerge, in.AdjacentShardToMerge} {
		var ok bool
		if indexes[i], ok = kinesis.ParseShardID(id); !ok {
			return nil, kinesis.ShardNotFound(id, in.Stream(), s.config.Account)
		}
	}
	_, err := s.streams.Reshard(ctx, in.Stream(), func(stream shardlog.Stream) (shardlog.Change, error) {
		if err := s.canReshard(stream, indexes[:]...); err != nil {
			return shardlog.Change{}, err
		}
		lower, upper := stream.Shards[indexes[0]], stream.Shards[indexes[1]]
		if lower.Keys.End.Compare(upper.Keys.Start) >= 0 || lower.Keys.End.Next() != upper.Keys.Start {
			return shardlog.Change{}, kinesis.ShardsNotAdjacent(kinesis.ShardID(lower.Index), kinesis.ShardID(upper.Index), stream.Name, s.config.Account)
		}
		for _, info := range []shardlog.ShardInfo{lower, upper} {
			if !info.IsOpen() {
				return shardlog.Change{}, kinesis.ShardClosed(kinesis.ShardID(info.Index), stream.Name, s.config.Account)
			}
		}
		return shardlog.Merge(lower, upper), nil
	})
	return nil, err
}
