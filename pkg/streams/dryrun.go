package streams

import (
	"context"

	"millrace/pkg/kinesis"
)

// dryRun answers a put with DryRun: it would be taken if the stream is there. Whether each of its shards would take its
// records nobody knows before they are put.
func (s *Service) dryRun(ctx context.Context, stream string) error {
	if _, err := s.streams.Cached(ctx, stream); err != nil {
		return err
	}
	return kinesis.DryRun()
}
