package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// brokenAPI answers every call with one error.
type brokenAPI struct{ err error }

func (b brokenAPI) fail(op string) error {
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: op, Err: b.err}
}

func (b brokenAPI) BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return nil, b.fail("BatchWriteItem")
}

func (b brokenAPI) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, b.fail("DeleteItem")
}

func (b brokenAPI) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, b.fail("GetItem")
}

func (b brokenAPI) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, b.fail("PutItem")
}

func (b brokenAPI) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, b.fail("Query")
}

func (b brokenAPI) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, b.fail("TransactWriteItems")
}

func (b brokenAPI) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, b.fail("UpdateItem")
}

func code(c string) error { return &smithy.GenericAPIError{Code: c, Message: "text"} }

func cancelledFor(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
	}
	return e
}

func TestErrors(t *testing.T) {
	verdicts := []error{shardlog.ErrThrottled, shardlog.ErrRefused, context.Canceled, context.DeadlineExceeded, shardlog.ErrStreamExists,
		shardlog.ErrShardClosed, shardlog.ErrStreamNotFound, shardlog.ErrStreamChanged}
	for _, c := range []struct {
		err  error
		want error // nil: the outcome is not known
	}{
		{&types.ProvisionedThroughputExceededException{}, shardlog.ErrThrottled},
		{&types.ThrottlingException{}, shardlog.ErrThrottled},
		{&types.TransactionConflictException{}, shardlog.ErrThrottled},
		{code("RequestLimitExceeded"), shardlog.ErrThrottled},
		{cancelledFor("None", "TransactionConflict"), shardlog.ErrThrottled},
		{cancelledFor("None", "ThrottlingError"), shardlog.ErrThrottled},
		{cancelledFor("None", "ProvisionedThroughputExceeded"), shardlog.ErrThrottled},

		{cancelledFor("ThrottlingError", "ValidationError"), shardlog.ErrRefused},
		{&types.ResourceNotFoundException{}, shardlog.ErrRefused},
		{&types.ItemCollectionSizeLimitExceededException{}, shardlog.ErrRefused},
		{code("AccessDeniedException"), shardlog.ErrRefused},
		{code("ValidationException"), shardlog.ErrRefused},
		{code("UnrecognizedClientException"), shardlog.ErrRefused},
		{code("ExpiredTokenException"), shardlog.ErrRefused},
		{code("InvalidSignatureException"), shardlog.ErrRefused},
		{&smithy.SerializationError{Err: errors.New("text")}, shardlog.ErrRefused},
		{smithy.InvalidParamsError{}, shardlog.ErrRefused},

		{&types.InternalServerError{}, nil},
		{code("ServiceUnavailable"), nil},
		{code("SomethingNew"), nil},
		{&types.TransactionInProgressException{}, nil},
		{cancelledFor("None", "None"), nil},
		{cancelledFor(), nil},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, nil},
		{io.ErrUnexpectedEOF, nil},

		{context.Canceled, context.Canceled},
		{fmt.Errorf("text: %w", context.DeadlineExceeded), context.DeadlineExceeded},
	} {
		t.Run(fmt.Sprintf("%T %v", c.err, c.err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // some operations wait while DynamoDB throttles
				for op, err := range everyOp(t.Context(), dynamostore.New(brokenAPI{c.err}, "t")) {
					if !errors.Is(err, c.err) && !strings.Contains(err.Error(), c.err.Error()) {
						t.Errorf("%s loses the cause: %v", op, err)
					}
					for _, verdict := range verdicts {
						if got := errors.Is(err, verdict); got != (verdict == c.want) {
							t.Errorf("%s: errors.Is(%q, %q) is %v", op, err, verdict, got)
						}
					}
				}
			})
		})
	}
}

func everyOp(ctx context.Context, s *dynamostore.Store) map[string]error {
	shard := shardlog.Shard{StreamID: "a1"}
	stream := storetest.NewStream("orders", "a1", 1)
	change := splitOf(stream, 0)
	_, allocErr := s.Allocate(ctx, shard, time.Now(), shardlog.Usage{})
	_, counterErr := s.Counter(ctx, shard)
	_, scanErr := s.Scan(ctx, shard, 1, 1000)
	_, _, peekErr := s.Peek(ctx, shard, 1)
	_, retentionErr := s.SetRetention(ctx, shard, time.Hour)
	_, loadErr := s.LoadStream(ctx, "orders")
	_, _, listErr := s.ListStreams(ctx, "", 10)
	return map[string]error{
		"Allocate":           allocErr,
		"Counter":            counterErr,
		"PutOnce":            s.PutOnce(ctx, shard, 1, segmentOf(1, 10)),
		"PutOnce in parts":   s.PutOnce(ctx, shard, 1, segmentOf(1, 500_000)),
		"Scan":               scanErr,
		"Peek":               peekErr,
		"SetRetention":       retentionErr,
		"Extend":             s.Extend(ctx, shard, 2, time.Hour),
		"CreateStream":       s.CreateStream(ctx, stream),
		"CreateStream of 50": s.CreateStream(ctx, storetest.NewStream("orders", "a1", 50)),
		"LoadStream":         loadErr,
		"ListStreams":        listErr,
		"UpdateStream":       s.UpdateStream(ctx, stream),
		"Reshard":            s.Reshard(ctx, stream, change.Closing, change.Opening),
		"SealShard":          s.SealShard(ctx, shard, 1),
		"DeleteStream":       s.DeleteStream(ctx, "orders"),
	}
}

// TestFailedConditions: a transaction on a stream whose condition failed tells so, whatever else was against it.
func TestFailedConditions(t *testing.T) {
	stream := storetest.NewStream("orders", "a1", 1)
	change := splitOf(stream, 0)
	for _, codes := range [][]string{{"ConditionalCheckFailed"}, {"None", "ConditionalCheckFailed"}, {"TransactionConflict", "ConditionalCheckFailed"}} {
		s := dynamostore.New(brokenAPI{cancelledFor(codes...)}, "t")
		for op, err := range map[string]error{
			"UpdateStream": s.UpdateStream(t.Context(), stream),
			"Reshard":      s.Reshard(t.Context(), stream, change.Closing, change.Opening),
		} {
			if !errors.Is(err, shardlog.ErrStreamChanged) || errors.Is(err, shardlog.ErrThrottled) {
				t.Errorf("%s, %v: %v, want ErrStreamChanged", op, codes, err)
			}
		}
	}
}

// TestErrorsOfDynamoDB holds the table above against what a real DynamoDB and SDK answer.
func TestErrorsOfDynamoDB(t *testing.T) {
	client, table := local.Table(t)
	for op, err := range everyOp(t.Context(), dynamostore.New(client, "no-such-table")) {
		if !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s without a table: %v, want ErrRefused", op, err)
		}
	}
	shard := shardlog.Shard{StreamID: strings.Repeat("z", 3000)} // more than a key can hold
	if err := dynamostore.New(client, table).PutOnce(t.Context(), shard, 1, segmentOf(1, 10)); !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("a key that is too long: %v, want ErrRefused", err)
	}
	gone := dynamostore.NewClient(dynamostore.Config{Endpoint: "http://127.0.0.1:1"})
	for op, err := range everyOp(t.Context(), dynamostore.New(gone, table)) {
		if err == nil || errors.Is(err, shardlog.ErrRefused) || errors.Is(err, shardlog.ErrThrottled) {
			t.Errorf("%s without a connection: %v, want an error of neither kind", op, err)
		}
	}
}
