package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// PutRecords stores the records of one request.
//
//   - Each record goes to the open shard that owns its hash key. A shard's records are stored together, in the order of
//     the request, under one slot; the shards are written in parallel.
//   - The answer has an entry for each record, in the order of the request. A record is acknowledged by a sequence number once it is
//     durable. A shard that fails marks its own records and no others: ProvisionedThroughputExceededException where
//     the store throttles, InternalFailure otherwise. After InternalFailure a record may be stored all the same.
//   - Where limits are enforced, a shard of a PROVISIONED stream takes as many of its records, from the first on, as its second has
//     left of 1,000 records and 1 MiB of data and partition keys; the others fail with
//     ProvisionedThroughputExceededException. A second in which nothing was taken takes one record of any size.
//   - Nothing is stored where the whole request fails: the stream is not there (ResourceNotFoundException), or its map
//     could not be read (ThrottlingException, InternalFailure).
//   - With DryRun nothing is stored: the answer is DryRunOperationException where the request would be taken.
func (s *Service) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	if in.DryRun {
		return nil, s.dryRun(ctx, in.Stream())
	}
	records := make([]segment.Record, len(in.Records))
	for i := range in.Records {
		e := &in.Records[i]
		records[i] = segment.Record{PartitionKey: e.PartitionKey, ExplicitHash: e.ExplicitHash(), Data: e.Data}
	}
	results, err := s.put(ctx, in.Stream(), records)
	if err != nil {
		return nil, err
	}
	out := s.putRecordsOutput(in.Stream(), results)
	if out.FailedRecordCount > 0 {
		s.logFailures(ctx, in.Stream(), results)
	}
	return out, nil
}

func (s *Service) putRecordsOutput(stream string, results *shardlog.Results) *kinesis.PutRecordsOutput {
	out := &kinesis.PutRecordsOutput{Records: kinesis.PutRecordsResults{
		Parts:  make([]kinesis.PutRecordsPart, len(results.Parts)),
		Places: make([]kinesis.PutRecordsPlace, len(results.Places)),
	}}
	for i := range results.Parts {
		out.Records.Parts[i] = s.resultPart(stream, &results.Parts[i])
	}
	for i, p := range results.Places {
		out.Records.Places[i] = kinesis.PutRecordsPlace(p)
		if results.Parts[p.Part].Err != nil {
			out.FailedRecordCount++
		}
	}
	return out
}

func (s *Service) resultPart(stream string, p *shardlog.Part) kinesis.PutRecordsPart {
	switch shard := kinesis.ShardID(p.Shard); {
	case p.Err == nil:
		return kinesis.PutRecordsPart{Numbers: p.First.Run(), ShardId: shard}
	case throughputExceeded(p.Err):
		return kinesis.PutRecordsPart{
			ErrorCode:    kinesis.CodeProvisionedThroughputExceeded,
			ErrorMessage: kinesis.RateExceeded(shard, stream, s.config.Account),
		}
	default:
		return kinesis.PutRecordsPart{ErrorCode: kinesis.CodeInternalFailure, ErrorMessage: kinesis.InternalFailureMessage}
	}
}
