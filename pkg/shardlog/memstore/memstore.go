// Package memstore keeps streams in memory: for tests, and for a local endpoint that forgets.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"millrace/pkg/shardlog"
)

// Store is a [shardlog.Store] in memory. Nothing outlives it.
type Store struct {
	mu      sync.RWMutex
	streams map[string]shardlog.Stream
	shards  map[shardlog.Shard]*shard
}

// shard is a shard's counter and slots. It is in Store.shards for as long as its counter is open.
type shard struct {
	mu     sync.Mutex
	next   uint64
	placed []shardlog.Placed // in slot order
}

// New returns an empty store.
func New() *Store {
	return &Store{streams: map[string]shardlog.Stream{}, shards: map[shardlog.Shard]*shard{}}
}

// shard returns nil where the shard is closed.
func (s *Store) shard(name shardlog.Shard) *shard {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shards[name]
}

// Allocate implements [shardlog.Store].
func (s *Store) Allocate(ctx context.Context, name shardlog.Shard) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	// The map's lock is held throughout, so that no slot is handed out once DeleteStream has returned.
	s.mu.RLock()
	defer s.mu.RUnlock()
	sh := s.shards[name]
	if sh == nil {
		return 0, shardlog.ErrShardClosed
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.next++
	return sh.next, nil
}

// PutOnce implements [shardlog.Store]. A put for a shard that is gone with its stream is taken and forgotten at once.
// It panics at a slot that was never handed out: no step of the protocol writes there.
func (s *Store) PutOnce(ctx context.Context, name shardlog.Shard, slot uint64, c shardlog.Content) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(name)
	if sh == nil {
		return nil
	}
	c.Packed = bytes.Clone(c.Packed)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if slot == 0 || slot > sh.next {
		panic(fmt.Sprintf("memstore: put at slot %d of %v, which was never handed out", slot, name))
	}
	i, taken := sh.find(slot)
	if taken {
		return &shardlog.SlotTakenError{Existing: copied(sh.placed[i].Content)}
	}
	sh.placed = slices.Insert(sh.placed, i, shardlog.Placed{Slot: slot, Content: c})
	return nil
}

// Scan implements [shardlog.Store].
func (s *Store) Scan(ctx context.Context, name shardlog.Shard, from uint64, maxBytes int) (shardlog.Page, error) {
	if err := ctx.Err(); err != nil {
		return shardlog.Page{}, err
	}
	sh := s.shard(name)
	if sh == nil {
		return shardlog.Page{}, nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	first, _ := sh.find(from)
	var page shardlog.Page
	for size, i := 0, first; i < len(sh.placed); i++ {
		if len(page.Contents) > 0 && size >= maxBytes {
			page.More = true
			break
		}
		p := sh.placed[i]
		p.Content = copied(p.Content)
		page.Contents = append(page.Contents, p)
		size += len(p.Packed)
	}
	return page, nil
}

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
	stream.Shards = slices.Clone(stream.Shards)
	s.streams[stream.Name] = stream
	for _, info := range stream.Shards {
		s.shards[stream.Shard(info.Index)] = &shard{}
	}
	return nil
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
	stream.Shards = slices.Clone(stream.Shards)
	return stream, nil
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

func (sh *shard) find(slot uint64) (int, bool) {
	return slices.BinarySearchFunc(sh.placed, slot, func(p shardlog.Placed, slot uint64) int { return cmp.Compare(p.Slot, slot) })
}

func copied(c shardlog.Content) shardlog.Content {
	c.Packed = bytes.Clone(c.Packed)
	return c
}
