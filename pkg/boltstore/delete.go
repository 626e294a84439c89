package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"millrace/pkg/shardlog"
)

// deleteChunk bounds how many contents one transaction removes.
const deleteChunk = 1024

// DeleteStream implements [shardlog.Store].
//
// One transaction marks the stream and removes its counters, which ends all writing and reading; others then remove its contents, a
// chunk each, and the last one the stream itself. Where that is interrupted, the stream's name stays taken until DeleteStream is
// called again, or the store is opened again.
func (s *Store) DeleteStream(ctx context.Context, name string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	id, err := s.markDeleted(ctx, name)
	if err == nil {
		err = s.removeStream(ctx, name, id)
	}
	if err == nil {
		err = s.removeUnused(ctx)
	}
	if err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	return nil
}

// markDeleted makes the stream invisible and fences its shards. It does nothing where that was done before.
func (s *Store) markDeleted(ctx context.Context, name string) (id string, err error) {
	var fenced []shardlog.Shard
	err = s.updateCounters(ctx, func(tx *bbolt.Tx) (bool, error) {
		streams, counters := tx.Bucket([]byte(bucketStreams)), tx.Bucket([]byte(bucketCounters))
		raw := streams.Get([]byte(name))
		if raw == nil {
			return false, shardlog.ErrStreamNotFound
		}
		r, err := decodeStream(raw)
		if err != nil {
			return false, err
		}
		id = r.ID
		if r.Deleting {
			return false, nil
		}
		for _, k := range keysWith(counters, streamPrefix(id), 0) {
			shard, err := decodeShardKey(k)
			if err := errors.Join(err, counters.Delete(k)); err != nil {
				return false, err
			}
			fenced = append(fenced, shard)
		}
		r.Deleting = true
		raw, err = json.Marshal(r)
		if err != nil {
			return false, err
		}
		return true, streams.Put([]byte(name), raw)
	}, func() { s.slots.close(fenced) })
	return id, err
}

// removeStream removes what is stored for a stream that was marked, in chunks.
func (s *Store) removeStream(ctx context.Context, name, id string) error {
	for done := false; !done; {
		err := s.update(ctx, func(tx *bbolt.Tx) (changed bool, err error) {
			done, changed, err = removeChunk(tx, name, id)
			return changed, err
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// removeChunk removes some of the log, or if none is left the shards and the stream. Another call may have done so already,
// and the name may be another stream's by now.
func removeChunk(tx *bbolt.Tx, name, id string) (done, changed bool, err error) {
	streams, log := tx.Bucket([]byte(bucketStreams)), tx.Bucket([]byte(bucketLog))
	raw := streams.Get([]byte(name))
	if raw == nil {
		return true, false, nil
	}
	r, err := decodeStream(raw)
	if err != nil || r.ID != id {
		return true, false, err
	}
	prefix := streamPrefix(id)
	contents := keysWith(log, prefix, deleteChunk)
	if err := errors.Join(dropUses(tx, log, contents), deleteKeys(log, contents)); err != nil || len(contents) == deleteChunk {
		return false, true, err
	}
	shards := tx.Bucket([]byte(bucketShards))
	if err := deleteKeys(shards, keysWith(shards, prefix, 0)); err != nil {
		return false, true, err
	}
	return true, true, streams.Delete([]byte(name))
}

// finishDeletions removes the streams that are marked.
func (s *Store) finishDeletions() error {
	ids := map[string]string{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketStreams)).ForEach(func(name, v []byte) error {
			r, err := decodeStream(v)
			if err == nil && r.Deleting {
				ids[string(name)] = r.ID
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for name, id := range ids {
		if err := s.removeStream(context.Background(), name, id); err != nil {
			return fmt.Errorf("finish deleting stream %s: %w", name, err)
		}
	}
	return nil
}

// keysWith returns copies of the first keys that begin with prefix, at most limit if that is not 0. They are collected before they are
// deleted, as a deletion under a cursor makes it skip keys.
func keysWith(b *bbolt.Bucket, prefix []byte, limit int) [][]byte {
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && (limit == 0 || len(keys) < limit); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

// dropUses takes note that contents go. One that cannot be read has no use that is known of.
func dropUses(tx *bbolt.Tx, log *bbolt.Bucket, keys [][]byte) error {
	uses := fileUses{}
	for _, k := range keys {
		if e, err := decodeEntry(log.Get(k)); err == nil {
			uses.drop(e.place, e.length)
		}
	}
	return uses.store(tx)
}

func deleteKeys(b *bbolt.Bucket, keys [][]byte) error {
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
