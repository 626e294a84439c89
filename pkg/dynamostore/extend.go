package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/shardlog"
)

const (
	// extendWriters bounds how many contents of a shard are extended at a time.
	extendWriters = 8
	// extendTries: a partition takes 1,000 write units a second, and an item of 400 KB costs 400, so an extension may have to wait.
	// It does so for some 30 s a request.
	extendTries = 60
)

// Extend implements [shardlog.Store]. It reads the shard's log below the slot, and updates each item that is to move: this
// costs what having written it did.
//
// Content that has expired is left alone, as if it had been dropped already: DynamoDB may have dropped some of its parts. So is content that lacks a part. Parts
// are extended before their segment item, so that a content whose segment item was extended needs no further look.
func (s *Store) Extend(ctx context.Context, shard shardlog.Shard, below uint64, keep time.Duration) error {
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(extendWriters)
	e := extension{keep: keep, start: func(m move) {
		g.Go(func() error { return s.extendContent(groupCtx, shard, m) })
	}}
	listed := s.listExpiries(groupCtx, shard, below, &e)
	// A move that failed ends the listing too: its error is the cause.
	err := g.Wait()
	if err == nil {
		err = listed
	}
	if err != nil {
		return fmt.Errorf("extend what stands below slot %d: %w", below, err)
	}
	return nil
}

// listExpiries hands the log's items below a slot to the extension, but for those that have expired.
func (s *Store) listExpiries(ctx context.Context, shard shardlog.Shard, below uint64, e *extension) error {
	input := &dynamodb.QueryInput{
		TableName:              &s.table,
		KeyConditionExpression: aws.String(attrPK + " = :log AND " + attrSK + " < :below"),
		FilterExpression:       aws.String(attrExpires + " > :now"),
		ProjectionExpression:   aws.String(attrSK + ", " + attrArrival + ", " + attrExpires + ", " + attrParts),
		ExpressionAttributeValues: item{
			":log":   text(logPK(shard)),
			":below": text(slotSK(below)),
			":now":   unix(time.Now()),
		},
		ConsistentRead: aws.Bool(true),
	}
	for {
		var out *dynamodb.QueryOutput
		err := whileThrottled(ctx, extendTries, func() (err error) {
			if out, err = s.api.Query(ctx, input); err != nil {
				return failed(err, "list the log")
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, i := range out.Items {
			if err := e.take(i); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			e.flush()
			return nil
		}
		input.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// extension makes moves of a log's items in the order of their keys.
type extension struct {
	keep  time.Duration
	start func(move)
	open  *openMove // nil, or a content whose parts are to follow
}

// move is a content whose items, by their sort keys, are to expire later: its parts first, where they do not already, and then its segment item.
type move struct {
	keys []string
	to   int64 // seconds since 1970
}

type openMove struct {
	move
	slot        uint64
	parts, seen int
}

// take adds an item to the content that it belongs to.
func (e *extension) take(i item) error {
	f := fields{item: i}
	slot, part, err := parseLogSK(f.text(attrSK))
	if err != nil {
		return err
	}
	expires := f.number(attrExpires)
	if part == 0 {
		e.flush()
		o := &openMove{slot: slot}
		o.to = time.UnixMilli(f.number(attrArrival)).Add(e.keep).Unix()
		if i[attrParts] != nil {
			o.parts = int(f.number(attrParts))
		}
		if o.to > expires {
			e.open = o
		}
	} else if o := e.open; o != nil && o.slot == slot && part <= o.parts {
		o.seen++
		if o.to > expires {
			o.keys = append(o.keys, partSK(slot, part))
		}
	}
	if f.err != nil {
		return fmt.Errorf("slot %d: %w", slot, f.err)
	}
	return nil
}

// flush starts the move of the open content, if any, now that all of its items were seen.
func (e *extension) flush() {
	o := e.open
	e.open = nil
	if o != nil && o.seen == o.parts {
		o.keys = append(o.keys, slotSK(o.slot))
		e.start(o.move)
	}
}

// extendContent moves a content's items one after another. It stops at one that was dropped meanwhile: the content has expired.
func (s *Store) extendContent(ctx context.Context, shard shardlog.Shard, m move) error {
	for _, sk := range m.keys {
		there := false
		err := whileThrottled(ctx, extendTries, func() (err error) {
			there, err = s.extendItem(ctx, key(logPK(shard), sk), m.to)
			return err
		})
		if err != nil || !there {
			return err
		}
	}
	return nil
}

// extendItem has an item expire at a time, unless it does so later, and tells whether it is there.
func (s *Store) extendItem(ctx context.Context, key item, to int64) (there bool, err error) {
	_, err = s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &s.table,
		Key:                                 key,
		UpdateExpression:                    aws.String("SET " + attrExpires + " = :to"),
		ConditionExpression:                 aws.String(attrExpires + " < :to"), // false where there is no item
		ExpressionAttributeValues:           item{":to": number(to)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var unmoved *types.ConditionalCheckFailedException
	if errors.As(err, &unmoved) {
		return unmoved.Item != nil, nil
	}
	if err != nil {
		return false, failed(err, "extend an item")
	}
	return true, nil
}
