// Package segment packs the records that one request sends to one shard into one run of bytes, and unpacks them.
//
// Layout, version 1, numbers big-endian, lengths as unsigned varints:
//
//	version   1 byte   1
//	codec     1 byte   0: the records stand as they are; 1: they are compressed
//	count     2 bytes  1 to 512
//	records   for each: flags (1 byte; 1: an explicit hash key follows), key length, partition key,
//	          explicit hash key (16 bytes, only if flagged), data length, data
//	checksum  4 bytes  CRC-32C of all that stands before it, compressed where it is
//
// With codec 1, in place of the records stands one zstd frame (RFC 8878) that tells its content's size: the records as they
// would stand, at most 5,256,704 bytes of them.
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
	"math/bits"

	"millrace/pkg/hashkey"
)

// MaxRecords is how many records a segment holds at most: the sequence numbers of one slot.
const MaxRecords = 512

const (
	version1  = 1
	codecNone = 0
	codecZstd = 1

	flagExplicit = 1

	hashSize     = 16
	headerSize   = 4
	checksumSize = 4
)

// ErrCorrupt is wrapped by every error of [Packer.Unpack] that says that bytes were lost or changed.
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

// HashKeys returns the [Record.HashKey] of each record, in less time than one by one.
func HashKeys(records []Record) []hashkey.Key {
	keys := make([]hashkey.Key, len(records))
	hasher := hashkey.NewHasher(keys)
	for i := range records {
		if explicit := records[i].ExplicitHash; explicit != nil {
			keys[i] = *explicit
			continue
		}
		hasher.Set(i, records[i].PartitionKey)
	}
	hasher.Flush()
	return keys
}

// Encode packs 1 to [MaxRecords] records, in order, as they are. It panics on any other number: the caller cuts requests up.
func Encode(records []Record) []byte {
	b := appendHeader(make([]byte, 0, headerSize+sizeOf(records)+checksumSize), codecNone, len(records))
	return appendChecksum(appendRecords(b, records))
}

func appendHeader(b []byte, codec byte, count int) []byte {
	if count == 0 || count > MaxRecords {
		panic(fmt.Sprintf("segment: %d records", count))
	}
	return binary.BigEndian.AppendUint16(append(b, version1, codec), uint16(count))
}

func appendChecksum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, checksum(b)) }

// sizeOf returns how many bytes appendRecords adds.
func sizeOf(records []Record) (size int) {
	for i := range records {
		r := &records[i]
		size += 1 + uvarintSize(len(r.PartitionKey)) + len(r.PartitionKey) + uvarintSize(len(r.Data)) + len(r.Data)
		if r.ExplicitHash != nil {
			size += hashSize
		}
	}
	return size
}

func uvarintSize(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }

func appendRecords(b []byte, records []Record) []byte {
	for i := range records {
		b = appendRecord(b, &records[i])
	}
	return b
}

func appendRecord(b []byte, r *Record) []byte {
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

// open checks a segment's frame, and returns its codec, its count, and what stands between header and checksum.
func open(b []byte) (codec byte, count int, body []byte, err error) {
	if len(b) < headerSize+checksumSize {
		return 0, 0, nil, corrupt("%d bytes are too few", len(b))
	}
	if b[0] != version1 {
		return 0, 0, nil, VersionError(b[0])
	}
	body, sum := b[:len(b)-checksumSize], binary.BigEndian.Uint32(b[len(b)-checksumSize:])
	if checksum(body) != sum {
		return 0, 0, nil, corrupt("checksum mismatch")
	}
	if b[1] != codecNone && b[1] != codecZstd {
		return 0, 0, nil, CodecError(b[1])
	}
	count = int(binary.BigEndian.Uint16(body[2:]))
	if count == 0 || count > MaxRecords {
		return 0, 0, nil, corrupt("count is %d", count)
	}
	return b[1], count, body[headerSize:], nil
}

// decode reads so many records, which take up all of b.
func decode(b []byte, count int) ([]Record, error) {
	d := decoder{rest: b}
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
		raw, err := d.take(hashSize)
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
