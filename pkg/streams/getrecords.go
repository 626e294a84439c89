package streams

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"millrace/pkg/kinesis"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
)

// GetRecords returns the records from an iterator on, in the order of their sequence numbers, and the iterator to go on
// with.
//
//   - At most Limit records, 10,000 where it is absent, and 10 MB of data and keys, or what fits the answer. An answer without
//     records does not mean that there are none further on: a slot may still be undecided, or records have expired.
//   - MillisBehindLatest is how long ago the next record arrived; it is 0 only at the tip.
//   - After the last record of a closed shard there is no NextShardIterator, and ChildShards tells where to read on.
//   - A child's records are returned once its parents can get no more.
//   - Reads are not limited to Kinesis's five a second.
func (s *Service) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	t, err := openToken(in.ShardIterator, iteratorToken)
	if err != nil {
		return nil, kinesis.InvalidIterator()
	}
	it := t.iterator()
	stream, err := s.streamOf(ctx, t)
	switch {
	case errors.Is(err, shardlog.ErrStreamNotFound), errors.Is(err, errToken):
		// The stream of the iterator is gone, or the iterator was never this endpoint's: nobody can tell.
		return nil, kinesis.ShardDoesNotExist(kinesis.ShardID(it.shard), t.stream, s.config.Account)
	case err != nil:
		return nil, err
	}
	if now := s.config.Now(); now.Sub(t.issued) > kinesis.IteratorLife {
		return nil, kinesis.ExpiredIterator(t.issued, now)
	}
	if int(it.shard) >= len(stream.Shards) { // opened since the map was read
		if stream, err = s.streams.Describe(ctx, stream.Name); err != nil {
			return nil, err
		}
	}
	if in.DryRun {
		return nil, kinesis.DryRun()
	}
	read, err := s.log.Read(ctx, stream, it.shard, it.at, s.limits(in.Limit, it.since))
	if errors.Is(err, shardlog.ErrShardClosed) { // it went with its stream meanwhile
		return nil, kinesis.ShardDoesNotExist(kinesis.ShardID(it.shard), t.stream, s.config.Account)
	}
	if err != nil {
		return nil, err
	}
	return s.recordsOutput(stream, it, read), nil
}

func (s *Service) limits(records int, since time.Time) shardlog.Limits {
	if records == 0 {
		records = kinesis.MaxReadRecords
	}
	limits := shardlog.Limits{Records: records, Bytes: kinesis.MaxReadData, Since: since}
	if s.config.AnswerBytes > 0 {
		limits.Bytes, limits.Size = max(s.config.AnswerBytes-answerFrame, 1), answerSize
	}
	return limits
}

// answerFrame is more than what stands around the records of an answer in API Gateway's event: the status and headers,
// some 500 bytes, and the next iterator, 250 at most, or two children, some 300 each.
const answerFrame = 2000

// answerSize returns how many bytes a record takes at most in an answer that API Gateway's event carries as a JSON
// string: its data in base64, its key as JSON with that escaped once more, and what stands around them, some 165 bytes.
func answerSize(r segment.Record) int {
	const around = 200
	size := (len(r.Data)+2)/3*4 + around
	for _, c := range r.PartitionKey {
		switch {
		case c < ' ':
			size += len(`\\u0001`)
		case c == '"', c == '\\':
			size += len(`\\\"`)
		default:
			size += utf8.RuneLen(c) // of U+FFFD where it is not UTF-8, as it is then written
		}
	}
	return size
}

func (s *Service) recordsOutput(stream shardlog.Stream, it iterator, read shardlog.Read) *kinesis.GetRecordsOutput {
	out := &kinesis.GetRecordsOutput{Records: make([]kinesis.Record, len(read.Records)), MillisBehindLatest: int(read.Behind.Milliseconds())}
	numbers := newNumbering(len(read.Records))
	for i := range read.Records {
		r := &read.Records[i]
		out.Records[i] = kinesis.Record{
			SequenceNumber:              numbers.number(r.Number),
			ApproximateArrivalTimestamp: r.Arrival,
			Data:                        r.Data,
			PartitionKey:                r.PartitionKey,
		}
	}
	if read.Ended {
		out.ChildShards = childShards(stream, it.shard)
		return out
	}
	it.at = read.Next
	out.NextShardIterator = s.sealIterator(it, stream)
	return out
}

func childShards(stream shardlog.Stream, parent uint32) []kinesis.ChildShard {
	var children []kinesis.ChildShard
	for _, info := range stream.Shards {
		if !slices.Contains(info.Parents, parent) {
			continue
		}
		child := kinesis.ChildShard{ShardId: kinesis.ShardID(info.Index), HashKeyRange: hashKeyRange(info)}
		for _, p := range info.Parents {
			child.ParentShards = append(child.ParentShards, kinesis.ShardID(p))
		}
		children = append(children, child)
	}
	return children
}
