package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/segment"
)

// PutRecord stores one record, as a PutRecords of one would.
//
//   - A record that is not stored is an error of the request: ProvisionedThroughputExceededException where the shard is
//     over its limits or throttled, InternalFailure otherwise.
//   - SequenceNumberForOrdering is accepted and needs no work: a record put after another was acknowledged always has
//     the larger sequence number. What is no sequence number is refused.
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
	r := results.At(0)
	shard := kinesis.ShardID(r.Shard)
	if r.Err != nil {
		s.logFailures(ctx, in.Stream(), results)
	}
	switch {
	case throughputExceeded(r.Err):
		return nil, kinesis.ProvisionedThroughputExceeded(shard, in.Stream(), s.config.Account)
	case r.Err != nil:
		return nil, kinesis.InternalFailure()
	}
	return &kinesis.PutRecordOutput{SequenceNumber: r.Number.String(), ShardId: shard}, nil
}
