// Package segment packs the records that one request sends to one shard into one run of bytes, and unpacks them.
//
// Layout, version 1, numbers big-endian, lengths as unsigned varints:
//
//	version   1 byte   1
//	codec     1 byte   0: the records stand as they are
//	count     2 bytes  1 to 512
//	records   for each: flags (1 byte; 1: an explicit hash key follows), key length, partition key,
//	          explicit hash key (16 bytes, only if flagged), data length, data
//	checksum  4 bytes  CRC-32C of all that stands before it
//
// A reader refuses a version or codec that it does not know with [VersionError] or [CodecError]: a newer writer may
// share the table during a deployment. A change of layout takes the next version, and readers keep the old ones for as long as the
// longest retention.
package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"millrace/pkg/hashkey"
)

// MaxRecords is how many records a segment holds at most: the sequence numbers of one slot.
const MaxRecords = 512

const (
	version1  = 1
	codecNone = 0

	flagExplicit = 1

	headerSize   = 4
	checksumSize = 4
)

// ErrCorrupt is wrapped by every error of [Decode] that says that bytes were lost or changed.
var ErrCorrupt = errors.New("segment is corrupt")

// VersionError is a segment's layout version that this build does not know.
type VersionError byte

func (e VersionError) Error() string {
	return fmt.Sprintf("segment has layout version %d, this build reads version %d: it was written by a newer release", byte(e), version1)
}

// CodecError is a segment's codec that this build does not know.
type CodecError byte

func (e CodecError) Error() string {
	return fmt.Sprintf("segment has codec %d, which this build does not know: it was written by a newer release", byte(e))
}

// Record is one record as a producer sent it.
type Record struct {
	PartitionKey string
	ExplicitHash *hashkey.Key // nil: the partition key decides the shard
	Data         []byte
}

// HashKey returns the key that decides the record's shard.
func (r Record) HashKey() hashkey.Key {
	if r.ExplicitHash != nil {
		return *r.ExplicitHash
	}
	return hashkey.Of(r.PartitionKey)
}

// Encode packs 1 to [MaxRecords] records, in order. It panics on any other number: the caller cuts requests up.
func Encode(records []Record) []byte {
	if len(records) == 0 || len(records) > MaxRecords {
		panic(fmt.Sprintf("segment: Encode of %d records", len(records)))
	}
	b := make([]byte, 0, encodedSize(records))
	b = append(b, version1, codecNone)
	b = binary.BigEndian.AppendUint16(b, uint16(len(records)))
	for _, r := range records {
		b = appendRecord(b, r)
	}
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

func encodedSize(records []Record) int {
	const perRecord = 1 + 2*binary.MaxVarintLen32 + 16
	size := headerSize + checksumSize
	for _, r := range records {
		size += perRecord + len(r.PartitionKey) + len(r.Data)
	}
	return size
}

func appendRecord(b []byte, r Record) []byte {
	var flags byte
	if r.ExplicitHash != nil {
		flags |= flagExplicit
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(r.PartitionKey)))
	b = append(b, r.PartitionKey...)
	if r.ExplicitHash != nil {
		b = binary.BigEndian.AppendUint64(b, r.ExplicitHash.Hi)
		b = binary.BigEndian.AppendUint64(b, r.ExplicitHash.Lo)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Data)))
	return append(b, r.Data...)
}

// Decode unpacks a segment. The records' data shares b's memory. An error is a [VersionError], a [CodecError] or
// wraps [ErrCorrupt]; a segment is returned whole or not at all.
func Decode(b []byte) ([]Record, error) {
	if len(b) < headerSize+checksumSize {
		return nil, corrupt("%d bytes are too few", len(b))
	}
	if b[0] != version1 {
		return nil, VersionError(b[0])
	}
	body, sum := b[:len(b)-checksumSize], binary.BigEndian.Uint32(b[len(b)-checksumSize:])
	if checksum(body) != sum {
		return nil, corrupt("checksum mismatch")
	}
	if b[1] != codecNone {
		return nil, CodecError(b[1])
	}
	count := int(binary.BigEndian.Uint16(body[2:]))
	if count == 0 || count > MaxRecords {
		return nil, corrupt("count is %d", count)
	}
	d := decoder{rest: body[headerSize:]}
	records := make([]Record, count)
	for i := range records {
		if err := d.record(&records[i]); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	if len(d.rest) != 0 {
		return nil, corrupt("%d bytes follow the last record", len(d.rest))
	}
	return records, nil
}

type decoder struct {
	rest []byte
}

func (d *decoder) record(r *Record) error {
	flags, err := d.take(1)
	if err != nil {
		return err
	}
	if flags[0]&^flagExplicit != 0 {
		return corrupt("unknown flags %#x", flags[0])
	}
	key, err := d.sized()
	if err != nil {
		return err
	}
	r.PartitionKey = string(key)
	if flags[0]&flagExplicit != 0 {
		raw, err := d.take(16)
		if err != nil {
			return err
		}
		r.ExplicitHash = &hashkey.Key{Hi: binary.BigEndian.Uint64(raw), Lo: binary.BigEndian.Uint64(raw[8:])}
	}
	r.Data, err = d.sized()
	return err
}

func (d *decoder) sized() ([]byte, error) {
	n, width := binary.Uvarint(d.rest)
	if width <= 0 || n > uint64(len(d.rest)-width) {
		return nil, corrupt("a length runs past the end")
	}
	d.rest = d.rest[width:]
	return d.take(int(n))
}

func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.rest) {
		return nil, corrupt("it ends early")
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b, nil
}

func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}
