package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// UpdateStreamMode changes a stream's capacity mode. What the stream can take does not change by it; its shards are its
// user's to split and merge in PROVISIONED mode alone.
func (s *Service) UpdateStreamMode(ctx context.Context, in *kinesis.UpdateStreamModeInput) (kinesis.Output, error) {
	return nil, s.streams.Update(ctx, in.Stream(), func(settings *shardlog.Settings) error {
		settings.Mode = shardlog.Mode(in.StreamModeDetails.StreamMode)
		return nil
	})
}
