package streams

import (
	"context"
	"errors"
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
	"millrace/pkg/shardlog"
)

// GetShardIterator returns an iterator at a position in a shard, open or closed.
//
//   - AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER take a number of that shard, its StartingSequenceNumber among them.
//     Where the record has expired, reading starts at the oldest that has not.
//   - TRIM_HORIZON and AT_TIMESTAMP find their slot in as many reads as the number of slots has binary digits.
//   - LATEST is behind every record whose put had begun.
//   - An iterator is valid for 5 minutes, and for the stream as it is: not for one created later under the same name.
func (s *Service) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
	index, ok := kinesis.ParseShardID(in.ShardId)
	if !ok {
		return nil, kinesis.ShardNotFound(in.ShardId, in.Stream(), s.config.Account)
	}
	stream, err := s.streams.Describe(ctx, in.Stream())
	if errors.Is(err, shardlog.ErrStreamNotFound) || err == nil && !s.isListed(stream, index) {
		return nil, kinesis.ShardDoesNotExist(kinesis.ShardID(index), in.Stream(), s.config.Account)
	}
	if err != nil {
		return nil, err
	}
	it := iterator{shard: index}
	err = s.place(ctx, &it, stream, in)
	if errors.Is(err, shardlog.ErrShardClosed) { // it went with its stream meanwhile
		return nil, kinesis.ShardDoesNotExist(kinesis.ShardID(index), in.Stream(), s.config.Account)
	}
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, kinesis.DryRun()
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: s.sealIterator(it, stream)}, nil
}

// isListed tells whether the stream shows a shard of that index.
func (s *Service) isListed(stream shardlog.Stream, index uint32) bool {
	return int(index) < len(stream.Shards) && s.isRetained(stream, stream.Shards[index])
}

// place sets the iterator's position to what the input asks for.
func (s *Service) place(ctx context.Context, it *iterator, stream shardlog.Stream, in *kinesis.GetShardIteratorInput) (err error) {
	switch in.ShardIteratorType {
	case kinesis.IteratorLatest:
		it.at, err = s.log.Tip(ctx, stream, it.shard)
	case kinesis.IteratorTrimHorizon:
		it.at, err = s.log.Seek(ctx, stream, it.shard, time.Time{})
	case kinesis.IteratorAtTimestamp:
		if now := s.config.Now(); in.Timestamp.After(now) {
			return kinesis.TimestampInFuture(in.Timestamp, now)
		}
		it.since = in.Timestamp
		it.at, err = s.log.Seek(ctx, stream, it.shard, in.Timestamp)
	default:
		return s.placeAtNumber(ctx, it, stream, in)
	}
	return err
}

func (s *Service) placeAtNumber(ctx context.Context, it *iterator, stream shardlog.Stream, in *kinesis.GetShardIteratorInput) (err error) {
	shard := kinesis.ShardID(it.shard)
	number, err := seqnum.Parse(in.StartingSequenceNumber)
	switch {
	case err != nil:
		return kinesis.InvalidStartingNumber(in.StartingSequenceNumber, shard, stream.Name, s.config.Account)
	case number.Shard != it.shard:
		return kinesis.StartingNumberOfShard(kinesis.ShardID(number.Shard), shard)
	case !number.ShardCreated.Equal(stream.Shards[it.shard].Created):
		return kinesis.ForeignStartingNumber(in.StartingSequenceNumber, shard, stream.Name, s.config.Account)
	}
	at := shardlog.At(number)
	switch {
	case number.Slot == 0: // the StartingSequenceNumber, which no record has
		at = shardlog.Position{}
	case in.ShardIteratorType == kinesis.IteratorAfterSequenceNumber:
		at = shardlog.After(number)
	}
	it.at, err = s.log.Resume(ctx, stream, it.shard, at, number.Arrival)
	return err
}

// iterator is a shard iterator, opened.
type iterator struct {
	shard uint32
	at    shardlog.Position
	since time.Time // what arrived earlier is left out; zero: nothing is
}

// sealIterator returns the iterator as clients carry it, as of now.
func (s *Service) sealIterator(it iterator, stream shardlog.Stream) string {
	t := token{kind: iteratorToken, stream: stream.Name, issued: s.config.Now()}
	t.numbers = [4]uint64{uint64(it.shard), it.at.Slot, uint64(it.at.Index), 0}
	if !it.since.IsZero() {
		t.numbers[3] = uint64(it.since.UnixMilli())
	}
	return t.seal(stream.ID)
}

// iterator returns what an iterator that was checked holds.
func (t sealedToken) iterator() iterator {
	it := iterator{shard: uint32(t.numbers[0]), at: shardlog.Position{Slot: t.numbers[1], Index: int(t.numbers[2])}}
	if ms := t.numbers[3]; ms != 0 {
		it.since = time.UnixMilli(int64(ms)).UTC()
	}
	return it
}
