package dynamostore

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/shardlog"
)

// API is what the store calls of DynamoDB. A *dynamodb.Client has it; one that retries by itself must not be used (see
// [NewClient]), because the protocol in package shardlog does the retries and counts on knowing their outcomes.
type API interface {
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

var _ shardlog.Store = (*Store)(nil)

// Store is a [shardlog.Store] on a DynamoDB table.
type Store struct {
	api   API
	table string

	mu      sync.Mutex
	windows map[shardlog.Shard][]int64 // see noteWindows
}

// New returns a store on a table that exists, as [CreateTable] or the deployment made it. See [Open] for a store with a
// client of its own.
func New(client API, table string) *Store {
	return &Store{api: client, table: table, windows: map[shardlog.Shard][]int64{}}
}
