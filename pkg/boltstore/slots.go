package boltstore

import (
	"context"
	"maps"
	"sync"

	"millrace/pkg/shardlog"
)

// sequencer hands out the slots of the shards whose counters are open in the file.
type sequencer struct {
	mu   sync.Mutex
	next map[shardlog.Shard]uint64
}

// open lets shards hand out slots, from the given ones on.
func (q *sequencer) open(next map[shardlog.Shard]uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.Copy(q.next, next)
}

// close fences shards: no slot is handed out after it returns.
func (q *sequencer) close(shards []shardlog.Shard) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, shard := range shards {
		delete(q.next, shard)
	}
}

func (q *sequencer) allocate(shard shardlog.Shard) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	slot, open := q.next[shard]
	if !open {
		return 0, shardlog.ErrShardClosed
	}
	q.next[shard] = slot + 1
	return slot, nil
}

// Allocate implements [shardlog.Store]. It touches no disk: see "Slots and crashes" above.
func (s *Store) Allocate(ctx context.Context, shard shardlog.Shard) (uint64, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	return s.slots.allocate(shard)
}
