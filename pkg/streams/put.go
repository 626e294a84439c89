package streams

import (
	"context"
	"errors"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// put stores records, but for those that [Config].Refuse picks out, which fail with what it says.
func (s *Service) put(ctx context.Context, name string, records []segment.Record) (*shardlog.Results, error) {
	if s.config.Refuse == nil {
		return s.streams.Put(ctx, name, records)
	}
	stream, err := s.streams.Cached(ctx, name)
	if err != nil {
		return nil, err
	}
	refused := make([]error, len(records))
	var taken []segment.Record
	for i, r := range records {
		if refused[i] = s.config.Refuse(); refused[i] == nil {
			taken = append(taken, r)
		}
	}
	results := &shardlog.Results{}
	if len(taken) > 0 {
		if results, err = s.streams.Put(ctx, name, taken); err != nil {
			return nil, err
		}
	}
	stored := results.Places
	results.Places = make([]shardlog.Place, len(records))
	for i, r := range records {
		if refused[i] == nil {
			results.Places[i], stored = stored[0], stored[1:]
			continue
		}
		results.Places[i] = shardlog.Place{Part: int32(len(results.Parts))}
		results.Parts = append(results.Parts, shardlog.Part{Shard: stream.ShardFor(r.HashKey()).Index, Err: refused[i]})
	}
	return results, nil
}

// throughputExceeded tells whether a record failed because its shard takes no more for now.
func throughputExceeded(err error) bool {
	return errors.Is(err, shardlog.ErrThrottled) || overLimit(err)
}

// overLimit tells whether a record failed because its shard is at its limits.
func overLimit(err error) bool {
	var over *shardlog.OverLimitError
	return errors.As(err, &over)
}
