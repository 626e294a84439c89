package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

const (
	// keyBlob is the one key in a blob's bucket.
	keyBlob = "b"

	// blobBytes is what a blob has at most, unless it is a single segment. Larger ones take longer to put together than they save: where
	// 32 writers store 500 KB each, blobs of 16 MB take more than twice as long as these.
	blobBytes = 256 << 10
)

// blobKey is the key of a blob's bucket among the blobs.
func blobKey(streamID string, id uint64) []byte {
	return binary.BigEndian.AppendUint64(streamPrefix(streamID), id)
}

// countKey is the key of a blob's count, which stands beside the bucket.
func countKey(streamID string, id uint64) []byte { return append(blobKey(streamID, id), 'n') }

// draft is the segments that become a blob.
type draft struct {
	segments [][]byte
	size     int
}

// drafts are the blobs of a transaction, by the ids of their streams.
type drafts struct {
	tx       uint64
	byStream map[string][]*draft
}

func newDrafts(tx *bbolt.Tx) drafts {
	return drafts{tx: uint64(tx.ID()), byStream: map[string][]*draft{}}
}

// add takes a segment on, and returns where it will be.
func (d drafts) add(streamID string, segment []byte) place {
	of := d.byStream[streamID]
	if n := len(of); n == 0 || of[n-1].size+len(segment) > blobBytes {
		of = append(of, &draft{})
		d.byStream[streamID] = of
	}
	n := len(of) - 1
	at := place{blob: d.id(n), offset: of[n].size}
	of[n].segments, of[n].size = append(of[n].segments, segment), at.offset+len(segment)
	return at
}

// id returns the id of the transaction's n-th blob of a stream. There are a hundred or so at most: of two in a row, the segments have
// more than blobBytes.
func (d drafts) id(n int) uint64 { return d.tx<<16 | uint64(n) }

func (d drafts) store(tx *bbolt.Tx) error {
	blobs := blobBucket(tx)
	for streamID, of := range d.byStream {
		for n, draft := range of {
			if err := draft.store(blobs, streamID, d.id(n)); err != nil {
				return fmt.Errorf("%w: %w", shardlog.ErrRefused, err)
			}
		}
	}
	return nil
}

func (d *draft) store(blobs *bbolt.Bucket, streamID string, id uint64) error {
	b, err := blobs.CreateBucket(blobKey(streamID, id))
	if err != nil {
		return err
	}
	value := d.segments[0]
	if len(d.segments) > 1 {
		value = bytes.Join(d.segments, nil)
	}
	if err := b.Put([]byte(keyBlob), value); err != nil {
		return err
	}
	return blobs.Put(countKey(streamID, id), binary.BigEndian.AppendUint32(nil, uint32(len(d.segments))))
}

// blobBucket returns the blobs, to be written to.
func blobBucket(tx *bbolt.Tx) *bbolt.Bucket {
	blobs := tx.Bucket([]byte(bucketBlobs))
	blobs.FillPercent = logFill
	return blobs
}

// dropSegment takes note that a content is gone, and removes its blob if that was the last one in it.
func dropSegment(blobs *bbolt.Bucket, streamID string, at place) error {
	if at.blob == 0 {
		return nil
	}
	key := countKey(streamID, at.blob)
	raw := blobs.Get(key)
	if len(raw) != 4 {
		return nil // it was lost, and Scan tells so
	}
	if n := binary.BigEndian.Uint32(raw); n > 1 {
		return blobs.Put(key, binary.BigEndian.AppendUint32(nil, n-1))
	}
	return dropBlob(blobs, blobKey(streamID, at.blob))
}

// dropBlob removes a blob and its count.
func dropBlob(blobs *bbolt.Bucket, key []byte) error {
	if err := blobs.DeleteBucket(key); err != nil {
		return err
	}
	return blobs.Delete(append(bytes.Clone(key), 'n'))
}

// dropBlobs removes blobs of a stream until they have deleteBytes, and tells whether others may be left.
func dropBlobs(blobs *bbolt.Bucket, streamID string) (more bool, err error) {
	var keys [][]byte
	prefix, size := streamPrefix(streamID), 0
	c := blobs.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && !more; k, v = c.Next() {
		if v != nil {
			continue // a count
		}
		keys = append(keys, bytes.Clone(k))
		size += len(blobs.Bucket(k).Get([]byte(keyBlob)))
		more = size >= deleteBytes || len(keys) == deleteChunk
	}
	for _, k := range keys {
		if err := dropBlob(blobs, k); err != nil {
			return false, err
		}
	}
	return more, nil
}

// segments reads segments of a stream.
type segments struct {
	blobs    *bbolt.Bucket
	streamID string
	id       uint64 // of the blob read last: contents that follow each other are often in one
	blob     []byte
}

// read returns a copy of an entry's segment, as bbolt's memory ends with the transaction; nil if it is empty.
func (s *segments) read(e entry) ([]byte, error) {
	switch {
	case e.length == 0:
		return nil, nil
	case e.blob == 0:
		return bytes.Clone(e.inline), nil
	case e.blob != s.id:
		s.id, s.blob = e.blob, nil
		if b := s.blobs.Bucket(blobKey(s.streamID, e.blob)); b != nil {
			s.blob = b.Get([]byte(keyBlob))
		}
	}
	if e.offset+e.length > len(s.blob) {
		return nil, corrupt("its %d bytes from %d on are not in blob %d, which has %d", e.length, e.offset, e.blob, len(s.blob))
	}
	return bytes.Clone(s.blob[e.offset : e.offset+e.length]), nil
}
