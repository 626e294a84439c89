package dynamostore

import (
	"context"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
)

// ListStreams implements [shardlog.Store] by one Query of the name items, of which an answer of 1 MB holds thousands. A stream
// that is being deleted is listed for as long as its name is taken.
func (s *Store) ListStreams(ctx context.Context, after string, limit int) (streams []shardlog.Stream, more bool, err error) {
	input := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String(attrPK + " = :names"),
		ExpressionAttributeValues: item{":names": text(namePK)},
		ConsistentRead:            aws.Bool(true),
	}
	if after != "" { // no key may be empty
		input.KeyConditionExpression = aws.String(attrPK + " = :names AND " + attrSK + " > :after")
		input.ExpressionAttributeValues[":after"] = text(after)
	}
	for {
		// One more than asked for tells whether others follow.
		input.Limit = aws.Int32(int32(min(limit+1-len(streams), math.MaxInt32)))
		out, err := s.api.Query(ctx, input)
		if err != nil {
			return nil, false, failed(err, "list streams")
		}
		for _, i := range out.Items {
			stream, err := readName(i)
			if err != nil {
				return nil, false, fmt.Errorf("list streams: %w", err)
			}
			streams = append(streams, stream)
		}
		if len(streams) > limit {
			return streams[:limit], true, nil
		}
		if len(out.LastEvaluatedKey) == 0 {
			return streams, false, nil
		}
		input.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// UpdateStream implements [shardlog.Store] by one transaction on the stream item and the name item, which both bear the mode.
func (s *Store) UpdateStream(ctx context.Context, stream shardlog.Stream) error {
	return s.change(ctx, []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &s.table,
			Key:       key(streamPK(stream.Name), streamSK),
			UpdateExpression: aws.String("SET " + attrRetention + " = :retention, " + attrRetained + " = :since, " +
				"#mode = :mode, " + attrTags + " = :tags, " + attrRevision + " = :next"),
			ConditionExpression:      aws.String(attrID + " = :id AND #status = :active AND " + attrRevision + " = :loaded"),
			ExpressionAttributeNames: map[string]string{"#mode": attrMode, "#status": attrStatus},
			ExpressionAttributeValues: item{
				":retention": seconds(stream.Retention),
				":since":     unixOrNone(stream.RetainedSince),
				":mode":      text(string(stream.Mode)),
				":tags":      texts(stream.Tags),
				":next":      number(int64(stream.Revision + 1)),
				":loaded":    number(int64(stream.Revision)),
				":id":        text(stream.ID),
				":active":    text(statusActive),
			},
		}},
		{Update: &types.Update{
			TableName:                 &s.table,
			Key:                       key(namePK, stream.Name),
			UpdateExpression:          aws.String("SET #mode = :mode"),
			ConditionExpression:       aws.String(attrID + " = :id"),
			ExpressionAttributeNames:  map[string]string{"#mode": attrMode},
			ExpressionAttributeValues: item{":mode": text(string(stream.Mode)), ":id": text(stream.ID)},
		}},
	}, "update stream %s", stream.Name)
}
