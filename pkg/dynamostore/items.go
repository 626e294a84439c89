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
	attrLast      = "last"
	attrMarkDue   = "markDue"
	attrMarks     = "marks"
	attrUsed      = "used"
	attrRetained  = "retainedSince"
	attrTags      = "tags"
	attrRevision  = "revision"
	attrParents   = "parents"
	attrClosed    = "closed"
	attrFinal     = "final"
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
	stateClosed    = "closed"
	stateSealed    = "sealed"

	streamSK   = "stream"
	counterSK  = "counter"
	namePK     = "streams"
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

// behindParts returns a sort key after all parts of a slot and before the next slot.
func behindParts(slot uint64) string { return slotSK(slot) + "$" }

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

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func bin(b []byte) types.AttributeValue  { return &types.AttributeValueMemberB{Value: b} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func unix(t time.Time) types.AttributeValue        { return number(t.Unix()) }
func seconds(d time.Duration) types.AttributeValue { return number(int64(d / time.Second)) }

// unixOrNone writes the zero Time as 0.
func unixOrNone(t time.Time) types.AttributeValue {
	if t.IsZero() {
		return number(0)
	}
	return unix(t)
}

func texts(m map[string]string) types.AttributeValue {
	values := item{}
	for name, value := range m {
		values[name] = text(value)
	}
	return &types.AttributeValueMemberM{Value: values}
}

func numbers(indexes []uint32) types.AttributeValue {
	values := make([]types.AttributeValue, len(indexes))
	for i, n := range indexes {
		values[i] = number(int64(n))
	}
	return &types.AttributeValueMemberL{Value: values}
}

func key(pk, sk string) item { return item{attrPK: text(pk), attrSK: text(sk)} }

func keyOf(i item) item { return item{attrPK: i[attrPK], attrSK: i[attrSK]} }

func streamItem(s shardlog.Stream) item {
	return item{
		attrPK:        text(streamPK(s.Name)),
		attrSK:        text(streamSK),
		attrID:        text(s.ID),
		attrStatus:    text(statusActive),
		attrCreated:   number(s.Created.UnixMilli()),
		attrShards:    number(int64(len(s.Shards))),
		attrRetention: seconds(s.Retention),
		attrRetained:  unixOrNone(s.RetainedSince),
		attrMode:      text(string(s.Mode)),
		attrTags:      texts(s.Tags),
		attrRevision:  number(int64(s.Revision)),
	}
}

func nameItem(s shardlog.Stream) item {
	return item{
		attrPK:      text(namePK),
		attrSK:      text(s.Name),
		attrID:      text(s.ID),
		attrCreated: number(s.Created.UnixMilli()),
		attrMode:    text(string(s.Mode)),
	}
}

func shardItem(s shardlog.Stream, info shardlog.ShardInfo) item {
	i := item{
		attrPK:      text(shardsPK(s.ID)),
		attrSK:      text(shardSK(info.Index)),
		attrStart:   text(info.Keys.Start.String()),
		attrEnd:     text(info.Keys.End.String()),
		attrCreated: unix(info.Created),
		attrState:   text(stateOpen),
	}
	if len(info.Parents) > 0 {
		i[attrParents] = numbers(info.Parents)
	}
	if !info.IsOpen() {
		i[attrState], i[attrClosed] = text(stateClosed), unix(info.Closed)
	}
	if info.Sealed {
		i[attrState], i[attrFinal] = text(stateSealed), number(int64(info.Final))
	}
	return i
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
			Name:    name,
			ID:      f.text(attrID),
			Created: time.UnixMilli(f.number(attrCreated)).UTC(),
			Settings: shardlog.Settings{
				Retention:     f.seconds(attrRetention),
				RetainedSince: f.unixOrNone(attrRetained),
				Mode:          shardlog.Mode(f.text(attrMode)),
				Tags:          f.texts(attrTags),
			},
			Revision: uint64(f.number(attrRevision)),
		},
		status: f.text(attrStatus),
		shards: int(f.number(attrShards)),
	}
	return h, f.err
}

// readName reads what a name item tells of its stream.
func readName(i item) (shardlog.Stream, error) {
	f := fields{item: i}
	s := shardlog.Stream{
		Name:     f.text(attrSK),
		ID:       f.text(attrID),
		Created:  time.UnixMilli(f.number(attrCreated)).UTC(),
		Settings: shardlog.Settings{Mode: shardlog.Mode(f.text(attrMode))},
	}
	return s, f.err
}

func readShard(i item) (shardlog.ShardInfo, error) {
	f := fields{item: i}
	index, err := strconv.ParseUint(f.text(attrSK), 10, 32)
	f.note(attrSK, err)
	info := shardlog.ShardInfo{
		Index:   uint32(index),
		Keys:    hashkey.Range{Start: f.hashKey(attrStart), End: f.hashKey(attrEnd)},
		Created: f.unix(attrCreated),
	}
	if i[attrParents] != nil {
		info.Parents = f.indexes(attrParents)
	}
	switch state := f.text(attrState); {
	case f.err != nil, state == stateOpen:
	case state == stateClosed:
		info.Closed = f.unix(attrClosed)
	case state == stateSealed:
		info.Closed = f.unix(attrClosed)
		info.Sealed, info.Final = true, uint64(f.number(attrFinal))
	default:
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
		Expires: f.unix(attrExpires),
	}
	if i[attrParts] != nil {
		parts, size = int(f.number(attrParts)), int(f.number(attrSize))
	}
	return c, parts, size, f.err
}
