package dynamostore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// thinAPI refuses every batch once, then takes a few of its items and leaves the others unprocessed, as a DynamoDB under load does. All
// that it does otherwise is to say that there is nothing, and to take transactions.
type thinAPI struct {
	brokenAPI
	take int // items of each batch

	mu    sync.Mutex
	items map[string]int  // how often each was written, by pk and sk
	seen  map[string]bool // batches that were refused, by the pk and sk of their first item
}

func (a *thinAPI) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{}, nil
}

func (a *thinAPI) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (a *thinAPI) BatchWriteItem(_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}
	for table, requests := range in.RequestItems {
		if put := requests[0].PutRequest; put != nil {
			first := str(put.Item["pk"]) + " " + str(put.Item["sk"])
			if !a.seen[first] {
				a.seen[first] = true
				return nil, &types.ProvisionedThroughputExceededException{}
			}
		}
		n := min(a.take, len(requests))
		for _, r := range requests[:n] {
			if r.PutRequest != nil {
				a.items[str(r.PutRequest.Item["pk"])+" "+str(r.PutRequest.Item["sk"])]++
			}
		}
		if n < len(requests) {
			out.UnprocessedItems[table] = requests[n:]
		}
	}
	return out, nil
}

func TestUnprocessedItemsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &thinAPI{take: 7, items: map[string]int{}, seen: map[string]bool{}}
		if err := dynamostore.New(api, "t").CreateStream(t.Context(), storetest.NewStream("orders", "a1", 60)); err != nil {
			t.Fatal(err)
		}
		if len(api.items) != 120 {
			t.Errorf("%d items were written, want 120", len(api.items))
		}
	})
}

func TestUnprocessedItemsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &thinAPI{take: 0, items: map[string]int{}, seen: map[string]bool{}}
		err := dynamostore.New(api, "t").CreateStream(t.Context(), storetest.NewStream("orders", "a1", 60))
		if !errors.Is(err, shardlog.ErrThrottled) {
			t.Errorf("error %v, want ErrThrottled", err)
		}
	})
}

func TestContextEndsTheWaitForBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := &thinAPI{take: 0, items: map[string]int{}, seen: map[string]bool{}}
		done := make(chan error)
		go func() {
			done <- dynamostore.New(api, "t").CreateStream(ctx, storetest.NewStream("orders", "a1", 50))
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}
