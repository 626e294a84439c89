package streams

import (
	"context"
	"errors"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// put stores records, but for those that [Config].Refuse picks out, which fail with what it says.
func (s *Service) put(ctx context.Context, name string, records []segment.Record) ([]shardlog.Result, error) {
	if s.config.Refuse == nil {
		return s.streams.Put(ctx, name, records)
	}
	stream, err := s.streams.Cached(ctx, name)
	if err != nil {
		return nil, err
	}
	results := make([]shardlog.Result, len(records))
	var taken []segment.Record
	var places []int // of those taken, in the request
	for i, r := range records {
		if err := s.config.Refuse(); err != nil {
			results[i] = shardlog.Result{Shard: stream.ShardFor(r.HashKey()).Index, Err: err}
			continue
		}
		taken, places = append(taken, r), append(places, i)
	}
	if len(taken) == 0 {
		return results, nil
	}
	stored, err := s.streams.Put(ctx, name, taken)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		results[place] = stored[i]
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
