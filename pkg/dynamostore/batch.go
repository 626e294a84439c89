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
	batchTries = 10

	// The waits between tries are random, below 100 ms, 200 ms, 400 ms ... at most 1 s.
	firstWait = 50 * time.Millisecond
	mostWait  = time.Second
)

// batchWriter puts and deletes items without conditions, many at a time, in no order.
type batchWriter struct {
	store *Store
	group *errgroup.Group
	ctx   context.Context // ends with the first batch that fails
	// calls is the context of the requests: the first failure does not cut short those under way, which may be applied all the
	// same, and then after what wait's caller does about it.
	calls context.Context
}

func (s *Store) newBatchWriter(ctx context.Context) *batchWriter {
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(batchWriters)
	return &batchWriter{store: s, group: g, ctx: groupCtx, calls: ctx}
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
		w.group.Go(func() error { return w.writeBatch(requests) })
	}
}

// wait returns once all batches are done, with the first error.
func (w *batchWriter) wait() error { return w.group.Wait() }

func (w *batchWriter) writeBatch(requests []types.WriteRequest) error {
	return whileThrottled(w.ctx, batchTries, func() error {
		if err := w.ctx.Err(); err != nil {
			return fmt.Errorf("write a batch: %w", err)
		}
		table := w.store.table
		out, err := w.store.api.BatchWriteItem(w.calls, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		})
		if err != nil {
			return failed(err, "write a batch")
		}
		if requests = out.UnprocessedItems[table]; len(requests) > 0 {
			return fmt.Errorf("write a batch: %w: %d items are left", shardlog.ErrThrottled, len(requests))
		}
		return nil
	})
}

// whileThrottled makes a call again for as long as DynamoDB throttles, so many times at most.
func whileThrottled(ctx context.Context, tries int, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if n == tries || !errors.Is(err, shardlog.ErrThrottled) {
			return err
		}
		if !pause(ctx, n) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// pause waits before try n+1, and returns false where the context ended first.
func pause(ctx context.Context, n int) bool {
	timer := time.NewTimer(rand.N(min(firstWait<<min(n, 10), mostWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
