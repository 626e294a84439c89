package streams

import (
	"context"

	"millrace/pkg/kinesis"
)

// DeleteStream removes a stream with all its records. Once it answers, no put to the stream succeeds, and its name is free.
//
//   - EnforceConsumerDeletion is accepted: there are no registered consumers.
//   - A deletion that did not finish in time leaves the stream deleted in part: it is not found, and its name is taken until
//     the call is repeated, as SDKs do.
func (s *Service) DeleteStream(ctx context.Context, in *kinesis.DeleteStreamInput) (kinesis.Output, error) {
	return nil, s.streams.Delete(ctx, in.Stream())
}
