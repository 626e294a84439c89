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

	headSize  = 1 + 2 + 8 + 8 + 16 + 4
	expiresAt = 1 + 2 + 8 // where in a head the expiry stands

	// pieceSize makes two pieces with their keys and bbolt's headers fill 32 KB of pages.
	pieceSize = 16_300

	// maxPacked is far above any request, and keeps piece numbers within their 2 bytes.
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

func slotKey(shard shardlog.Shard, slot uint64, piece int) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(shardKey(shard), slot), uint16(piece))
}

func decodeShardKey(k []byte) (shardlog.Shard, error) {
	n := len(k) - 5
	if n < 0 || k[n] != 0 || !validID(string(k[:n])) {
		return shardlog.Shard{}, corrupt("shard key %x", k)
	}
	return shardlog.Shard{StreamID: string(k[:n]), Index: binary.BigEndian.Uint32(k[n+1:])}, nil
}

// decodeSlotKey reads what follows the shard's key in a key of the log.
func decodeSlotKey(k, shard []byte) (slot uint64, piece int, err error) {
	tail := k[len(shard):]
	if len(tail) != 10 {
		return 0, 0, corrupt("slot key %x", k)
	}
	return binary.BigEndian.Uint64(tail), int(binary.BigEndian.Uint16(tail[8:])), nil
}

// encodeContent returns the head and the segment in memory of their own, to be cut into pieces.
func encodeContent(c shardlog.Content) ([]byte, error) {
	if len(c.Packed) > maxPacked || c.Count < 0 || c.Count > 1<<16-1 {
		return nil, fmt.Errorf("%w: a content of %d bytes and %d records cannot be stored", shardlog.ErrRefused, len(c.Packed), c.Count)
	}
	b := make([]byte, 0, headSize+len(c.Packed))
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Count))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Arrival.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.Unix()))
	b = append(b, c.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Packed)))
	return append(b, c.Packed...), nil
}

// decodeHead reads the head of a content from its first piece. It leaves Packed out, and returns its length and what of it
// stands in the first piece, in b's memory.
func decodeHead(b []byte) (c shardlog.Content, length int, first []byte, err error) {
	switch {
	case len(b) < headSize:
		return c, 0, nil, corrupt("a content of %d bytes", len(b))
	case b[0] != recordVersion:
		return c, 0, nil, corrupt("a content of version %d", b[0])
	}
	packed := binary.BigEndian.Uint32(b[headSize-4:])
	first = b[headSize:]
	if packed > maxPacked || len(first) != min(int(packed), pieceSize-headSize) {
		return c, 0, nil, corrupt("a segment of %d bytes, %d of them in its first piece", packed, len(first))
	}
	c.Count = int(binary.BigEndian.Uint16(b[1:]))
	c.Arrival = time.UnixMilli(int64(binary.BigEndian.Uint64(b[3:]))).UTC()
	c.Expires = time.Unix(int64(binary.BigEndian.Uint64(b[expiresAt:])), 0).UTC()
	c.Nonce = shardlog.Nonce(b[19:])
	return c, int(packed), first, nil
}

// pieces returns in how many pieces a segment of that length is stored, its head included.
func pieces(length int) int { return (headSize + length + pieceSize - 1) / pieceSize }
