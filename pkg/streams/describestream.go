package streams

import (
	"context"
	"time"

	"millrace/pkg/kinesis"
)

// describePage is how many shards DescribeStream tells at most, whatever its Limit (API reference, DescribeStream).
const describePage = 100

// DescribeStream tells what a stream is, and a page of its shards.
//
//   - Open shards are listed, and closed ones for as long as they may hold records that have not expired.
//   - It reads the stream as it stands. A stream is ACTIVE from its creation to its deletion.
func (s *Service) DescribeStream(ctx context.Context, in *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
	stream, err := s.streams.Describe(ctx, in.Stream())
	if err != nil {
		return nil, err
	}
	page, more := after(s.retained(stream), in.ExclusiveStartShardId, min(orDefault(in.Limit, describePage), describePage))
	return &kinesis.DescribeStreamOutput{StreamDescription: kinesis.StreamDescription{
		StreamName:              stream.Name,
		StreamARN:               s.StreamARN(stream.Name),
		StreamStatus:            kinesis.StatusActive,
		StreamModeDetails:       kinesis.StreamModeDetails{StreamMode: string(stream.Mode)},
		Shards:                  s.wireShards(stream, page),
		HasMoreShards:           more,
		RetentionPeriodHours:    int(stream.Retention / time.Hour),
		StreamCreationTimestamp: stream.Created,
	}}, nil
}
