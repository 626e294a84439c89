package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
)

// consumed is what requests consumed, as DynamoDB said.
type consumed struct {
	allocating float64 // write units of UpdateItem: a shard's counter hands out a slot
	putting    float64 // write units of PutItem: what is stored at slots
	reading    float64 // read units, of GetItem and Query
	items      int     // that were put
	bytes      int     // of those items, by itemBytes
	formula    float64 // write units of those items, by putUnits
}

func (c consumed) writing() float64 { return c.allocating + c.putting }

// meter is a DynamoDB that sums what its requests consume. Those that write several items, as creating a stream does, are
// let through unmetered.
type meter struct {
	dynamostore.API

	mu    sync.Mutex
	sum   consumed
	wrong error // a request that failed, or that DynamoDB said nothing of
}

// reset returns what was consumed since it was called last.
func (m *meter) reset() (consumed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum, wrong := m.sum, m.wrong
	m.sum, m.wrong = consumed{}, nil
	return sum, wrong
}

// add takes what a request consumed, or why it is not known. What a request consumed that failed, as one does whose
// condition does not hold, is not told; none should here.
func (m *meter) add(op string, c *types.ConsumedCapacity, err error, account func(*consumed, float64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err != nil:
		m.wrong = fmt.Errorf("%s failed: %w", op, err)
	case c == nil || c.CapacityUnits == nil:
		m.wrong = fmt.Errorf("%s: DynamoDB does not say what it consumed", op)
	default:
		account(&m.sum, *c.CapacityUnits)
	}
}

func reading(sum *consumed, units float64) { sum.reading += units }

// UpdateItem implements [dynamostore.API].
func (m *meter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.UpdateItem(ctx, in, options...)
	if out == nil {
		out = &dynamodb.UpdateItemOutput{}
	}
	m.add("UpdateItem", out.ConsumedCapacity, err, func(sum *consumed, units float64) { sum.allocating += units })
	return out, err
}

// PutItem implements [dynamostore.API].
func (m *meter) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.PutItem(ctx, in, options...)
	if out == nil {
		out = &dynamodb.PutItemOutput{}
	}
	m.add("PutItem", out.ConsumedCapacity, err, func(sum *consumed, units float64) {
		size := itemBytes(in.Item)
		sum.putting += units
		sum.items++
		sum.bytes += size
		sum.formula += putUnits(size)
	})
	return out, err
}

// GetItem implements [dynamostore.API].
func (m *meter) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.GetItem(ctx, in, options...)
	if out == nil {
		out = &dynamodb.GetItemOutput{}
	}
	m.add("GetItem", out.ConsumedCapacity, err, reading)
	return out, err
}

// Query implements [dynamostore.API].
func (m *meter) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.API.Query(ctx, in, options...)
	if out == nil {
		out = &dynamodb.QueryOutput{}
	}
	m.add("Query", out.ConsumedCapacity, err, reading)
	return out, err
}
