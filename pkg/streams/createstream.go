package streams

import (
	"context"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

const (
	// defaultRetention is Kinesis's: a new stream keeps its records for a day.
	defaultRetention = 24 * time.Hour
	// onDemandShards is how many shards Kinesis gives a new on-demand stream.
	onDemandShards = 4
)

// CreateStream makes a stream, usable as soon as it answers.
//
//   - The hash keys are cut into as many even ranges as there are shards. Retention is 24 hours.
//   - ShardCount must be given, but for a stream in ON_DEMAND mode, which has 4 shards unless it says otherwise.
//   - The two modes do not differ here in what a stream can take.
//   - A name that is taken gives ResourceInUseException.
func (s *Service) CreateStream(ctx context.Context, in *kinesis.CreateStreamInput) (kinesis.Output, error) {
	stream := shardlog.Stream{
		Name:     in.Stream(),
		Created:  s.config.Now().UTC().Truncate(time.Second),
		Settings: shardlog.Settings{Retention: defaultRetention, Mode: shardlog.Provisioned, Tags: in.Tags},
	}
	if len(in.Tags) > kinesis.MaxTags {
		return nil, kinesis.TooManyTags(stream.Name, s.config.Account)
	}
	count := in.ShardCount
	if in.StreamModeDetails != nil && in.StreamModeDetails.StreamMode == kinesis.StreamModeOnDemand {
		stream.Mode = shardlog.OnDemand
		if count == 0 {
			count = onDemandShards
		}
	}
	if count == 0 {
		return nil, kinesis.InvalidArgument("ShardCount must be given for a stream in PROVISIONED mode")
	}
	for i, keys := range hashkey.Uniform(count) {
		stream.Shards = append(stream.Shards, shardlog.ShardInfo{Index: uint32(i), Keys: keys, Created: stream.Created})
	}
	return nil, s.streams.Create(ctx, stream)
}
