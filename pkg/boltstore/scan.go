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
		page, err = scan(ctx, tx.Bucket([]byte(bucketLog)).Cursor(), shard, from, maxBytes)
		return err
	})
	if err != nil {
		return shardlog.Page{}, err
	}
	return page, nil
}

func scan(ctx context.Context, c *bbolt.Cursor, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	var page shardlog.Page
	prefix, size := shardKey(shard), 0
	k, v := c.Seek(slotKey(shard, from, 0))
	for bytes.HasPrefix(k, prefix) {
		if n := len(page.Contents); n > 0 && (size >= maxBytes || n == maxPageContents) {
			page.More = true
			break
		}
		if err := ctx.Err(); err != nil {
			return page, err
		}
		slot, content, err := readContent(k, v, prefix, c.Next)
		if err != nil {
			return page, fmt.Errorf("slot %d of shard %d: %w", slot, shard.Index, err)
		}
		page.Contents = append(page.Contents, shardlog.Placed{Slot: slot, Content: content})
		size += len(content.Packed)
		k, v = c.Next()
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
		for h, err := range heads(tx, shard, from) {
			first, found = h.Placed, true
			return err
		}
		return nil
	})
	if err != nil {
		return shardlog.Placed{}, false, err
	}
	return first, found, nil
}

// head is what is stored of a content before its segment: it has no Packed.
type head struct {
	shardlog.Placed
	length int // of the segment
}

// heads walks the contents of a shard from a slot on. It ends after an error.
func heads(tx *bbolt.Tx, shard shardlog.Shard, from uint64) iter.Seq2[head, error] {
	return func(yield func(head, error) bool) {
		c, prefix := tx.Bucket([]byte(bucketLog)).Cursor(), shardKey(shard)
		k, v := c.Seek(slotKey(shard, from, 0))
		for bytes.HasPrefix(k, prefix) {
			h, err := readHead(k, v, prefix)
			if err != nil {
				yield(h, fmt.Errorf("slot %d of shard %d: %w", h.Slot, shard.Index, err))
				return
			}
			if !yield(h, nil) {
				return
			}
			if n := pieces(h.length); n == 1 {
				k, v = c.Next()
			} else {
				k, v = c.Seek(slotKey(shard, h.Slot, n))
			}
		}
	}
}

func readHead(k, v, shard []byte) (h head, err error) {
	slot, piece, err := decodeSlotKey(k, shard)
	h.Slot = slot
	if err != nil {
		return h, err
	}
	if piece != 0 {
		return h, corrupt("it begins with piece %d", piece)
	}
	h.Content, h.length, _, err = decodeHead(v)
	return h, err
}

// readContent puts a content together from its first piece, k and v, and those that follow, and copies it: bbolt's memory
// ends with the transaction.
func readContent(k, v, shard []byte, following func() (k, v []byte)) (uint64, shardlog.Content, error) {
	slot, piece, err := decodeSlotKey(k, shard)
	if err != nil {
		return slot, shardlog.Content{}, err
	}
	if piece != 0 {
		return slot, shardlog.Content{}, corrupt("it begins with piece %d", piece)
	}
	content, length, part, err := decodeHead(v)
	if err != nil || length == 0 {
		return slot, content, err
	}
	content.Packed = append(make([]byte, 0, length), part...)
	for want := 1; len(content.Packed) < length; want++ {
		k, v := following()
		if !bytes.HasPrefix(k, shard) {
			return slot, content, corrupt("piece %d is missing", want)
		}
		at, piece, err := decodeSlotKey(k, shard)
		if err != nil {
			return slot, content, err
		}
		if at != slot || piece != want || len(v) != min(pieceSize, length-len(content.Packed)) {
			return slot, content, corrupt("piece %d is missing, piece %d of slot %d with %d bytes stands there", want, piece, at, len(v))
		}
		content.Packed = append(content.Packed, v...)
	}
	return slot, content, nil
}

// lastSlot returns the last slot that has content in the shard, 0 if none has.
func lastSlot(c *bbolt.Cursor, shard []byte) (uint64, error) {
	end := append(bytes.Clone(shard), bytes.Repeat([]byte{0xff}, 10)...)
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
	slot, _, err := decodeSlotKey(k, shard)
	return slot, err
}
