package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
)

const (
	// transactionSize is how many items a TransactWriteItems takes (API reference).
	transactionSize = 100
	// tidyTime is how long a failed CreateStream takes at most to remove what it wrote.
	tidyTime = 5 * time.Second
)

// CreateStream implements [shardlog.Store]. Up to 49 shards are created by one transaction. More are written beforehand, and come to
// exist by the transaction that writes the stream item; where that cannot be done they are removed again as far as
// that is possible, and what is left is never read.
//
// Every call needs an id of its own, the second try of a call that failed as well: two calls with one id would overwrite each other's
// counters.
func (s *Store) CreateStream(ctx context.Context, stream shardlog.Stream) error {
	items := make([]item, 0, 2*len(stream.Shards))
	for _, info := range stream.Shards {
		items = append(items, shardItem(stream, info), counterItem(stream.Shard(info.Index)))
	}
	if len(items)+2 <= transactionSize {
		_, err := s.commitStream(ctx, stream, items)
		return err
	}
	if err := s.expectFree(ctx, stream.Name); err != nil {
		return err
	}
	w := s.newBatchWriter(ctx)
	w.put(items)
	if err := w.wait(); err != nil {
		s.tidy(ctx, items)
		return fmt.Errorf("create stream %s: %w", stream.Name, err)
	}
	notCreated, err := s.commitStream(ctx, stream, nil)
	if notCreated {
		s.tidy(ctx, items)
	}
	return err
}

// expectFree returns ErrStreamExists where a stream has the name, to save 2,000 writes. It decides nothing: the transaction does.
func (s *Store) expectFree(ctx context.Context, name string) error {
	_, err := s.streamHead(ctx, name)
	switch {
	case err == nil:
		return fmt.Errorf("create stream %s: %w", name, shardlog.ErrStreamExists)
	case errors.Is(err, shardlog.ErrStreamNotFound):
		return nil
	default:
		return err
	}
}

// commitStream writes the stream item, the name item and whatever else belongs to the stream, if the name is free. NotCreated says
// that no stream of this id exists, and that none will come of this call.
func (s *Store) commitStream(ctx context.Context, stream shardlog.Stream, others []item) (notCreated bool, err error) {
	writes := make([]types.TransactWriteItem, 0, 2+len(others))
	writes = append(writes, types.TransactWriteItem{Put: &types.Put{
		TableName:                           &s.table,
		Item:                                streamItem(stream),
		ConditionExpression:                 aws.String("attribute_not_exists(" + attrPK + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	for _, i := range append([]item{nameItem(stream)}, others...) {
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: i}})
	}
	_, err = s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if err == nil {
		return false, nil
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && len(cancelled.CancellationReasons) > 0 {
		first := cancelled.CancellationReasons[0]
		if aws.ToString(first.Code) == "ConditionalCheckFailed" {
			f := fields{item: first.Item}
			notCreated = f.text(attrID) != stream.ID && f.err == nil
			return notCreated, fmt.Errorf("create stream %s: %w", stream.Name, shardlog.ErrStreamExists)
		}
	}
	err = failed(err, "create stream %s", stream.Name)
	return errors.Is(err, shardlog.ErrThrottled) || errors.Is(err, shardlog.ErrRefused), err
}

// tidy removes items of a stream that does not exist, as far as it can.
func (s *Store) tidy(ctx context.Context, items []item) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	w := s.newBatchWriter(ctx)
	w.remove(items)
	_ = w.wait() // what is left is never read
}

// LoadStream implements [shardlog.Store] by one GetItem and one Query: 1,000 shard items are some 170 KB.
func (s *Store) LoadStream(ctx context.Context, name string) (shardlog.Stream, error) {
	for previous := ""; ; {
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
		switch {
		case len(items) == head.shards:
			return withShards(head.Stream, items)
		case head.ID == previous:
			return shardlog.Stream{}, fmt.Errorf("load stream %s: %w: %d shards of %d", name, errItem, len(items), head.shards)
		}
		previous = head.ID // deleted between the two requests, or damaged: the second look tells
	}
}

func withShards(stream shardlog.Stream, items []item) (shardlog.Stream, error) {
	stream.Shards = make([]shardlog.ShardInfo, len(items))
	for i := range items {
		info, err := readShard(items[i])
		if err == nil && info.Index != uint32(i) {
			err = fmt.Errorf("%w: it is shard %d", errItem, info.Index)
		}
		if err != nil {
			return shardlog.Stream{}, fmt.Errorf("load stream %s: shard item %d: %w", stream.Name, i, err)
		}
		stream.Shards[i] = info
	}
	return stream, nil
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
