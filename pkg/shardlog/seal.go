package shardlog

import (
	"context"
	"fmt"
	"time"
)

// sealWindow is how long before a shard closed the slots may have been handed out that a live append still holds. An
// append is acknowledged within longestAppend; the rest is for clocks that differ.
const sealWindow = longestAppend + 2*skew

// sealParents returns once no parent of the shard can get another record, so that none of the shard's own is read
// before its parents' last was appended.
func (l *Log) sealParents(ctx context.Context, stream Stream, info ShardInfo) error {
	for _, parent := range info.Parents {
		if _, err := l.seal(ctx, stream, stream.Shards[parent]); err != nil {
			return err
		}
	}
	return nil
}

// seal decides every slot of a closed shard that an append may still hold, and returns the last slot that was handed
// out. It fills holes at once: an append that loses its slot to that is told by its next step 1 that the shard has closed, and goes
// to the shard's children.
func (l *Log) seal(ctx context.Context, stream Stream, info ShardInfo) (final uint64, err error) {
	shard := stream.Shard(info.Index)
	if info.Sealed {
		return info.Final, nil
	}
	l.mu.Lock()
	final, done := l.sealed[shard]
	l.mu.Unlock()
	if done {
		return final, nil
	}
	if err := l.sealParents(ctx, stream, info); err != nil {
		return 0, err
	}
	final, err = l.decide(ctx, stream, info)
	if err != nil {
		return 0, fmt.Errorf("seal shard %d of stream id %s: %w", info.Index, stream.ID, err)
	}
	err = l.tryQuickly(ctx, func(ctx context.Context) error { return l.store.SealShard(ctx, shard, final) })
	if err != nil {
		return 0, fmt.Errorf("seal shard %d of stream id %s: %w", info.Index, stream.ID, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed[shard] = final
	return final, nil
}

// decide fills the holes at the end of a closed shard.
func (l *Log) decide(ctx context.Context, stream Stream, info ShardInfo) (final uint64, err error) {
	shard := stream.Shard(info.Index)
	counter, err := l.counter(ctx, shard)
	if err != nil {
		return 0, err
	}
	// No further back than the retention: what was dropped looks like holes, and there may be very many.
	from, err := l.seek(ctx, shard, counter, later(info.Closed.Add(-sealWindow), stream.Settings.since(l.now())))
	if err != nil {
		return 0, err
	}
	return counter.Next - 1, l.fillHoles(ctx, shard, from, counter.Next, stream.Retention)
}

// fillHoles decides all slots in [next, end).
func (l *Log) fillHoles(ctx context.Context, shard Shard, next, end uint64, retention time.Duration) error {
	for next < end {
		page, err := l.scan(ctx, shard, next, 1<<20)
		if err != nil {
			return err
		}
		for _, p := range page.Contents {
			for ; next < min(p.Slot, end); next++ {
				if _, err := l.fill(ctx, shard, next, retention); err != nil {
					return err
				}
			}
			next = p.Slot + 1
		}
		for ; !page.More && next < end; next++ {
			if _, err := l.fill(ctx, shard, next, retention); err != nil {
				return err
			}
		}
	}
	return nil
}
