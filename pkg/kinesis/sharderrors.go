package kinesis

import (
	"fmt"
	"time"

	"millrace/pkg/hashkey"
)

// The refusals of operations on shards and on how long they keep records, in AWS's words.

// ShardNotFound says that a stream that is there has no such shard, or that a text is no shard's id, which is then given
// as it came. SplitShard and MergeShards answer it; GetShardIterator does in the second case alone.
func ShardNotFound(shardID, stream, account string) *Error {
	return badRequest("ResourceNotFoundException",
		fmt.Sprintf("Could not find shard %s in stream %s under account %s.", shardID, stream, account))
}

// ShardDoesNotExist says that there is no such shard, or no such stream. GetShardIterator and GetRecords answer it.
func ShardDoesNotExist(shardID, stream, account string) *Error {
	return badRequest("ResourceNotFoundException",
		fmt.Sprintf("Shard %s in stream %s under account %s does not exist", shardID, stream, account))
}

// ShardClosed says that a shard to be split or merged was so already.
func ShardClosed(shardID, stream, account string) *Error {
	return InvalidArgument(fmt.Sprintf("Shard %s in stream %s under account %s has already been merged or split, "+
		"and thus is not eligible for merging or splitting.", shardID, stream, account))
}

// ShardsNotAdjacent says that the keys of one shard do not begin where those of the other end.
func ShardsNotAdjacent(shardID, adjacentID, stream, account string) *Error {
	return InvalidArgument(fmt.Sprintf("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards "+
		"eligible for merging", shardID, adjacentID, stream, account))
}

// SplitOutside says that a NewStartingHashKey is not above the second key of the shard's keys and below the last.
func SplitOutside(newStartingHashKey, shardID, stream, account string, keys hashkey.Range) *Error {
	return InvalidArgument(fmt.Sprintf("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s "+
		"is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
		newStartingHashKey, shardID, stream, account, keys.Start, keys.End))
}

// ShardLimit says that a stream would have more than limit open shards.
func ShardLimit(limit, current, target int) *Error {
	return scaling(fmt.Sprintf("Target shard count or number of open shards cannot be greater than %d.", limit), current, target)
}

// ScalingAboveDouble says that a target is more than double the open shards.
func ScalingAboveDouble(current, target int) *Error {
	return scaling("UpdateShardCount cannot scale up over double your current open shard count.", current, target)
}

// ScalingBelowHalf says that a target is less than half the open shards.
func ScalingBelowHalf(current, target int) *Error {
	return scaling("UpdateShardCount cannot scale down below half your current open shard count.", current, target)
}

func scaling(rule string, current, target int) *Error {
	return LimitExceeded(fmt.Sprintf("%s Current open shard count: %d, Target shard count: %d", rule, current, target))
}

// InvalidStartingNumber says that a StartingSequenceNumber is no sequence number.
func InvalidStartingNumber(number, shardID, stream, account string) *Error {
	return startingNumber(number, shardID, stream, account, "is invalid.")
}

// ForeignStartingNumber says that a StartingSequenceNumber is one of a shard of another creation.
func ForeignStartingNumber(number, shardID, stream, account string) *Error {
	return startingNumber(number, shardID, stream, account, "is invalid because it did not come from this stream.")
}

func startingNumber(number, shardID, stream, account, fault string) *Error {
	return InvalidArgument(fmt.Sprintf("StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s %s",
		number, shardID, stream, account, fault))
}

// InvalidOrderingNumber says that a SequenceNumberForOrdering is no sequence number.
func InvalidOrderingNumber(number, stream, account string) *Error {
	return InvalidArgument(fmt.Sprintf("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.",
		number, stream, account))
}

// StartingNumberOfShard says that a StartingSequenceNumber is of the shard encodedID and was used with another.
func StartingNumberOfShard(encodedID, shardID string) *Error {
	return InvalidArgument(fmt.Sprintf("Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s",
		encodedID, shardID))
}

// TimestampInFuture says that an iterator was asked for at a time that is still to come.
func TimestampInFuture(timestamp, now time.Time) *Error {
	return InvalidArgument(fmt.Sprintf("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
		"timestampInMillis: %d, currentTimestampInMillis: %d", timestamp.UnixMilli(), now.UnixMilli()))
}

// RetentionNotShorter refuses to increase a retention period, in hours, to one that is shorter.
func RetentionNotShorter(stream string, requested, existing int) *Error {
	return retention(stream, requested, existing, "shorter", "DecreaseRetentionPeriod")
}

// RetentionNotLonger refuses to decrease a retention period, in hours, to one that is longer.
func RetentionNotLonger(stream string, requested, existing int) *Error {
	return retention(stream, requested, existing, "longer", "IncreaseRetentionPeriod")
}

func retention(stream string, requested, existing int, than, other string) *Error {
	return InvalidArgument(fmt.Sprintf("Requested retention period (%d hours) for stream %s can not be %s than existing "+
		"retention period (%d hours). Use %s API.", requested, stream, than, existing, other))
}

// TooManyTags says that a stream would have more than [MaxTags].
func TooManyTags(stream, account string) *Error {
	return InvalidArgument(fmt.Sprintf("Failed to add tags to stream %s under account %s because a given stream cannot have "+
		"more than %d tags associated with it.", stream, account, MaxTags))
}
