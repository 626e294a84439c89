package streams

import (
	"context"
	"errors"

	"millrace/pkg/kinesis"
	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
	"millrace/pkg/shardlog"
)

// PutRecord stores one record, as a PutRecords of one would.
//
//   - A record that is not stored is an error of the request: ProvisionedThroughputExceededException where the shard is
//     throttled, InternalFailure otherwise.
//   - SequenceNumberForOrdering must be a sequence number, and then needs no work: a record put after another was
//     acknowledged always has the larger one.
func (s *Service) PutRecord(ctx context.Context, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	if err := s.checkOrdering(ctx, in); err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, s.dryRun(ctx, in.Stream())
	}
	results, err := s.put(ctx, in.Stream(), []segment.Record{
		{PartitionKey: in.PartitionKey, ExplicitHash: in.ExplicitHash(), Data: in.Data},
	})
	if err != nil {
		return nil, err
	}
	r := results[0]
	shard := kinesis.ShardID(r.Shard)
	if r.Err != nil {
		s.logFailures(ctx, in.Stream(), results)
	}
	switch {
	case errors.Is(r.Err, shardlog.ErrThrottled):
		return nil, kinesis.ProvisionedThroughputExceeded(shard, in.Stream(), s.config.Account)
	case r.Err != nil:
		return nil, kinesis.InternalFailure()
	}
	return &kinesis.PutRecordOutput{SequenceNumber: r.Number.String(), ShardId: shard}, nil
}

// firstVersionDigits is how many digits the sequence numbers of Kinesis's first layout had, which began at 2^124. Below
// that a number orders a record after nothing: producers start with 0.
const firstVersionDigits = 38

// checkOrdering refuses a SequenceNumberForOrdering that is no sequence number, be it of another stream.
func (s *Service) checkOrdering(ctx context.Context, in *kinesis.PutRecordInput) error {
	number := in.SequenceNumberForOrdering
	if len(number) < firstVersionDigits {
		return nil
	}
	if _, err := seqnum.Parse(number); err == nil {
		return nil
	}
	if _, err := s.streams.Cached(ctx, in.Stream()); err != nil {
		return err
	}
	return kinesis.InvalidOrderingNumber(number, in.Stream(), s.config.Account)
}
