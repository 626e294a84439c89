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

// CreateStream implements [shardlog.Store]. A name whose stream is still being deleted is taken. An id that is malformed or
// was used before fails with [shardlog.ErrRefused].
func (s *Store) CreateStream(ctx context.Context, stream shardlog.Stream) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if !validID(stream.ID) {
		return fmt.Errorf("%w: stream id %q", shardlog.ErrRefused, stream.ID)
	}
	err := s.update(ctx, func(tx *bbolt.Tx) (bool, error) { return true, putStream(tx, stream) }, func() {
		s.slots.open(newCounters(stream, stream.Shards))
	})
	if err != nil {
		return fmt.Errorf("create stream %s: %w", stream.Name, err)
	}
	return nil
}

func putStream(tx *bbolt.Tx, stream shardlog.Stream) error {
	streams, shards := tx.Bucket([]byte(bucketStreams)), tx.Bucket([]byte(bucketShards))
	if streams.Get([]byte(stream.Name)) != nil {
		return shardlog.ErrStreamExists
	}
	prefix := streamPrefix(stream.ID)
	if k, _ := shards.Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) {
		return fmt.Errorf("%w: stream id %s is in use", shardlog.ErrRefused, stream.ID)
	}
	r := streamRecord{ID: stream.ID, Created: stream.Created.UTC(), Revision: stream.Revision}
	r.set(stream.Settings)
	if err := putRecord(tx, stream.Name, r); err != nil {
		return err
	}
	return putShards(tx, stream, stream.Shards)
}

func putRecord(tx *bbolt.Tx, name string, r streamRecord) error {
	raw, err := json.Marshal(r)
	if err == nil {
		err = tx.Bucket([]byte(bucketStreams)).Put([]byte(name), raw)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", shardlog.ErrRefused, err)
	}
	return nil
}

// putShards stores new shards of a stream, and their counters.
func putShards(tx *bbolt.Tx, stream shardlog.Stream, infos []shardlog.ShardInfo) error {
	var errs []error
	for _, info := range infos {
		errs = append(errs, putShard(tx, stream.Shard(info.Index), info))
	}
	for shard, c := range newCounters(stream, infos) {
		errs = append(errs, tx.Bucket([]byte(bucketCounters)).Put(shardKey(shard), encodeCounter(c)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", shardlog.ErrRefused, err)
	}
	return nil
}

func putShard(tx *bbolt.Tx, shard shardlog.Shard, info shardlog.ShardInfo) error {
	raw, err := encodeShard(info)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketShards)).Put(shardKey(shard), raw)
}

// LoadStream implements [shardlog.Store].
func (s *Store) LoadStream(ctx context.Context, name string) (shardlog.Stream, error) {
	if err := s.ready(ctx); err != nil {
		return shardlog.Stream{}, err
	}
	var stream shardlog.Stream
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		var err error
		stream, err = getStream(tx, name)
		return err
	})
	if err != nil {
		return shardlog.Stream{}, fmt.Errorf("load stream %s: %w", name, err)
	}
	return stream, nil
}

func getStream(tx *bbolt.Tx, name string) (shardlog.Stream, error) {
	raw := tx.Bucket([]byte(bucketStreams)).Get([]byte(name))
	if raw == nil {
		return shardlog.Stream{}, shardlog.ErrStreamNotFound
	}
	r, err := decodeStream(raw)
	if err != nil {
		return shardlog.Stream{}, err
	}
	if r.Deleting {
		return shardlog.Stream{}, shardlog.ErrStreamNotFound
	}
	stream := r.stream(name)
	prefix, c := streamPrefix(r.ID), tx.Bucket([]byte(bucketShards)).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		shard, err := decodeShardKey(k)
		if err != nil {
			return shardlog.Stream{}, err
		}
		info, err := decodeShard(shard.Index, v)
		if err != nil {
			return shardlog.Stream{}, err
		}
		stream.Shards = append(stream.Shards, info)
	}
	return stream, nil
}

// ListStreams implements [shardlog.Store].
func (s *Store) ListStreams(ctx context.Context, after string, limit int) (streams []shardlog.Stream, more bool, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, false, err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		streams, more, err = listStreams(tx, after, limit)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list streams: %w", err)
	}
	return streams, more, nil
}

func listStreams(tx *bbolt.Tx, after string, limit int) (streams []shardlog.Stream, more bool, err error) {
	c := tx.Bucket([]byte(bucketStreams)).Cursor()
	for k, v := c.Seek([]byte(after)); k != nil; k, v = c.Next() {
		if string(k) == after {
			continue
		}
		r, err := decodeStream(v)
		if err != nil {
			return nil, false, err
		}
		if r.Deleting {
			continue
		}
		if len(streams) >= limit {
			return streams, true, nil
		}
		streams = append(streams, shardlog.Stream{
			Name: string(k), ID: r.ID, Created: r.Created, Settings: shardlog.Settings{Mode: r.Mode},
		})
	}
	return streams, false, nil
}

// UpdateStream implements [shardlog.Store].
func (s *Store) UpdateStream(ctx context.Context, stream shardlog.Stream) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	err := s.update(ctx, func(tx *bbolt.Tx) (changed bool, err error) {
		r, err := standing(tx, stream)
		if err != nil {
			return false, err
		}
		if r.Revision != stream.Revision {
			return false, shardlog.ErrStreamChanged
		}
		r.set(stream.Settings)
		r.Revision++
		return true, putRecord(tx, stream.Name, r)
	}, nil)
	if err != nil {
		return fmt.Errorf("update stream %s: %w", stream.Name, err)
	}
	return nil
}

// standing returns the record of a stream that was loaded. It fails with ErrStreamChanged where it is gone or another one.
func standing(tx *bbolt.Tx, stream shardlog.Stream) (streamRecord, error) {
	raw := tx.Bucket([]byte(bucketStreams)).Get([]byte(stream.Name))
	if raw == nil {
		return streamRecord{}, shardlog.ErrStreamChanged
	}
	r, err := decodeStream(raw)
	if err == nil && (r.Deleting || r.ID != stream.ID) {
		err = shardlog.ErrStreamChanged
	}
	return r, err
}
