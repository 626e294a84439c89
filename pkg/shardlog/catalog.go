package shardlog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"millrace/pkg/hashkey"
)

// OpenShards returns the stream's open shards in the order of their hash key ranges.
func (s Stream) OpenShards() []ShardInfo {
	open := slices.DeleteFunc(slices.Clone(s.Shards), func(i ShardInfo) bool { return !i.IsOpen() })
	slices.SortFunc(open, func(a, b ShardInfo) int {
		return cmp.Or(a.Keys.Start.Compare(b.Keys.Start), cmp.Compare(a.Index, b.Index))
	})
	return open
}

// ShardFor returns the open shard that owns a hash key.
func (s Stream) ShardFor(k hashkey.Key) ShardInfo {
	for _, info := range s.Shards {
		if info.IsOpen() && info.Keys.Contains(k) {
			return info
		}
	}
	return ShardInfo{}
}

// Create stores a new stream under an id of its own. It fails with [ErrStreamExists] if the name is taken.
func (s *Streams) Create(ctx context.Context, stream Stream) error {
	// Each try has an id of its own: one that was applied unseen may be in use already.
	tried := map[string]bool{}
	for n := 1; ; n++ {
		stream.ID = newStreamID()
		err := s.log.store.CreateStream(ctx, stream)
		if errors.Is(err, ErrStreamExists) && len(tried) > 0 {
			if standing, loadErr := s.loadNow(ctx, stream.Name); loadErr == nil && tried[standing.ID] {
				return nil
			}
		}
		if err == nil {
			return nil
		}
		if isAnswer(err) || n == quickTries || !backoff(ctx, n) {
			return fmt.Errorf("create stream %s: %w", stream.Name, err)
		}
		tried[stream.ID] = true
	}
}

// newStreamID returns 26 of [a-z2-7], 130 bits.
func newStreamID() string { return strings.ToLower(rand.Text()) }

// Describe returns the stream's map as it stands, not as it is cached. It fails with [ErrStreamNotFound].
func (s *Streams) Describe(ctx context.Context, name string) (Stream, error) {
	stream, err := s.loadNow(ctx, name)
	if err != nil {
		return Stream{}, fmt.Errorf("describe stream %s: %w", name, err)
	}
	return stream, nil
}

// Cached returns the stream's map as [Streams.Put] uses it, a few seconds old at most.
func (s *Streams) Cached(ctx context.Context, name string) (Stream, error) {
	m, err := s.mapOf(ctx, name)
	if err != nil {
		return Stream{}, err
	}
	return m.Stream, nil
}

// ReadAhead reads the stream's map, in TryTimeout at most, so that a [Streams.Put] that follows finds it read. Where that
// fails Put reads it itself.
//
// The reading ends with its context, and no other call shares it. Whoever asks for it may be turned away a moment later: then nothing
// is left under way in a process that may be frozen, and nobody waits for what was given up.
func (s *Streams) ReadAhead(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, s.log.options.TryTimeout)
	defer cancel()
	_, _ = s.load(ctx, name)
}

// List returns the streams after a name, in the order of their names: Name, ID, Created and Mode alone.
func (s *Streams) List(ctx context.Context, after string, limit int) (streams []Stream, more bool, err error) {
	err = s.log.tryQuickly(ctx, func(ctx context.Context) (err error) {
		streams, more, err = s.log.store.ListStreams(ctx, after, limit)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list streams: %w", err)
	}
	return streams, more, nil
}

// Delete removes a stream with all its records. It fails with [ErrStreamNotFound].
func (s *Streams) Delete(ctx context.Context, name string) error {
	defer s.forget(name)
	for n := 1; ; n++ {
		err := s.log.store.DeleteStream(ctx, name)
		switch {
		case err == nil, n > 1 && errors.Is(err, ErrStreamNotFound): // an earlier try was applied
			return nil
		case isAnswer(err) || n == quickTries || !backoff(ctx, n):
			return fmt.Errorf("delete stream %s: %w", name, err)
		}
	}
}

// forget makes the next call read the stream's map again.
func (s *Streams) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.maps, name)
}

// updateTries bounds how often a change is tried on a stream that others change at the same time.
const updateTries = 10

// Update changes a stream's settings. The change is made on the settings as they stand, and may be called several times.
// An error that it returns is returned. Retention is for [Streams.SetRetention] to change.
func (s *Streams) Update(ctx context.Context, name string, change func(*Settings) error) error {
	for n := 1; ; n++ {
		stream, err := s.Describe(ctx, name)
		if err != nil {
			return err
		}
		stream.Tags = maps.Clone(stream.Tags)
		if err := change(&stream.Settings); err != nil {
			return err
		}
		err = s.log.try(ctx, func(ctx context.Context) error { return s.log.store.UpdateStream(ctx, stream) })
		if err == nil {
			s.forget(name)
			return nil
		}
		// A change that was applied unseen is made once more: the same change on its own outcome.
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrStreamNotFound) || n == updateTries || !backoff(ctx, n) {
			return fmt.Errorf("update stream %s: %w", name, err)
		}
	}
}

// SetRetention changes how long records are retained. A longer retention holds for all records that have not expired;
// what has expired does not come back. The change may not be made yet where it fails; calling again goes on.
func (s *Streams) SetRetention(ctx context.Context, name string, retention time.Duration) error {
	for {
		stream, err := s.Describe(ctx, name)
		if err != nil {
			return err
		}
		if err := s.setRetention(ctx, stream, retention); err != nil {
			return fmt.Errorf("set the retention of stream %s: %w", name, err)
		}
		// Shards that were opened meanwhile were opened with the retention from before.
		opened, err := s.Describe(ctx, name)
		if err != nil || len(opened.Shards) == len(stream.Shards) {
			return err
		}
	}
}

func (s *Streams) setRetention(ctx context.Context, stream Stream, retention time.Duration) error {
	if retention >= stream.Retention { // the same: an earlier call may have failed on its way
		if err := s.extend(ctx, stream, retention); err != nil {
			return err
		}
	}
	err := s.Update(ctx, stream.Name, func(settings *Settings) error {
		since := settings.since(s.log.now()).Truncate(time.Second)
		settings.Retention, settings.RetainedSince = retention, since
		return nil
	})
	if err != nil || retention >= stream.Retention {
		return err
	}
	for _, info := range stream.Shards {
		if _, err := s.setShardRetention(ctx, stream.Shard(info.Index), retention); err != nil {
			return err
		}
	}
	return nil
}

func (s *Streams) setShardRetention(ctx context.Context, shard Shard, retention time.Duration) (c Counter, err error) {
	err = s.log.tryQuickly(ctx, func(ctx context.Context) (err error) {
		c, err = s.log.store.SetRetention(ctx, shard, retention)
		return err
	})
	return c, err
}
