package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// FormatError is the format version of a file that this build does not know.
type FormatError uint32

func (e FormatError) Error() string {
	if e < format {
		return fmt.Sprintf("the file has format %d, of builds before the first release, which is not read any more: delete the directory", uint32(e))
	}
	return fmt.Sprintf("the file has format %d, this build knows formats up to %d: it was written by a newer release", uint32(e), format)
}

// ErrCorrupt is wrapped by every error that says that what the file holds cannot have been written by this package.
var ErrCorrupt = errors.New("the stored data is corrupt")

const (
	format        = 2
	recordVersion = 1

	headSize  = 1 + 2 + 8 + 8 + 16 + 4
	expiresAt = 1 + 2 + 8 // where in a head the expiry stands
	placeSize = 8 + 8
	entrySize = headSize + placeSize

	// maxPacked is far above any request.
	maxPacked = 64 << 20

	maxIDLength = 32
)

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func validID(id string) bool {
	for i := range len(id) {
		if (id[i] < '0' || id[i] > '9') && (id[i] < 'a' || id[i] > 'z') {
			return false
		}
	}
	return id != "" && len(id) <= maxIDLength
}

// streamPrefix begins every key of the stream's shards.
func streamPrefix(id string) []byte { return append([]byte(id), 0) }

func shardKey(shard shardlog.Shard) []byte {
	return binary.BigEndian.AppendUint32(streamPrefix(shard.StreamID), shard.Index)
}

func slotKey(shard shardlog.Shard, slot uint64) []byte {
	return binary.BigEndian.AppendUint64(shardKey(shard), slot)
}

func decodeShardKey(k []byte) (shardlog.Shard, error) {
	n := len(k) - 5
	if n < 0 || k[n] != 0 || !validID(string(k[:n])) {
		return shardlog.Shard{}, corrupt("shard key %x", k)
	}
	return shardlog.Shard{StreamID: string(k[:n]), Index: binary.BigEndian.Uint32(k[n+1:])}, nil
}

// decodeSlotKey reads what follows the shard's key in a key of the log.
func decodeSlotKey(k, shard []byte) (slot uint64, err error) {
	tail := k[len(shard):]
	if len(tail) != 8 {
		return 0, corrupt("slot key %x", k)
	}
	return binary.BigEndian.Uint64(tail), nil
}

// entry is what the log holds of a content.
type entry struct {
	shardlog.Content               // without Packed
	length           int           // of the segment
	place            journal.Place // where in the journal it stands; none: it is empty
}

// appendHead appends what the journal and the log hold of a content beside its segment.
func appendHead(b []byte, c shardlog.Content, length int) []byte {
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Count))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Arrival.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.Unix()))
	b = append(b, c.Nonce[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(length))
}

// checkContent refuses a content that cannot be stored.
func checkContent(c shardlog.Content) error {
	if len(c.Packed) > maxPacked || c.Count < 0 || c.Count > 1<<16-1 {
		return fmt.Errorf("%w: a content of %d bytes and %d records cannot be stored", shardlog.ErrRefused, len(c.Packed), c.Count)
	}
	return nil
}

func appendPlace(b []byte, at journal.Place) []byte {
	b = binary.BigEndian.AppendUint64(b, at.File)
	return binary.BigEndian.AppendUint64(b, uint64(at.Offset))
}

func decodePlace(b []byte) journal.Place {
	return journal.Place{File: binary.BigEndian.Uint64(b), Offset: int64(binary.BigEndian.Uint64(b[8:]))}
}

func encodeEntry(e entry) []byte {
	return appendPlace(appendHead(make([]byte, 0, entrySize), e.Content, e.length), e.place)
}

func decodeEntry(b []byte) (e entry, err error) {
	if len(b) != entrySize {
		return e, corrupt("a content of %d bytes", len(b))
	}
	if e, err = decodeHead(b); err != nil {
		return e, err
	}
	e.place = decodePlace(b[headSize:])
	if e.place.Offset < 0 || (e.length == 0) != (e.place == journal.Place{}) {
		return e, corrupt("a segment of %d bytes stands at %+v", e.length, e.place)
	}
	return e, nil
}

// decodeHead reads what [appendHead] wrote.
func decodeHead(b []byte) (e entry, err error) {
	switch {
	case len(b) < headSize:
		return e, corrupt("a content of %d bytes", len(b))
	case b[0] != recordVersion:
		return e, corrupt("a content of version %d", b[0])
	}
	length := binary.BigEndian.Uint32(b[headSize-4:])
	if length > maxPacked {
		return e, corrupt("a segment of %d bytes", length)
	}
	e.length = int(length)
	e.Count = int(binary.BigEndian.Uint16(b[1:]))
	e.Arrival = time.UnixMilli(int64(binary.BigEndian.Uint64(b[3:]))).UTC()
	e.Expires = time.Unix(int64(binary.BigEndian.Uint64(b[expiresAt:])), 0).UTC()
	e.Nonce = shardlog.Nonce(b[19:])
	return e, nil
}
