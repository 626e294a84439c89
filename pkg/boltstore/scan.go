package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// maxPageContents bounds a page where its contents are small or fillers.
const maxPageContents = 4096

// Scan implements [shardlog.Store]. A page holds at most 4,096 contents, too. It is empty for a shard that is gone with
// its stream.
func (s *Store) Scan(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	for again := true; ; again = false {
		page, err := s.scan(ctx, shard, from, maxBytes)
		// A file that is gone held contents that were dropped, or moved, since their entries were read.
		if again && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return page, err
	}
}

func (s *Store) scan(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (page shardlog.Page, err error) {
	var found []placedEntry
	if found, page.More, err = s.page(ctx, shard, from, maxBytes); err != nil {
		return shardlog.Page{}, err
	}
	reader := journal.NewReader(s.journalDir)
	defer reader.Close()
	for _, p := range found {
		if err := ctx.Err(); err != nil {
			return shardlog.Page{}, err
		}
		if p.length > 0 {
			if p.Packed, err = reader.Read(p.place, p.length); err != nil {
				return shardlog.Page{}, fmt.Errorf("slot %d of shard %d: %w", p.slot, shard.Index, err)
			}
		}
		page.Contents = append(page.Contents, shardlog.Placed{Slot: p.slot, Content: p.Content})
	}
	return page, nil
}

// page returns the entries of a page.
func (s *Store) page(ctx context.Context, shard shardlog.Shard, from uint64, maxBytes int) (found []placedEntry, more bool, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, false, err
	}
	pending := s.pending.from(shard, from, maxPageContents, maxBytes)
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucketCounters)).Get(shardKey(shard)) == nil {
			return nil
		}
		size := 0
		for p, err := range entries(tx, shard, from, pending) {
			if err != nil {
				return err
			}
			if n := len(found); n > 0 && (size >= maxBytes || n == maxPageContents) {
				more = true
				return nil
			}
			found = append(found, p)
			size += p.length
		}
		return nil
	})
	return found, more, err
}

// Peek implements [shardlog.Store]. It finds nothing in a shard that is gone with its stream.
func (s *Store) Peek(ctx context.Context, shard shardlog.Shard, from uint64) (first shardlog.Placed, found bool, err error) {
	entries, _, err := s.page(ctx, shard, from, 1)
	if err != nil || len(entries) == 0 {
		return shardlog.Placed{}, false, err
	}
	return shardlog.Placed{Slot: entries[0].slot, Content: entries[0].Content}, true, nil
}

// placedEntry is an entry with its slot.
type placedEntry struct {
	slot uint64
	entry
}

// entries walks the contents of a shard from a slot on: those of the index, and those that are pending, which are in slot order. It ends after an error.
func entries(tx *bbolt.Tx, shard shardlog.Shard, from uint64, pending []placedEntry) iter.Seq2[placedEntry, error] {
	return func(yield func(placedEntry, error) bool) {
		for p, err := range indexed(tx, shard, from) {
			for ; err == nil && len(pending) > 0 && pending[0].slot <= p.slot; pending = pending[1:] {
				// What was settled since it was found pending may have been changed since, too.
				if pending[0].slot < p.slot && !yield(pending[0], nil) {
					return
				}
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
		for _, p := range pending {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func indexed(tx *bbolt.Tx, shard shardlog.Shard, from uint64) iter.Seq2[placedEntry, error] {
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
