package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/shardlog"
)

// Peek implements [shardlog.Store] by one consistent Query of one item, which costs what the item weighs, and one more for each slot on
// the way that has parts alone.
func (s *Store) Peek(ctx context.Context, shard shardlog.Shard, from uint64) (first shardlog.Placed, found bool, err error) {
	for start := slotSK(from); ; {
		i, err := s.peekItem(ctx, shard, start)
		if err != nil || i == nil {
			return shardlog.Placed{}, false, err
		}
		f := fields{item: i}
		slot, part, err := parseLogSK(f.text(attrSK))
		if err == nil && part > 0 {
			start = behindParts(slot)
			continue
		}
		if err == nil {
			first.Slot = slot
			first.Content, _, _, err = readContent(i)
		}
		if err != nil {
			return shardlog.Placed{}, false, fmt.Errorf("peek from slot %d: %w", from, err)
		}
		return first, true, nil
	}
}

// peekItem returns the first item of a shard's log at a sort key or after it, without data, or nil where there is none.
func (s *Store) peekItem(ctx context.Context, shard shardlog.Shard, start string) (item, error) {
	out, err := s.api.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String(attrPK + " = :log AND " + attrSK + " >= :start"),
		ProjectionExpression:      aws.String(attrSK + ", " + attrNonce + ", #count, " + attrArrival + ", " + attrExpires),
		ExpressionAttributeNames:  map[string]string{"#count": attrCount},
		ExpressionAttributeValues: item{":log": text(logPK(shard)), ":start": text(start)},
		ConsistentRead:            aws.Bool(true),
		Limit:                     aws.Int32(1),
	})
	if err != nil {
		return nil, failed(err, "peek from %s", start)
	}
	if len(out.Items) == 0 {
		return nil, nil
	}
	return out.Items[0], nil
}
