package streams

import "context"

// ReadAhead reads a stream's map, so that a put that follows finds it read. What fails is dropped: the put tries again.
func (s *Service) ReadAhead(ctx context.Context, stream string) { s.streams.ReadAhead(ctx, stream) }
