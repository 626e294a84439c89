package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// UpdateStreamMode changes a stream's capacity mode. In PROVISIONED mode alone its shards are its user's to split and
// merge, and held to their limits where these are enforced: each process heeds the change within [shardlog.Options].MapAge.
func (s *Service) UpdateStreamMode(ctx context.Context, in *kinesis.UpdateStreamModeInput) (kinesis.Output, error) {
	return nil, s.streams.Update(ctx, in.Stream(), func(settings *shardlog.Settings) error {
		settings.Mode = shardlog.Mode(in.StreamModeDetails.StreamMode)
		return nil
	})
}
