package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"millrace/pkg/shardlog"
)

// smallestSegment is what package segment makes of one record with a key of one byte and no data. With it maxBytes bounds
// how many items a Query need return.
const smallestSegment = 12

// Scan implements [shardlog.Store] by consistent queries, mostly one. DynamoDB ends the answer of a query at 1 MB, and the page ends
// there too, with More set, unless it has no content yet or a segment's parts are still to come: who needs
// fewer records than maxBytes allows pays for no further query.
//
// Content that has expired is returned for as long as DynamoDB has not dropped it; where some of its parts are dropped
// already, Packed is empty. Any other segment whose parts are missing, or come from another writer, is an error, once
// everything before it was returned.
func (s *Store) Scan(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	a := assembly{maxBytes: maxBytes}
	input := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String(attrPK + " = :log AND " + attrSK + " >= :from"),
		ExpressionAttributeValues: item{":log": text(logPK(shard)), ":from": text(slotSK(from))},
		ConsistentRead:            aws.Bool(true),
		Limit:                     aws.Int32(int32(min(max(maxBytes, 0)/smallestSegment+1, math.MaxInt32))),
	}
	for {
		out, err := s.api.Query(ctx, input)
		if err != nil {
			return shardlog.Page{}, failed(err, "scan from slot %d", from)
		}
		last := len(out.LastEvaluatedKey) == 0
		switch err := a.take(out.Items, last); {
		case errors.Is(err, errFull), err != nil && len(a.contents) > 0:
			return shardlog.Page{Contents: a.contents, More: true}, nil
		case err != nil:
			return shardlog.Page{}, fmt.Errorf("scan from slot %d: %w", from, err)
		case last || (a.open == nil && len(a.contents) > 0):
			return shardlog.Page{Contents: a.contents, More: !last}, nil
		}
		input.ExclusiveStartKey = out.LastEvaluatedKey
		if a.open != nil {
			input.Limit = aws.Int32(int32(a.open.parts - a.open.joined))
		}
	}
}

// errFull: the content that follows is beyond maxBytes.
var errFull = errors.New("page is full")

// assembly makes contents of items in the order of their keys: a segment item, then its parts.
type assembly struct {
	maxBytes int
	contents []shardlog.Placed
	bytes    int
	open     *openSegment // nil, or a segment whose parts are to follow
}

type openSegment struct {
	shardlog.Placed
	parts, joined, size int
}

// take adds the items of one answer. Last says that no more will follow.
func (a *assembly) take(items []item, last bool) error {
	for _, i := range items {
		if err := a.add(i); err != nil {
			return err
		}
	}
	if last {
		return a.abandon()
	}
	return nil
}

func (a *assembly) add(i item) error {
	f := fields{item: i}
	slot, part, err := parseLogSK(f.text(attrSK))
	switch {
	case err != nil:
		return err
	case part == 0:
		return a.begin(slot, i)
	case a.open == nil || a.open.Slot != slot:
		return a.abandon() // and pass over the part: nothing committed it
	default:
		return a.join(part, i)
	}
}

func (a *assembly) begin(slot uint64, i item) error {
	if err := a.abandon(); err != nil {
		return err
	}
	if len(a.contents) > 0 && a.bytes >= a.maxBytes {
		return errFull
	}
	c, parts, size, err := readContent(i)
	if err != nil {
		return fmt.Errorf("slot %d: %w", slot, err)
	}
	if c.Count > 0 {
		f := fields{item: i}
		if c.Packed = f.binary(attrData); f.err != nil {
			return fmt.Errorf("slot %d: %w", slot, f.err)
		}
	}
	placed := shardlog.Placed{Slot: slot, Content: c}
	switch {
	case parts == 0:
		a.push(placed)
		return nil
	case parts < 0 || parts > maxParts || size < len(c.Packed) || size > (parts+1)*partSize:
		return fmt.Errorf("slot %d: %w: %d bytes in %d parts", slot, errItem, size, parts)
	}
	packed := make([]byte, len(c.Packed), size)
	copy(packed, c.Packed)
	placed.Packed = packed
	a.open = &openSegment{Placed: placed, parts: parts, size: size}
	return nil
}

func (a *assembly) join(part int, i item) error {
	f := fields{item: i}
	nonce, data := f.nonce(), f.binary(attrData)
	o := a.open
	switch {
	case f.err != nil:
		return fmt.Errorf("slot %d, part %d: %w", o.Slot, part, f.err)
	case part != o.joined+1:
		return a.abandon()
	case nonce != o.Nonce:
		return fmt.Errorf("slot %d: %w: part %d was written by another writer than its segment", o.Slot, errItem, part)
	}
	o.Packed = append(o.Packed, data...)
	o.joined++
	if o.joined < o.parts {
		return nil
	}
	if len(o.Packed) != o.size {
		return fmt.Errorf("slot %d: %w: %d bytes of %d", o.Slot, errItem, len(o.Packed), o.size)
	}
	a.open = nil
	a.push(o.Placed)
	return nil
}

// abandon ends the open segment, if any, one of whose parts is missing. DynamoDB drops expired items one by one, so that is as
// it should be once the segment has expired.
func (a *assembly) abandon() error {
	o := a.open
	if o == nil {
		return nil
	}
	if o.Expires.After(time.Now()) {
		return fmt.Errorf("slot %d: %w: part %d of %d is missing", o.Slot, errItem, o.joined+1, o.parts)
	}
	a.open = nil
	o.Packed = nil
	a.push(o.Placed)
	return nil
}

func (a *assembly) push(p shardlog.Placed) {
	a.contents = append(a.contents, p)
	a.bytes += len(p.Packed)
}
