package dynamostore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
)

// allocateRounds bounds how often one Allocate starts again because others moved the counter on while it set a mark. Each time
// one of those went on.
const allocateRounds = 10

// Allocate implements [shardlog.Store] by one UpdateItem, or two where the first cannot tell what to store: where a mark is due, and in
// the cases that moveOnCharged lists. The first then changes nothing and returns the counter, and the second stores what
// [shardlog.Counter.Charge] and [shardlog.Counter.Allocate] make of it.
func (s *Store) Allocate(
	ctx context.Context, shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (shardlog.Allocation, error) {
	if _, err := (shardlog.Counter{}).Charge(now, u); err != nil {
		return shardlog.Allocation{}, fmt.Errorf("allocate a slot: %w", err)
	}
	for range allocateRounds {
		c, done, err := s.moveOn(ctx, shard, now, u)
		if err == nil && !done {
			done, err = s.moveOnAsRead(ctx, shard, c, now, u)
		}
		if err != nil {
			return shardlog.Allocation{}, err
		}
		if done {
			return shardlog.Allocation{Slot: c.Next, Retention: c.Retention}, nil
		}
	}
	return shardlog.Allocation{}, fmt.Errorf("allocate a slot: %w: others were quicker %d times", shardlog.ErrThrottled, allocateRounds)
}

// moveOn hands out the counter's next slot unless the counter must be read first. It returns the counter as it was before, and whether it
// was moved on.
func (s *Store) moveOn(
	ctx context.Context, shard shardlog.Shard, now time.Time, u shardlog.Usage,
) (before shardlog.Counter, done bool, err error) {
	in := s.moveOnInput(shard, now)
	if u != (shardlog.Usage{}) {
		s.charge(in, shard, now, u)
	}
	out, err := s.api.UpdateItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		before, err = readCounter(out.Attributes)
		done = true
	case !errors.As(err, &refused):
		return before, false, failed(err, "allocate a slot")
	case refused.Item == nil:
		err = shardlog.ErrShardClosed
	default:
		before, err = readCounter(refused.Item)
		if err == nil && !before.Open {
			err = shardlog.ErrShardClosed
		}
	}
	if errors.Is(err, shardlog.ErrShardClosed) {
		s.forgetWindows(shard)
	}
	if err != nil {
		return before, false, fmt.Errorf("allocate a slot: %w", err)
	}
	if done && u != (shardlog.Usage{}) {
		s.noteWindows(shard, before, now)
	}
	return before, done, nil
}

func (s *Store) moveOnInput(shard shardlog.Shard, now time.Time) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      key(counterPK(shard), counterSK),
		UpdateExpression:         aws.String("ADD " + attrNextSlot + " :one SET #last = :now"),
		ConditionExpression:      aws.String("#state = :open AND " + attrMarkDue + " > :now"), // false where there is no item
		ExpressionAttributeNames: map[string]string{"#last": attrLast, "#state": attrState},
		ExpressionAttributeValues: item{
			":one":  number(1),
			":now":  unix(now),
			":open": text(stateOpen),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// moveOnAsRead hands out the next slot of a counter, and stores what else becomes of it, if the counter is still as it was read. That includes
// its retention: who changes that counts on all slots from then on being handed out with the new one.
func (s *Store) moveOnAsRead(
	ctx context.Context, shard shardlog.Shard, c shardlog.Counter, now time.Time, u shardlog.Usage,
) (done bool, err error) {
	charged, err := c.Charge(now, u)
	if err != nil {
		return false, fmt.Errorf("allocate a slot: %w", err)
	}
	moved := charged.Allocate(now)
	_, err = s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table,
		Key:       key(counterPK(shard), counterSK),
		UpdateExpression: aws.String("SET " + attrNextSlot + " = :next, #last = :now, " +
			attrMarkDue + " = :due, " + attrMarks + " = :marks, " + attrUsed + " = :used"),
		ConditionExpression: aws.String("#state = :open AND " + attrNextSlot + " = :slot AND " +
			attrMarkDue + " = :wasDue AND " + attrRetention + " = :retention"),
		ExpressionAttributeNames: map[string]string{"#last": attrLast, "#state": attrState},
		ExpressionAttributeValues: item{
			":next":      number(int64(moved.Next)),
			":now":       unix(moved.Last),
			":due":       unix(moved.MarkDue),
			":marks":     bin(packMarks(moved.Marks)),
			":used":      used(moved.Windows),
			":open":      text(stateOpen),
			":slot":      number(int64(c.Next)),
			":wasDue":    unix(c.MarkDue),
			":retention": seconds(c.Retention),
		},
	})
	var changed *types.ConditionalCheckFailedException
	if errors.As(err, &changed) {
		return false, nil
	}
	if err != nil {
		return false, failed(err, "allocate a slot of a counter that was read")
	}
	if len(moved.Windows) > 0 {
		s.noteWindows(shard, moved, now)
	}
	return true, nil
}

