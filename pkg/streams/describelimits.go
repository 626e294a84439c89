package streams

import (
	"context"
	"errors"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// What DescribeLimits tells as limits, though nothing here holds the account to them.
const (
	shardLimit          = 1_000_000
	onDemandStreamLimit = 10_000
)

// DescribeLimits counts the account's open shards and on-demand streams. It reads every stream.
func (s *Service) DescribeLimits(ctx context.Context, _ *kinesis.DescribeLimitsInput) (*kinesis.DescribeLimitsOutput, error) {
	out := &kinesis.DescribeLimitsOutput{ShardLimit: shardLimit, OnDemandStreamCountLimit: onDemandStreamLimit}
	last := ""
	for {
		streams, more, err := s.streams.List(ctx, last, streamsPage)
		if err != nil {
			return nil, err
		}
		for _, listed := range streams {
			last = listed.Name
			stream, err := s.streams.Cached(ctx, listed.Name)
			if errors.Is(err, shardlog.ErrStreamNotFound) {
				continue // deleted since it was listed, or in part
			}
			if err != nil {
				return nil, err
			}
			out.OpenShardCount += len(stream.OpenShards())
			if stream.Mode == shardlog.OnDemand {
				out.OnDemandStreamCount++
			}
		}
		if !more {
			return out, nil
		}
	}
}
