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
		items = append(items, shardItem(stream, info), newCounterItem(stream, info))
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