// Counter implements [shardlog.Store] by one GetItem.
func (s *Store) Counter(ctx context.Context, shard shardlog.Shard) (shardlog.Counter, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            key(counterPK(shard), counterSK),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return shardlog.Counter{}, failed(err, "get the counter")
	}
	if out.Item == nil {
		return shardlog.Counter{}, fmt.Errorf("get the counter: %w", shardlog.ErrShardClosed)
	}
	c, err := readCounter(out.Item)
	if err != nil {
		return shardlog.Counter{}, fmt.Errorf("get the counter: %w", err)
	}
	return c, nil
}

// SetRetention implements [shardlog.Store] by one UpdateItem.
func (s *Store) SetRetention(ctx context.Context, shard shardlog.Shard, retention time.Duration) (shardlog.Counter, error) {
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       key(counterPK(shard), counterSK),
		UpdateExpression:          aws.String("SET " + attrRetention + " = :retention, " + attrMarkDue + " = #last"),
		ConditionExpression:       aws.String("attribute_exists(" + attrPK + ")"),
		ExpressionAttributeNames:  map[string]string{"#last": attrLast},
		ExpressionAttributeValues: item{":retention": seconds(retention)},
		ReturnValues:              types.ReturnValueAllNew,
	})
	var absent *types.ConditionalCheckFailedException
	if errors.As(err, &absent) {
		return shardlog.Counter{}, fmt.Errorf("set the retention: %w", shardlog.ErrShardClosed)
	}
	if err != nil {
		return shardlog.Counter{}, failed(err, "set the retention")
	}
	c, err := readCounter(out.Attributes)
	if err != nil {
		return shardlog.Counter{}, fmt.Errorf("set the retention: %w", err)
	}
	return c, nil
}

// newCounterItem returns the counter of a shard that is created.
func newCounterItem(s shardlog.Stream, info shardlog.ShardInfo) item {
	return counterItem(s.Shard(info.Index), shardlog.NewCounter(info.Created, s.Retention))
}

// counterItem stays below 1 KB, so that an allocation costs 1 write unit. DynamoDB counts the bytes of names and values, and of a
// number a byte for two digits and one more (developer guide, "DynamoDB item sizes and formats"). A counter keeps 48 marks
// at most and sets one more, slots stay below 2^55, and times have 10 digits until the year 2286:
//
//	pk 2+53, sk 2+7, nextSlot 8+10, state 5+6, last 4+6, markDue 7+6, retention 9+5, marks 5+49*13 = 772
//
// To that comes used, as limits.go counts it: 231 at most.
func counterItem(s shardlog.Shard, c shardlog.Counter) item {
	i := key(counterPK(s), counterSK)
	i[attrNextSlot] = number(int64(c.Next))
	i[attrState] = text(stateClosed)
	if c.Open {
		i[attrState] = text(stateOpen)
	}
	i[attrLast] = unix(c.Last)
	i[attrMarkDue] = unix(c.MarkDue)
	i[attrRetention] = seconds(c.Retention)
	i[attrMarks] = bin(packMarks(c.Marks))
	i[attrUsed] = used(c.Windows)
	return i
}

func readCounter(i item) (shardlog.Counter, error) {
	f := fields{item: i}
	c := shardlog.Counter{
		Next:      uint64(f.number(attrNextSlot)),
		Retention: f.seconds(attrRetention),
		Last:      f.unix(attrLast),
		MarkDue:   f.unix(attrMarkDue),
	}
	switch f.text(attrState) {
	case stateOpen:
		c.Open = true
	case stateClosed:
	default:
		f.note(attrState, errItem)
	}
	marks, err := unpackMarks(f.binary(attrMarks))
	f.note(attrMarks, err)
	c.Marks = marks
	c.Windows, err = readUsed(i[attrUsed])
	f.note(attrUsed, err)
	return c, f.err
}

// A mark is packed in 13 bytes: its slot in 8, and its time in seconds since 1970 in 5 with a sign, both big-endian.
const (
	markSlotSize = 8
	markTimeSize = 5
	markSize     = markSlotSize + markTimeSize
)

func packMarks(marks []shardlog.Mark) []byte {
	packed := make([]byte, 0, len(marks)*markSize+8-markTimeSize)
	for _, m := range marks {
		packed = binary.BigEndian.AppendUint64(packed, m.Slot)
		packed = binary.BigEndian.AppendUint64(packed, uint64(m.Before.Unix())<<(64-8*markTimeSize))
		packed = packed[:len(packed)-(8-markTimeSize)]
	}
	return packed
}

func unpackMarks(packed []byte) ([]shardlog.Mark, error) {
	if len(packed)%markSize != 0 {
		return nil, errItem
	}
	var marks []shardlog.Mark
	for ; len(packed) > 0; packed = packed[markSize:] {
		var at [8]byte
		copy(at[:], packed[markSlotSize:markSize])
		before := int64(binary.BigEndian.Uint64(at[:])) >> (64 - 8*markTimeSize)
		marks = append(marks, shardlog.Mark{Slot: binary.BigEndian.Uint64(packed), Before: time.Unix(before, 0).UTC()})
	}
	return marks, nil
}
