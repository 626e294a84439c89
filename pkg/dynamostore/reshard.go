package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
)

// Reshard implements [shardlog.Store] by one transaction of at most 1 + 2*[shardlog.MaxReshard] items.
//
// It fails with ErrStreamChanged also where the stream's retention is another than the one loaded, because the children's
// counters bear it; and with ErrRefused where nothing opens, more than MaxReshard close and open, or those that open do not have the
// indexes that follow.
func (s *Store) Reshard(ctx context.Context, stream shardlog.Stream, closing []uint32, opening []shardlog.ShardInfo) error {
	if n := len(closing) + len(opening); len(opening) == 0 || n > shardlog.MaxReshard {
		return refused("reshard stream %s: %d shards open, %d close", stream.Name, len(opening), len(closing))
	}
	writes := []types.TransactWriteItem{s.grow(stream, len(opening))}
	for _, parent := range closing {
		writes = append(writes, s.closeShard(stream, parent, opening[0].Created)...)
	}
	for i, child := range opening {
		if int(child.Index) != len(stream.Shards)+i {
			return refused("reshard stream %s: shard %d opens after %d others", stream.Name, child.Index, len(stream.Shards)+i)
		}
		writes = append(writes, s.putNew(shardItem(stream, child)), s.putNew(newCounterItem(stream, child)))
	}
	return s.change(ctx, writes, "reshard stream %s", stream.Name)
}

// grow counts more shards of a stream, if it is still as it was loaded.
func (s *Store) grow(stream shardlog.Stream, more int) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:        &s.table,
		Key:              key(streamPK(stream.Name), streamSK),
		UpdateExpression: aws.String("SET " + attrShards + " = :grown"),
		ConditionExpression: aws.String(attrID + " = :id AND #status = :active AND " + attrShards + " = :loaded AND " +
			attrRetention + " = :retention"),
		ExpressionAttributeNames: map[string]string{"#status": attrStatus},
		ExpressionAttributeValues: item{
			":id":        text(stream.ID),
			":active":    text(statusActive),
			":loaded":    number(int64(len(stream.Shards))),
			":grown":     number(int64(len(stream.Shards) + more)),
			":retention": seconds(stream.Retention),
		},
	}}
}

// closeShard closes a shard and its counter, if they are open.
func (s *Store) closeShard(stream shardlog.Stream, index uint32, at time.Time) []types.TransactWriteItem {
	states := item{":open": text(stateOpen), ":closed": text(stateClosed)}
	withTime := item{":open": states[":open"], ":closed": states[":closed"], ":at": unix(at)}
	update := func(key item, set string, values item) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName:                 &s.table,
			Key:                       key,
			UpdateExpression:          &set,
			ConditionExpression:       aws.String("#state = :open"), // false where there is no item
			ExpressionAttributeNames:  map[string]string{"#state": attrState},
			ExpressionAttributeValues: values,
		}}
	}
	return []types.TransactWriteItem{
		update(key(shardsPK(stream.ID), shardSK(index)), "SET #state = :closed, "+attrClosed+" = :at", withTime),
		update(key(counterPK(stream.Shard(index)), counterSK), "SET #state = :closed", states),
	}
}

func (s *Store) putNew(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName:           &s.table,
		Item:                i,
		ConditionExpression: aws.String("attribute_not_exists(" + attrPK + ")"),
	}}
}

// change makes a transaction on a stream that was loaded, once. It fails with ErrStreamChanged where a condition failed.
func (s *Store) change(ctx context.Context, writes []types.TransactWriteItem, doing string, args ...any) error {
	_, err := s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if err == nil {
		return nil
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && slices.ContainsFunc(cancelled.CancellationReasons, failedCondition) {
		return fmt.Errorf(doing+": %w", append(args, shardlog.ErrStreamChanged)...)
	}
	return failed(err, doing, args...)
}

func failedCondition(r types.CancellationReason) bool {
	return aws.ToString(r.Code) == "ConditionalCheckFailed"
}

// SealShard implements [shardlog.Store] by one UpdateItem. It fails with ErrStreamChanged where the shard is open, or gone with
// its stream.
func (s *Store) SealShard(ctx context.Context, shard shardlog.Shard, final uint64) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      key(shardsPK(shard.StreamID), shardSK(shard.Index)),
		UpdateExpression:         aws.String("SET #state = :sealed, #final = :final"),
		ConditionExpression:      aws.String("#state = :closed OR #state = :sealed"),
		ExpressionAttributeNames: map[string]string{"#state": attrState, "#final": attrFinal},
		ExpressionAttributeValues: item{
			":closed": text(stateClosed),
			":sealed": text(stateSealed),
			":final":  number(int64(final)),
		},
	})
	var open *types.ConditionalCheckFailedException
	if errors.As(err, &open) {
		return fmt.Errorf("seal shard %d: %w", shard.Index, shardlog.ErrStreamChanged)
	}
	if err != nil {
		return failed(err, "seal shard %d", shard.Index)
	}
	return nil
}
