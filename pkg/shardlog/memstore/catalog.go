package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"millrace/pkg/shardlog"
)

// CreateStream implements [shardlog.Store].
func (s *Store) CreateStream(ctx context.Context, stream shardlog.Stream) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.streams[stream.Name]; ok {
		return shardlog.ErrStreamExists
	}
	s.streams[stream.Name] = copiedStream(stream)
	s.addCounters(stream, stream.Shards)
	return nil
}

func (s *Store) addCounters(stream shardlog.Stream, infos []shardlog.ShardInfo) {
	for _, info := range infos {
		s.shards[stream.Shard(info.Index)] = &shard{counter: shardlog.NewCounter(info.Created, stream.Retention)}
	}
}

// LoadStream implements [shardlog.Store].
func (s *Store) LoadStream(ctx context.Context, name string) (shardlog.Stream, error) {
	if err := ctx.Err(); err != nil {
		return shardlog.Stream{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	stream, ok := s.streams[name]
	if !ok {
		return shardlog.Stream{}, shardlog.ErrStreamNotFound
	}
	return copiedStream(stream), nil
}

// ListStreams implements [shardlog.Store].
func (s *Store) ListStreams(ctx context.Context, after string, limit int) (streams []shardlog.Stream, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := slices.DeleteFunc(slices.SortedFunc(maps.Keys(s.streams), strings.Compare), func(name string) bool { return name <= after })
	for _, name := range names[:min(limit, len(names))] {
		full := s.streams[name]
		streams = append(streams, shardlog.Stream{
			Name: name, ID: full.ID, Created: full.Created, Settings: shardlog.Settings{Mode: full.Mode},
		})
	}
	return streams, len(names) > limit, nil
}

// UpdateStream implements [shardlog.Store].
func (s *Store) UpdateStream(ctx context.Context, stream shardlog.Stream) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	standing, ok := s.streams[stream.Name]
	if !ok || standing.ID != stream.ID || standing.Revision != stream.Revision {
		return shardlog.ErrStreamChanged
	}
	standing.Settings = copiedStream(stream).Settings
	standing.Revision++
	s.streams[stream.Name] = standing
	return nil
}

// Reshard implements [shardlog.Store].
func (s *Store) Reshard(ctx context.Context, stream shardlog.Stream, closing []uint32, opening []shardlog.ShardInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	standing, ok := s.streams[stream.Name]
	if !ok || standing.ID != stream.ID || len(standing.Shards) != len(stream.Shards) {
		return shardlog.ErrStreamChanged
	}
	for _, index := range closing {
		if !standing.Shards[index].IsOpen() {
			return shardlog.ErrStreamChanged
		}
	}
	for _, index := range closing {
		standing.Shards[index].Closed = opening[0].Created
		s.shards[stream.Shard(index)].counter.Open = false
	}
	standing.Shards = append(standing.Shards, copiedShards(opening)...)
	s.streams[stream.Name] = standing
	s.addCounters(standing, opening)
	return nil
}

// SealShard implements [shardlog.Store].
func (s *Store) SealShard(ctx context.Context, name shardlog.Shard, final uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.streams {
		if stream.ID == name.StreamID {
			info := &stream.Shards[name.Index]
			info.Sealed, info.Final = true, final
			return nil
		}
	}
	return shardlog.ErrStreamChanged
}

// DeleteStream implements [shardlog.Store].
func (s *Store) DeleteStream(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, ok := s.streams[name]
	if !ok {
		return shardlog.ErrStreamNotFound
	}
	delete(s.streams, name)
	for _, info := range stream.Shards {
		delete(s.shards, stream.Shard(info.Index))
	}
	return nil
}

// copiedStream returns a stream that shares no memory with the one given.
func copiedStream(stream shardlog.Stream) shardlog.Stream {
	stream.Tags = maps.Clone(stream.Tags)
	stream.Shards = copiedShards(stream.Shards)
	return stream
}

func copiedShards(infos []shardlog.ShardInfo) []shardlog.ShardInfo {
	infos = slices.Clone(infos)
	for i := range infos {
		infos[i].Parents = slices.Clone(infos[i].Parents)
	}
	return infos
}
