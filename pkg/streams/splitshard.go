package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// SplitShard closes an open shard and opens two that share its hash keys, the second from NewStartingHashKey on.
//
//   - It is one atomic write. Puts under way to the shard go to its children; once it answers, the shard gets no more.
//   - It answers when it is done: the stream is ACTIVE throughout.
func (s *Service) SplitShard(ctx context.Context, in *kinesis.SplitShardInput) (kinesis.Output, error) {
	index, ok := kinesis.ParseShardID(in.ShardToSplit)
	if !ok {
		return nil, kinesis.ShardNotFound(in.ShardToSplit, in.Stream(), s.config.Account)
	}
	_, err := s.streams.Reshard(ctx, in.Stream(), func(stream shardlog.Stream) (shardlog.Change, error) {
		if err := s.canReshard(stream, index); err != nil {
			return shardlog.Change{}, err
		}
		parent, at := stream.Shards[index], in.StartingHash()
		if open := len(stream.OpenShards()); open >= kinesis.MaxShards {
			return shardlog.Change{}, kinesis.ShardLimit(kinesis.MaxShards, open, open+1)
		}
		if at == nil || at.Compare(parent.Keys.Start.Next()) <= 0 || at.Compare(parent.Keys.End) >= 0 {
			return shardlog.Change{}, kinesis.SplitOutside(in.NewStartingHashKey, kinesis.ShardID(index), stream.Name, s.config.Account, parent.Keys)
		}
		if !parent.IsOpen() {
			return shardlog.Change{}, kinesis.ShardClosed(kinesis.ShardID(index), stream.Name, s.config.Account)
		}
		return shardlog.Split(parent, *at), nil
	})
	return nil, err
}

// canReshard refuses where the stream has no such shards, or shards that are not its user's to change.
func (s *Service) canReshard(stream shardlog.Stream, indexes ...uint32) error {
	for _, index := range indexes {
		if !s.isListed(stream, index) {
			return kinesis.ShardNotFound(kinesis.ShardID(index), stream.Name, s.config.Account)
		}
	}
	if stream.Mode == shardlog.OnDemand {
		return kinesis.StreamOnDemand(stream.Name, s.config.Account)
	}
	return nil
}
