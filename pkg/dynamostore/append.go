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

const (
	// partSize is how much data an item takes. DynamoDB counts an item as the bytes of its attributes' names and values and refuses it above
	// 400 KB = 409,600 (developer guide, "Service, account, and table quotas"). Without its data a segment item has at most
	//
	//	pk 2+51, sk 2+20, nonce 5+16, count 5+3, arrival 7+8, expires 7+8, parts 5+2, size 4+5, data 4 = 154
	//
	// and a part less. With 399 KB of data both stay below 400 KB, and cost 400 write units.
	partSize = 399 * 1024
	// maxParts is what two digits count. With them a segment has at most 100 items of partSize, 40 MB.
	maxParts = 99
	// partWriters bounds how many parts of one segment are written at a time. A segment of 5 MB has 12.
	partWriters = 6
)

// PutOnce implements [shardlog.Store] by one PutItem, before which the parts of a segment over 399 KB are written. It refuses segments
// over 40 MB. A call that fails may leave parts behind, which nothing reads and which expire with the content.
func (s *Store) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	first, parts, err := layOut(shard, slot, c)
	if err != nil {
		return err
	}
	if err := s.putParts(ctx, shard, slot, parts); err != nil {
		return err
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           &s.table,
		Item:                                first,
		ConditionExpression:                 aws.String("attribute_not_exists(" + attrPK + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var taken *types.ConditionalCheckFailedException
	if errors.As(err, &taken) {
		return slotTaken(slot, taken.Item)
	}
	if err != nil {
		return failed(err, "put slot %d", slot)
	}
	return nil
}

// layOut cuts a content into its segment item and the parts that follow it.
func layOut(shard shardlog.Shard, slot uint64, c shardlog.Content) (first item, parts []item, err error) {
	first = key(logPK(shard), slotSK(slot))
	first[attrNonce] = bin(c.Nonce[:])
	first[attrCount] = number(int64(c.Count))
	first[attrArrival] = number(c.Arrival.UnixMilli())
	first[attrExpires] = unix(c.Expires)
	head, rest := cut(c.Packed)
	if c.Count > 0 {
		first[attrData] = bin(head)
	}
	for len(rest) > 0 {
		if len(parts) == maxParts {
			return nil, nil, refused("put slot %d: a segment of %d bytes has more than %d parts", slot, len(c.Packed), maxParts)
		}
		head, rest = cut(rest)
		part := key(logPK(shard), partSK(slot, len(parts)+1))
		part[attrNonce], part[attrExpires], part[attrData] = first[attrNonce], first[attrExpires], bin(head)
		parts = append(parts, part)
	}
	if len(parts) > 0 {
		first[attrParts] = number(int64(len(parts)))
		first[attrSize] = number(int64(len(c.Packed)))
	}
	return first, parts, nil
}

func cut(b []byte) (head, rest []byte) {
	n := min(len(b), partSize)
	return b[:n], b[n:]
}

// putParts writes parts where no other writer's stand, so that a call at a slot that has content changes none of it.
func (s *Store) putParts(ctx context.Context, shard shardlog.Shard, slot uint64, parts []item) error {
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(partWriters)
	for i, part := range parts {
		g.Go(func() error {
			_, err := s.api.PutItem(groupCtx, &dynamodb.PutItemInput{
				TableName:                 &s.table,
				Item:                      part,
				ConditionExpression:       aws.String("attribute_not_exists(" + attrPK + ") OR " + attrNonce + " = :mine"),
				ExpressionAttributeValues: item{":mine": part[attrNonce]},
			})
			if err != nil {
				return failed(err, "put part %d of slot %d", i+1, slot)
			}
			return nil
		})
	}
	err := g.Wait()
	var others *types.ConditionalCheckFailedException
	if errors.As(err, &others) {
		return s.partTaken(ctx, shard, slot)
	}
	return err
}

// partTaken says why a part of another writer stands in the way. The protocol hands a slot to one append alone, so none should.
func (s *Store) partTaken(ctx context.Context, shard shardlog.Shard, slot uint64) error {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            key(logPK(shard), slotSK(slot)),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return failed(err, "get what stands at slot %d", slot)
	}
	if out.Item == nil {
		return refused("put slot %d: it has parts of another writer", slot)
	}
	return slotTaken(slot, out.Item)
}

func slotTaken(slot uint64, existing item) error {
	c, _, _, err := readContent(existing)
	if err != nil {
		return fmt.Errorf("slot %d is taken: %w", slot, err)
	}
	return fmt.Errorf("put slot %d: %w", slot, &shardlog.SlotTakenError{Existing: c})
}
