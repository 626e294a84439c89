package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/shardlog"
)

// logReaders bounds how many shards' logs are listed at a time.
const logReaders = 8

// keysOnly is the projection of what a deletion needs to know of an item.
const keysOnly = attrPK + ", " + attrSK

// DeleteStream implements [shardlog.Store]:
//
//  1. mark the stream item, so that the stream is not found while its name is still taken;
//  2. remove the counters: a shard without one hands out no slots, ever, because nothing writes a counter under an id that was used;
//  3. remove the shards' logs;
//  4. remove the shard items, which steps 2 and 3 go by;
//  5. remove the name item, and last the stream item, if they are still of this stream.
//
// A call that failed at any step is continued by calling again. It reads and deletes every segment: its cost is that of
// having written them once more, and its time grows with them.
func (s *Store) DeleteStream(ctx context.Context, name string) error {
	head, err := s.streamHead(ctx, name)
	if err != nil {
		return err
	}
	if err := s.markDeleting(ctx, head.Stream); err != nil {
		return err
	}
	shardItems, err := s.query(ctx, shardsPK(head.ID), keysOnly)
	if err != nil {
		return failed(err, "delete stream %s: list its shards", name)
	}
	shards, err := shardNames(head.ID, shardItems)
	if err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	for _, step := range []struct {
		doing string
		run   func() error
	}{
		{"close its counters", func() error { return s.removeCounters(ctx, shards) }},
		{"remove its logs", func() error { return s.removeLogs(ctx, shards) }},
		{"remove its shards", func() error { return s.removeAll(ctx, shardItems) }},
		{"remove its name", func() error { return s.removeOwn(ctx, key(namePK, name), head.ID) }},
		{"remove it", func() error { return s.removeOwn(ctx, key(streamPK(name), streamSK), head.ID) }},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("delete stream %s: %s: %w", name, step.doing, err)
		}
	}
	return nil
}

// markDeleting hides the stream, if it is still the one that was read.
func (s *Store) markDeleting(ctx context.Context, stream shardlog.Stream) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       key(streamPK(stream.Name), streamSK),
		UpdateExpression:          aws.String("SET #status = :deleting"),
		ConditionExpression:       aws.String(attrID + " = :id"),
		ExpressionAttributeNames:  map[string]string{"#status": attrStatus},
		ExpressionAttributeValues: item{":deleting": text(statusDeleting), ":id": text(stream.ID)},
	})
	var gone *types.ConditionalCheckFailedException
	if errors.As(err, &gone) {
		return fmt.Errorf("delete stream %s: %w", stream.Name, shardlog.ErrStreamNotFound)
	}
	if err != nil {
		return failed(err, "delete stream %s: mark it", stream.Name)
	}
	return nil
}

func shardNames(id string, items []item) ([]shardlog.Shard, error) {
	shards := make([]shardlog.Shard, len(items))
	for i := range items {
		f := fields{item: items[i]}
		index, err := parseDigits(f.text(attrSK), len(shardSK(0)))
		if f.note(attrSK, err); f.err != nil {
			return nil, f.err
		}
		shards[i] = shardlog.Shard{StreamID: id, Index: uint32(index)}
	}
	return shards, nil
}

func (s *Store) removeCounters(ctx context.Context, shards []shardlog.Shard) error {
	counters := make([]item, len(shards))
	for i, shard := range shards {
		counters[i] = key(counterPK(shard), counterSK)
	}
	return s.removeAll(ctx, counters)
}

func (s *Store) removeAll(ctx context.Context, items []item) error {
	w := s.newBatchWriter(ctx)
	w.remove(items)
	return w.wait()
}

func (s *Store) removeLogs(ctx context.Context, shards []shardlog.Shard) error {
	w := s.newBatchWriter(ctx)
	readers, ctx := errgroup.WithContext(w.ctx)
	readers.SetLimit(logReaders)
	for _, shard := range shards {
		readers.Go(func() error {
			if err := s.queryPages(ctx, logPK(shard), keysOnly, w.remove); err != nil {
				return failed(err, "list the log of shard %d", shard.Index)
			}
			return nil
		})
	}
	listed := readers.Wait()
	// A batch that failed ends the listing too: its error is the cause.
	if err := w.wait(); err != nil {
		return err
	}
	return listed
}

// removeOwn deletes an item that bears the stream's id. An item that is gone, or is another stream's by now, was deleted by another call.
func (s *Store) removeOwn(ctx context.Context, key item, id string) error {
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 &s.table,
		Key:                       key,
		ConditionExpression:       aws.String(attrID + " = :id"),
		ExpressionAttributeValues: item{":id": text(id)},
	})
	var gone *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &gone) {
		return failed(err, "delete an item")
	}
	return nil
}
