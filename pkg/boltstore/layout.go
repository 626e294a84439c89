package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"millrace/pkg/shardlog"
)

// FormatError is the format version of a file that a newer release wrote.
type FormatError uint32

func (e FormatError) Error() string {
	return fmt.Sprintf("the file has format %d, this build knows formats up to %d: it was written by a newer release", uint32(e), format)
}

// ErrCorrupt is wrapped by every error that says that what the file holds cannot have been written by this package.
var ErrCorrupt = errors.New("the stored data is corrupt")

const (
	format        = 1
	recordVersion = 1

	headSize  = 1 + 2 + 8 + 8 + 16 + 4 + 1
	expiresAt = 1 + 2 + 8 // where in a head the expiry stands
	placeSize = 8 + 4

	// placeInline and placeBlob tell what follows a head: the segment, or where it is.
	placeInline = 0
	placeBlob   = 1

	// maxInline is the largest segment that stands in the log itself. Larger ones are written once; smaller ones do not pay for the
	// pages that blobs take beside their own. Where 32 writers store 1 and 4 KB each, 256 bytes are a twentieth slower than this, and
	// 8 KB no faster, but they write two and one third more.
	maxInline = 2 << 10

	// maxPacked is far above any request, and keeps offsets in a blob within their 4 bytes.
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
	shardlog.Content        // without Packed
	length           int    // of the segment
	inline           []byte // the segment, where it stands in the log
	place                   // where else it is
}

// place is where in a blob a segment begins; blob 0: the segment is inline.
type place struct {
	blob   uint64
	offset int
}

// encodeEntry returns what the log holds of a content, in memory of its own. Where the segment is too large for that, its place is to
// be set yet.
func encodeEntry(c shardlog.Content) ([]byte, error) {
	if len(c.Packed) > maxPacked || c.Count < 0 || c.Count > 1<<16-1 {
		return nil, fmt.Errorf("%w: a content of %d bytes and %d records cannot be stored", shardlog.ErrRefused, len(c.Packed), c.Count)
	}
	b := make([]byte, 0, headSize+max(placeSize, min(len(c.Packed), maxInline)))
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Count))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Arrival.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.Unix()))
	b = append(b, c.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Packed)))
	if len(c.Packed) <= maxInline {
		return append(append(b, placeInline), c.Packed...), nil
	}
	return append(append(b, placeBlob), make([]byte, placeSize)...), nil
}

// setPlace sets the place in an entry that [encodeEntry] made for a large segment.
func setPlace(entry []byte, at place) {
	binary.BigEndian.PutUint64(entry[headSize:], at.blob)
	binary.BigEndian.PutUint32(entry[headSize+8:], uint32(at.offset))
}

// decodeEntry reads an entry. What is inline is in b's memory.
func decodeEntry(b []byte) (e entry, err error) {
	switch {
	case len(b) < headSize:
		return e, corrupt("a content of %d bytes", len(b))
	case b[0] != recordVersion:
		return e, corrupt("a content of version %d", b[0])
	}
	length, rest := binary.BigEndian.Uint32(b[headSize-5:]), b[headSize:]
	switch kind := b[headSize-1]; {
	case length > maxPacked:
		return e, corrupt("a segment of %d bytes", length)
	case kind == placeInline && len(rest) == int(length):
		e.inline = rest
	case kind == placeBlob && len(rest) == placeSize && binary.BigEndian.Uint64(rest) != 0:
		e.blob, e.offset = binary.BigEndian.Uint64(rest), int(binary.BigEndian.Uint32(rest[8:]))
	default:
		return e, corrupt("a segment of %d bytes has a place of kind %d and %d bytes", length, kind, len(rest))
	}
	e.length = int(length)
	e.Count = int(binary.BigEndian.Uint16(b[1:]))
	e.Arrival = time.UnixMilli(int64(binary.BigEndian.Uint64(b[3:]))).UTC()
	e.Expires = time.Unix(int64(binary.BigEndian.Uint64(b[expiresAt:])), 0).UTC()
	e.Nonce = shardlog.Nonce(b[19:])
	return e, nil
}
