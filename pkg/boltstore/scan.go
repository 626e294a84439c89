package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

// maxPageContents bounds a page where its contents are small or fillers.
const maxPageContents = 4096

// Scan implements [shardlog.Store]. A page holds at most 4,096 contents, too. It is empty for a shard that is gone with
// its stream.
func (s *Store) Scan(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	if err := s.ready(ctx); err != nil {
		return shardlog.Page{}, err
	}
	var page shardlog.Page
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard)) == nil {
			return nil
		}
		var err error
		page, err = scan(ctx, tx, shard, from, maxBytes)
		return err
	})
	if err != nil {
		return shardlog.Page{}, err
	}
	return page, nil
}

func scan(ctx context.Context, tx *bbolt.Tx, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	var page shardlog.Page
	reader, size := segments{blobs: tx.Bucket([]byte(bucketBlobs)), streamID: shard.StreamID}, 0
	for p, err := range entries(tx, shard, from) {
		if err != nil {
			return page, err
		}
		if n := len(page.Contents); n > 0 && (size >= maxBytes || n == maxPageContents) {
			page.More = true
			break
		}
		if err := ctx.Err(); err != nil {
			return page, err
		}
		if p.Packed, err = reader.read(p.entry); err != nil {
			return page, fmt.Errorf("slot %d of shard %d: %w", p.slot, shard.Index, err)
		}
		page.Contents = append(page.Contents, shardlog.Placed{Slot: p.slot, Content: p.Content})
		size += p.length
	}
	return page, nil
}

// Peek implements [shardlog.Store]. It finds nothing in a shard that is gone with its stream.
func (s *Store) Peek(ctx context.Context, shard shardlog.Shard, from uint64) (first shardlog.Placed, found bool, err error) {
	if err := s.ready(ctx); err != nil {
		return first, false, err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard)) == nil {
			return nil
		}
		for p, err := range entries(tx, shard, from) {
			first, found = shardlog.Placed{Slot: p.slot, Content: p.Content}, true
			return err
		}
		return nil
	})
	if err != nil {
		return shardlog.Placed{}, false, err
	}
	return first, found, nil
}

// placedEntry is an entry with its slot.
type placedEntry struct {
	slot uint64
	entry
}

// entries walks the contents of a shard from a slot on. It ends after an error.
func entries(tx *bbolt.Tx, shard shardlog.Shard, from uint64) iter.Seq2[placedEntry, error] {
	return func(yield func(placedEntry, error) bool) {
		c, prefix := tx.Bucket([]byte(bucketLog)).Cursor(), shardKey(shard)
		for k, v := c.Seek(slotKey(shard, from)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var p placedEntry
			var err error
			if p.slot, err = decodeSlotKey(k, prefix); err == nil {
				p.entry, err = decodeEntry(v)
			}
			if err != nil {
				yield(p, fmt.Errorf("slot %d of shard %d: %w", p.slot, shard.Index, err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// lastSlot returns the last slot that has content in the shard, 0 if none has.
func lastSlot(c *bbolt.Cursor, shard []byte) (uint64, error) {
	end := append(bytes.Clone(shard), bytes.Repeat([]byte{0xff}, 9)...)
	k, _ := c.Seek(end)
	switch {
	case k == nil:
		k, _ = c.Last()
	case !bytes.Equal(k, end):
		k, _ = c.Prev()
	}
	if !bytes.HasPrefix(k, shard) {
		return 0, nil
	}
	return decodeSlotKey(k, shard)
}
