package streams

import (
	"context"
	"time"

	"millrace/pkg/kinesis"
)

// IncreaseStreamRetentionPeriod keeps records for longer, those stored already among them, unless they have expired.
//
//   - The same period again is no error and changes nothing.
//   - A large log may not be done in the time of one request: the call then fails and is to be repeated, as SDKs do.
func (s *Service) IncreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput) (kinesis.Output, error) {
	existing, err := s.retentionHours(ctx, in.Stream())
	switch {
	case err != nil:
		return nil, err
	case in.RetentionPeriodHours < existing:
		return nil, kinesis.RetentionNotShorter(in.Stream(), in.RetentionPeriodHours, existing)
	case in.RetentionPeriodHours == existing:
		return nil, nil
	}
	return nil, s.streams.SetRetention(ctx, in.Stream(), time.Duration(in.RetentionPeriodHours)*time.Hour)
}

// DecreaseStreamRetentionPeriod keeps records for less long. Those that are older expire at once, and a later increase does
// not bring them back.
func (s *Service) DecreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.DecreaseStreamRetentionPeriodInput) (kinesis.Output, error) {
	existing, err := s.retentionHours(ctx, in.Stream())
	switch {
	case err != nil:
		return nil, err
	case in.RetentionPeriodHours > existing:
		return nil, kinesis.RetentionNotLonger(in.Stream(), in.RetentionPeriodHours, existing)
	case in.RetentionPeriodHours == existing:
		return nil, nil
	}
	return nil, s.streams.SetRetention(ctx, in.Stream(), time.Duration(in.RetentionPeriodHours)*time.Hour)
}

func (s *Service) retentionHours(ctx context.Context, name string) (int, error) {
	stream, err := s.streams.Describe(ctx, name)
	return int(stream.Retention / time.Hour), err
}
