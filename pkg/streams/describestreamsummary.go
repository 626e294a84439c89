package streams

import (
	"context"
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// DescribeStreamSummary tells what a stream is, without its shards.
//
//   - It reads the stream as it stands, so that a waiter sees a creation or deletion at once. A stream is ACTIVE from
//     its creation on.
//   - A stream on demand names its record distribution strategy, which the Kinesis Producer Library asks for.
func (s *Service) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput) (*kinesis.DescribeStreamSummaryOutput, error) {
	stream, err := s.streams.Describe(ctx, in.Stream())
	if err != nil {
		return nil, err
	}
	strategy := ""
	if stream.Mode == shardlog.OnDemand {
		strategy = kinesis.UserPartitionKey
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: kinesis.StreamDescriptionSummary{
		RecordDistributionStrategy: strategy,
		StreamName:                 stream.Name,
		StreamARN:                  s.StreamARN(stream.Name),
		StreamStatus:               kinesis.StatusActive,
		StreamModeDetails:          kinesis.StreamModeDetails{StreamMode: string(stream.Mode)},
		RetentionPeriodHours:       int(stream.Retention / time.Hour),
		StreamCreationTimestamp:    stream.Created,
		OpenShardCount:             len(stream.OpenShards()),
	}}, nil
}
