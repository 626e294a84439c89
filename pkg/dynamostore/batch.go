package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/shardlog"
)

const (
	batchSize    = 25 // what one BatchWriteItem takes (API reference)
	batchWriters = 8  // batches at a time

	// A batch is partly done where DynamoDB throttles, which no other call is. What is left is tried this often in all, over some 4 s.
	batchTries     = 10
	firstBatchWait = 50 * time.Millisecond
	mostBatchWait  = time.Second
)

// batchWriter puts and deletes items without conditions, many at a time, in no order.
type batchWriter struct {
	store *Store
	group *errgroup.Group
	ctx   context.Context // ends with the first batch that fails
}

func (s *Store) newBatchWriter(ctx context.Context) *batchWriter {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(batchWriters)
	return &batchWriter{store: s, group: g, ctx: ctx}
}

func (w *batchWriter) put(items []item) {
	w.start(items, func(i item) types.WriteRequest { return types.WriteRequest{PutRequest: &types.PutRequest{Item: i}} })
}

func (w *batchWriter) remove(items []item) {
	w.start(items, func(i item) types.WriteRequest {
		return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keyOf(i)}}
	})
}

// start returns once all batches are under way or done.
func (w *batchWriter) start(items []item, request func(item) types.WriteRequest) {
	for chunk := range slices.Chunk(items, batchSize) {
		requests := make([]types.WriteRequest, len(chunk))
		for i := range chunk {
			requests[i] = request(chunk[i])
		}
		w.group.Go(func() error { return w.store.writeBatch(w.ctx, requests) })
	}
}

// wait returns once all batches are done, with the first error.
func (w *batchWriter) wait() error { return w.group.Wait() }

func (s *Store) writeBatch(ctx context.Context, requests []types.WriteRequest) error {
	for n := 1; ; n++ {
		out, err := s.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.table: requests},
		})
		switch {
		case err == nil && len(out.UnprocessedItems[s.table]) == 0:
			return nil
		case err == nil:
			requests = out.UnprocessedItems[s.table]
			err = fmt.Errorf("write a batch: %w: %d items are left", shardlog.ErrThrottled, len(requests))
		default:
			err = failed(err, "write a batch")
		}
		if n == batchTries || !errors.Is(err, shardlog.ErrThrottled) {
			return err
		}
		if !pause(ctx, n) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// pause waits before try n+1, and returns false where the context ended first.
func pause(ctx context.Context, n int) bool {
	timer := time.NewTimer(rand.N(min(firstBatchWait<<n, mostBatchWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
