package dynamostore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

// The attributes' names. The package comment tells which item has which.
const (
	attrPK        = "pk"
	attrSK        = "sk"
	attrID        = "id"
	attrStatus    = "status"
	attrMode      = "mode"
	attrCreated   = "created"
	attrRetention = "retention"
	attrShards    = "shards"
	attrStart     = "start"
	attrEnd       = "end"
	attrState     = "state"
	attrNextSlot  = "nextSlot"
	attrNonce     = "nonce"
	attrCount     = "count"
	attrArrival   = "arrival"
	attrExpires   = "expires"
	attrData      = "data"
	attrParts     = "parts"
	attrSize      = "size"
)

const (
	statusActive   = "active"
	statusDeleting = "deleting"
	stateOpen      = "open"

	streamSK   = "stream"
	counterSK  = "counter"
	namePK     = "streams"
	firstSlot  = 1
	slotDigits = 20
	partDigits = 2
)

// errItem is wrapped by every error that says that an item does not hold what this package writes.
var errItem = errors.New("item is not understood")

type item = map[string]types.AttributeValue

func streamPK(name string) string { return "stream#" + name }
func shardsPK(id string) string   { return "shards#" + id }

func shardSK(index uint32) string { return fmt.Sprintf("%012d", index) }

func counterPK(s shardlog.Shard) string { return "counter#" + s.StreamID + "#" + shardSK(s.Index) }
func logPK(s shardlog.Shard) string     { return "log#" + s.StreamID + "#" + shardSK(s.Index) }

func slotSK(slot uint64) string { return fmt.Sprintf("%0*d", slotDigits, slot) }
func partSK(slot uint64, part int) string {
	return fmt.Sprintf("%s#%0*d", slotSK(slot), partDigits, part)
}

// parseLogSK reads the sort key of a segment item, which is part 0, or of a part.
func parseLogSK(sk string) (slot uint64, part int, err error) {
	digits, tail, more := strings.Cut(sk, "#")
	slot, err = parseDigits(digits, slotDigits)
	if err == nil && more {
		var n uint64
		n, err = parseDigits(tail, partDigits)
		if n == 0 {
			err = errItem
		}
		part = int(n)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w: sort key %q", errItem, sk)
	}
	return slot, part, nil
}

func parseDigits(s string, digits int) (uint64, error) {
	if len(s) != digits || s[0] == '+' {
		return 0, errItem
	}
	return strconv.ParseUint(s, 10, 64)
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func binary(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func key(pk, sk string) item { return item{attrPK: text(pk), attrSK: text(sk)} }

func keyOf(i item) item { return item{attrPK: i[attrPK], attrSK: i[attrSK]} }

func streamItem(s shardlog.Stream) item {
	return item{
		attrPK:        text(streamPK(s.Name)),
		attrSK:        text(streamSK),
		attrID:        text(s.ID),
		attrStatus:    text(statusActive),
		attrMode:      text(string(s.Mode)),
		attrCreated:   number(s.Created.UnixMilli()),
		attrRetention: number(int64(s.Retention / time.Second)),
		attrShards:    number(int64(len(s.Shards))),
	}
}

func nameItem(s shardlog.Stream) item {
	return item{attrPK: text(namePK), attrSK: text(s.Name), attrID: text(s.ID)}
}

func shardItem(s shardlog.Stream, info shardlog.ShardInfo) item {
	return item{
		attrPK:      text(shardsPK(s.ID)),
		attrSK:      text(shardSK(info.Index)),
		attrStart:   text(info.Keys.Start.String()),
		attrEnd:     text(info.Keys.End.String()),
		attrCreated: number(info.Created.Unix()),
		attrState:   text(stateOpen),
	}
}

func counterItem(s shardlog.Shard) item {
	return item{
		attrPK:       text(counterPK(s)),
		attrSK:       text(counterSK),
		attrNextSlot: number(firstSlot),
		attrState:    text(stateOpen),
	}
}

// streamHead is what a stream item holds.
type streamHead struct {
	shardlog.Stream // without Shards
	status          string
	shards          int
}

func readStream(name string, i item) (streamHead, error) {
	f := fields{item: i}
	h := streamHead{
		Stream: shardlog.Stream{
			Name:      name,
			ID:        f.text(attrID),
			Created:   time.UnixMilli(f.number(attrCreated)).UTC(),
			Retention: time.Duration(f.number(attrRetention)) * time.Second,
			Mode:      shardlog.Mode(f.text(attrMode)),
		},
		status: f.text(attrStatus),
		shards: int(f.number(attrShards)),
	}
	return h, f.err
}

func readShard(i item) (shardlog.ShardInfo, error) {
	f := fields{item: i}
	index, err := strconv.ParseUint(f.text(attrSK), 10, 32)
	f.note(attrSK, err)
	info := shardlog.ShardInfo{
		Index:   uint32(index),
		Keys:    hashkey.Range{Start: f.hashKey(attrStart), End: f.hashKey(attrEnd)},
		Created: time.Unix(f.number(attrCreated), 0).UTC(),
	}
	if state := f.text(attrState); state != stateOpen && f.err == nil {
		f.err = fmt.Errorf("%w: shard %d has state %q: it was written by a newer release", errItem, index, state)
	}
	return info, f.err
}

// readContent reads all of a segment item but its data, and how many parts and bytes the segment has in all.
func readContent(i item) (c shardlog.Content, parts, size int, err error) {
	f := fields{item: i}
	c = shardlog.Content{
		Nonce:   f.nonce(),
		Count:   int(f.number(attrCount)),
		Arrival: time.UnixMilli(f.number(attrArrival)).UTC(),
		Expires: time.Unix(f.number(attrExpires), 0).UTC(),
	}
	if i[attrParts] != nil {
		parts, size = int(f.number(attrParts)), int(f.number(attrSize))
	}
	return c, parts, size, f.err
}

// fields reads an item's attributes and keeps the first error.
type fields struct {
	item item
	err  error
}

func (f *fields) note(name string, err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%w: attribute %s is missing or not as it should be", errItem, name)
	}
}

func (f *fields) text(name string) string {
	v, ok := f.item[name].(*types.AttributeValueMemberS)
	if !ok {
		f.note(name, errItem)
		return ""
	}
	return v.Value
}

func (f *fields) number(name string) int64 {
	v, ok := f.item[name].(*types.AttributeValueMemberN)
	if !ok {
		f.note(name, errItem)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	f.note(name, err)
	return n
}

func (f *fields) binary(name string) []byte {
	v, ok := f.item[name].(*types.AttributeValueMemberB)
	if !ok {
		f.note(name, errItem)
		return nil
	}
	return v.Value
}

func (f *fields) nonce() (n shardlog.Nonce) {
	if copy(n[:], f.binary(attrNonce)) != len(n) {
		f.note(attrNonce, errItem)
	}
	return n
}

func (f *fields) hashKey(name string) hashkey.Key {
	k, err := hashkey.Parse(f.text(name))
	f.note(name, err)
	return k
}
