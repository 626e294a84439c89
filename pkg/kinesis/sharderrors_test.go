package kinesis_test

import (
	"testing"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

func TestShardErrors(t *testing.T) {
	const (
		account  = "111111111111"
		stream   = "orders"
		notFound = "ResourceNotFoundException"
		argument = "InvalidArgumentException"
		limit    = "LimitExceededException"
	)
	first, second := kinesis.ShardID(0), kinesis.ShardID(1)
	now := time.UnixMilli(1767323045060)
	tests := []struct {
		err           *kinesis.Error
		code, message string
	}{
		{kinesis.ShardNotFound("ABKLFD8", stream, account), notFound,
			"Could not find shard ABKLFD8 in stream orders under account 111111111111."},
		{kinesis.ShardDoesNotExist(second, stream, account), notFound,
			"Shard shardId-000000000001 in stream orders under account 111111111111 does not exist"},
		{kinesis.ShardClosed(second, stream, account), argument,
			"Shard shardId-000000000001 in stream orders under account 111111111111 has already been merged or split, " +
				"and thus is not eligible for merging or splitting."},
		{kinesis.ShardsNotAdjacent(second, first, stream, account), argument,
			"Shards shardId-000000000001 and shardId-000000000000 in stream orders under account 111111111111 are not an adjacent pair " +
				"of shards eligible for merging"},
		{kinesis.SplitOutside("1", first, stream, account, hashkey.Uniform(3)[0]), argument,
			"NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream orders under account 111111111111 " +
				"is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's " +
				"EndingHashKey 113427455640312821154458202477256070484."},
		{kinesis.ShardLimit(10, 6, 12), limit,
			"Target shard count or number of open shards cannot be greater than 10. Current open shard count: 6, Target shard count: 12"},
		{kinesis.ScalingAboveDouble(2, 6), limit,
			"UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 2, Target shard count: 6"},
		{kinesis.ScalingBelowHalf(6, 2), limit,
			"UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 6, Target shard count: 2"},
		{kinesis.InvalidStartingNumber("26", first, stream, account), argument,
			"StartingSequenceNumber 26 used in GetShardIterator on shard shardId-000000000000 in stream orders under account 111111111111 is invalid."},
		{kinesis.ForeignStartingNumber("49", first, stream, account), argument,
			"StartingSequenceNumber 49 used in GetShardIterator on shard shardId-000000000000 in stream orders under account 111111111111 " +
				"is invalid because it did not come from this stream."},
		{kinesis.StartingNumberOfShard(second, first), argument,
			"Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000"},
		{kinesis.TimestampInFuture(now.Add(2*time.Second), now), argument,
			"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. " +
				"timestampInMillis: 1767323047060, currentTimestampInMillis: 1767323045060"},
		{kinesis.RetentionNotShorter(stream, 24, 25), argument,
			"Requested retention period (24 hours) for stream orders can not be shorter than existing retention period (25 hours). " +
				"Use DecreaseRetentionPeriod API."},
		{kinesis.RetentionNotLonger(stream, 25, 24), argument,
			"Requested retention period (25 hours) for stream orders can not be longer than existing retention period (24 hours). " +
				"Use IncreaseRetentionPeriod API."},
		{kinesis.TooManyTags(stream, account), argument,
			"Failed to add tags to stream orders under account 111111111111 because a given stream cannot have more than 50 tags associated with it."},
	}
	for _, test := range tests {
		if test.err.Status != 400 || test.err.Code != test.code || test.err.Message != test.message {
			t.Errorf("%d %s\n%s\nwant\n%s", test.err.Status, test.err.Code, test.err.Message, test.message)
		}
	}
}
