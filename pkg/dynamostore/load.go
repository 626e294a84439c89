package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

// loadTries bounds how often LoadStream reads a stream's shards that it finds on the way from one state to the next.
const loadTries = 5

// LoadStream implements [shardlog.Store] by one GetItem and one Query: 1,000 shard items are some 170 KB.
//
// The two are no snapshot, nor is the Query of what a transaction wrote (developer guide, "Isolation levels for DynamoDB
// transactions": it is read-committed). So there may be more shards than the stream item says, of a Reshard that came between. What does not fit together
// is read again.
func (s *Store) LoadStream(ctx context.Context, name string) (shardlog.Stream, error) {
	for n := 1; ; n++ {
		head, err := s.streamHead(ctx, name)
		if err != nil {
			return shardlog.Stream{}, err
		}
		if head.status != statusActive {
			return shardlog.Stream{}, fmt.Errorf("load stream %s: it is %s: %w", name, head.status, shardlog.ErrStreamNotFound)
		}
		items, err := s.query(ctx, shardsPK(head.ID), "")
		if err != nil {
			return shardlog.Stream{}, failed(err, "load stream %s", name)
		}
		stream, err := head.with(items)
		if err == nil {
			return stream, nil
		}
		// Deleted or resharded between the two requests, or damaged: further looks tell.
		if n == loadTries {
			return shardlog.Stream{}, fmt.Errorf("load stream %s: %w", name, err)
		}
	}
}

// with returns the stream with its shards, or an error where they do not make a whole.
func (h streamHead) with(items []item) (shardlog.Stream, error) {
	stream := h.Stream
	if len(items) < h.shards {
		return stream, fmt.Errorf("%w: %d shards of %d", errItem, len(items), h.shards)
	}
	stream.Shards = make([]shardlog.ShardInfo, len(items))
	for i := range items {
		info, err := readShard(items[i])
		if err == nil && info.Index != uint32(i) {
			err = fmt.Errorf("%w: it is shard %d", errItem, info.Index)
		}
		if err != nil {
			return stream, fmt.Errorf("shard item %d: %w", i, err)
		}
		stream.Shards[i] = info
	}
	closeParents(stream.Shards)
	if !coverAllKeys(stream.OpenShards()) {
		return stream, fmt.Errorf("%w: the open shards do not cover all hash keys", errItem)
	}
	return stream, nil
}

// closeParents closes shards that were read as open just before they closed: their children were read already.
func closeParents(shards []shardlog.ShardInfo) {
	for _, child := range shards {
		for _, parent := range child.Parents {
			if int(parent) < len(shards) && shards[parent].IsOpen() {
				shards[parent].Closed = child.Created
			}
		}
	}
}

// coverAllKeys tells whether shards in the order of their ranges own every hash key, each once. A map with a gap would have a record
// stored in a shard that does not own its key.
func coverAllKeys(open []shardlog.ShardInfo) bool {
	if len(open) == 0 || open[0].Keys.Start != (hashkey.Key{}) || open[len(open)-1].Keys.End != hashkey.Max() {
		return false
	}
	for i := range open[1:] {
		if open[i].Keys.End != open[i+1].Keys.Start.Prev() || open[i+1].Keys.Start == (hashkey.Key{}) {
			return false
		}
	}
	return true
}

// streamHead reads the stream item. It fails with ErrStreamNotFound where there is none.
func (s *Store) streamHead(ctx context.Context, name string) (streamHead, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            key(streamPK(name), streamSK),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return streamHead{}, failed(err, "get stream %s", name)
	}
	if out.Item == nil {
		return streamHead{}, fmt.Errorf("get stream %s: %w", name, shardlog.ErrStreamNotFound)
	}
	head, err := readStream(name, out.Item)
	if err != nil {
		return streamHead{}, fmt.Errorf("get stream %s: %w", name, err)
	}
	return head, nil
}

// query returns all items of a partition key, or of each the attributes that a projection names.
func (s *Store) query(ctx context.Context, pk, projection string) ([]item, error) {
	var items []item
	err := s.queryPages(ctx, pk, projection, func(page []item) { items = append(items, page...) })
	return items, err
}

func (s *Store) queryPages(ctx context.Context, pk, projection string, take func([]item)) error {
	input := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String(attrPK + " = :pk"),
		ExpressionAttributeValues: item{":pk": text(pk)},
		ConsistentRead:            aws.Bool(true),
	}
	if projection != "" {
		input.ProjectionExpression = &projection
	}
	for {
		out, err := s.api.Query(ctx, input)
		if err != nil {
			return err
		}
		take(out.Items)
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		input.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
