package boltstore

import (
	"encoding/binary"
	"fmt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// Kinds of records in the journal. A record begins with its kind, the length of the stream's id (1 byte), the id, and the shard's index (4 bytes).
const (
	kindCounter = 1 // a shard's counter follows, as in the bucket
	kindContent = 2 // slot (8 bytes), head and segment follow
	kindMove    = 3 // slot (8 bytes), where its segment stood, and the segment follow
)

// journaled is a record of the journal, as the index takes it.
type journaled struct {
	kind    byte
	shard   shardlog.Shard
	counter []byte // of kindCounter
	slot    uint64
	entry   // of kindContent; of kindMove length and place alone
	old     journal.Place
}

func appendRecordStart(b []byte, kind byte, shard shardlog.Shard) []byte {
	b = append(append(b, kind, byte(len(shard.StreamID))), shard.StreamID...)
	return binary.BigEndian.AppendUint32(b, shard.Index)
}

func counterRecord(shard shardlog.Shard, counter []byte) journal.Record {
	return journal.Record{Head: append(appendRecordStart(nil, kindCounter, shard), counter...)}
}

// contentRecord returns the record of a content, whose segment it refers to.
func contentRecord(shard shardlog.Shard, slot uint64, c shardlog.Content) journal.Record {
	b := appendRecordStart(make([]byte, 0, 2+maxIDLength+4+8+headSize), kindContent, shard)
	b = binary.BigEndian.AppendUint64(b, slot)
	return journal.Record{Head: appendHead(b, c, len(c.Packed)), Body: c.Packed}
}

func moveRecord(shard shardlog.Shard, slot uint64, old journal.Place, segment []byte) journal.Record {
	b := appendRecordStart(make([]byte, 0, 2+maxIDLength+4+8+placeSize), kindMove, shard)
	return journal.Record{Head: appendPlace(binary.BigEndian.AppendUint64(b, slot), old), Body: segment}
}

// placeOf returns where the segment of a record stands that was appended.
func placeOf(r *journal.Record) journal.Place {
	if len(r.Body) == 0 {
		return journal.Place{}
	}
	return r.Place.Plus(len(r.Head))
}

// decodeJournaled reads a record that stands at a place. What it returns shares no memory with it.
func decodeJournaled(at journal.Place, b []byte) (journaled, error) {
	bad := func() (journaled, error) { return journaled{}, corrupt("record %.64x of the journal", b) }
	if len(b) < 2 || len(b) < 2+int(b[1])+4 || !validID(string(b[2:2+int(b[1])])) {
		return bad()
	}
	n := 2 + int(b[1])
	r := journaled{kind: b[0], shard: shardlog.Shard{StreamID: string(b[2:n]), Index: binary.BigEndian.Uint32(b[n:])}}
	rest := b[n+4:]
	if r.kind == kindCounter {
		r.counter = append([]byte(nil), rest...)
		if _, err := decodeCounter(r.counter); err != nil {
			return journaled{}, err
		}
		return r, nil
	}
	if len(rest) < 8 {
		return bad()
	}
	r.slot, rest = binary.BigEndian.Uint64(rest), rest[8:]
	switch r.kind {
	case kindContent:
		var err error
		if r.entry, err = decodeHead(rest); err != nil {
			return journaled{}, fmt.Errorf("slot %d of shard %d in the journal: %w", r.slot, r.shard.Index, err)
		}
		rest = rest[headSize:]
		if len(rest) != r.length {
			return bad()
		}
	case kindMove:
		if len(rest) <= placeSize {
			return bad()
		}
		r.old, rest = decodePlace(rest), rest[placeSize:]
		r.length = len(rest)
	default:
		return bad()
	}
	if r.length > 0 {
		r.place = at.Plus(len(b) - len(rest))
	}
	return r, nil
}
