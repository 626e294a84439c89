package dynamostore_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

var errLost = errors.New("connection lost")

// fault is what happens to a call.
type fault int

const (
	none fault = iota
	lost       // not applied, and fails
	late       // applied, and fails
)

// spy counts the calls to DynamoDB, and makes them fail as it is told.
type spy struct {
	api dynamostore.API

	mu      sync.Mutex
	n       int // calls so far
	calls   map[string]int
	scanned int                                                                             // items that queries read
	plan    func(n int) fault                                                               // nil: no faults; n counts from 1
	edit    func(items []map[string]types.AttributeValue) []map[string]types.AttributeValue // of what queries answer; nil: as it is
}

func newSpy(api dynamostore.API) *spy { return &spy{api: api, calls: map[string]int{}} }

// reset forgets what was counted.
func (s *spy) reset(plan func(n int) fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n, s.scanned, s.plan, s.edit = 0, 0, plan, nil
	clear(s.calls)
}

func (s *spy) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

func (s *spy) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *spy) next(op string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.calls[op]++
	if s.plan == nil {
		return none
	}
	return s.plan(s.n)
}

func through[I, O any](s *spy, ctx context.Context, op string, in *I, call func(context.Context, *I, ...func(*dynamodb.Options)) (*O, error)) (*O, error) {
	switch s.next(op) {
	case lost:
		return nil, errLost
	case late:
		if _, err := call(ctx, in); err != nil {
			return nil, err
		}
		return nil, errLost
	default:
		return call(ctx, in)
	}
}

func (s *spy) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return through(s, ctx, "BatchWriteItem", in, s.api.BatchWriteItem)
}

func (s *spy) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return through(s, ctx, "DeleteItem", in, s.api.DeleteItem)
}

func (s *spy) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return through(s, ctx, "GetItem", in, s.api.GetItem)
}

func (s *spy) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return through(s, ctx, "PutItem", in, s.api.PutItem)
}

func (s *spy) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out, err := through(s, ctx, "Query", in, s.api.Query)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.scanned += int(out.ScannedCount)
		if s.edit != nil {
			out.Items = s.edit(out.Items)
		}
	}
	return out, err
}

func (s *spy) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return through(s, ctx, "TransactWriteItems", in, s.api.TransactWriteItems)
}

func (s *spy) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return through(s, ctx, "UpdateItem", in, s.api.UpdateItem)
}

// fixture is a store on a table of its own, with a spy between the two and a way around it.
type fixture struct {
	*dynamostore.Store
	spy    *spy
	client *dynamodb.Client
	table  string
}

func open(t *testing.T) fixture {
	t.Helper()
	client, table := local.Table(t)
	s := newSpy(client)
	return fixture{Store: dynamostore.New(s, table), spy: s, client: client, table: table}
}

// bypass returns a store on the same table that the spy does not see.
func (f fixture) bypass() *dynamostore.Store { return dynamostore.New(f.client, f.table) }

func (f fixture) create(t *testing.T, name, id string, shards int) shardlog.Stream {
	t.Helper()
	stream := storetest.NewStream(name, id, shards)
	if err := f.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	return stream
}

func (f fixture) append(t *testing.T, shard shardlog.Shard, c shardlog.Content) uint64 {
	t.Helper()
	slot := f.allocate(t, shard, time.Now()).Slot
	if err := f.PutOnce(t.Context(), shard, slot, c); err != nil {
		t.Fatal(err)
	}
	return slot
}

func (f fixture) allocate(t *testing.T, shard shardlog.Shard, now time.Time) shardlog.Allocation {
	t.Helper()
	a, err := f.Allocate(t.Context(), shard, now, shardlog.Usage{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f fixture) load(t *testing.T, name string) shardlog.Stream {
	t.Helper()
	stream, err := f.LoadStream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// items returns all items of the table, or those of one partition key, in the order of their keys.
func (f fixture) items(t *testing.T, pk string) []map[string]types.AttributeValue {
	t.Helper()
	var items []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(f.client, &dynamodb.ScanInput{TableName: &f.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			if pk == "" || str(i["pk"]) == pk {
				items = append(items, i)
			}
		}
	}
	slices.SortFunc(items, func(a, b map[string]types.AttributeValue) int {
		return slices.Compare([]string{str(a["pk"]), str(a["sk"])}, []string{str(b["pk"]), str(b["sk"])})
	})
	return items
}

func (f fixture) put(t *testing.T, i map[string]types.AttributeValue) {
	t.Helper()
	if _, err := f.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.table, Item: i}); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) remove(t *testing.T, pk, sk string) {
	t.Helper()
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
	out, err := f.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &f.table, Key: key, ReturnValues: types.ReturnValueAllOld})
	if err != nil || out.Attributes == nil {
		t.Fatalf("remove %s %s: it is not there, error %v", pk, sk, err)
	}
}

// str returns the text or number of an attribute.
func str(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// segmentOf returns a content of so many bytes, which differ from writer to writer and from place to place.
func segmentOf(writer byte, size int) shardlog.Content {
	c := shardlog.Content{
		Nonce:   shardlog.Nonce{writer, 1, 2, 3},
		Packed:  make([]byte, size),
		Count:   7,
		Arrival: time.Now().UTC().Truncate(time.Millisecond),
		Expires: time.Now().UTC().Truncate(time.Second).Add(time.Hour),
	}
	for i := range c.Packed {
		c.Packed[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ writer
	}
	return c
}
