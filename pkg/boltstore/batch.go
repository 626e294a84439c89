package boltstore

import (
	"errors"
	"fmt"
	"math"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// batch is the puts that one append to the journal stores.
type batch struct {
	store    *Store
	puts     []*put
	shards   map[shardlog.Shard]*share
	counters []journaled                // of the shards that have something to store
	stored   map[shardlog.Shard]durable // what of these is durable then
}

// share is what a batch has of a shard.
type share struct {
	durable
	open   bool
	stores bool // something
}

func newBatch(s *Store) *batch { return &batch{store: s, shards: map[shardlog.Shard]*share{}} }

func (b *batch) share(shard shardlog.Shard) *share {
	of := b.shards[shard]
	if of == nil {
		of = &share{}
		of.durable, of.open = b.store.slots.durable(shard)
		b.shards[shard] = of
	}
	return of
}

// check tells whether the put is to be stored; if not, the error is its outcome.
func (b *batch) check(p *put) (fits bool, err error) {
	if err := p.ctx.Err(); err != nil {
		return false, err
	}
	of := b.share(p.shard)
	switch {
	case p.kind == kindCounter:
		return of.open, nil
	case p.kind == kindMove, of.open && p.slot > of.top:
		return true, nil
	}
	final := uint64(math.MaxUint64)
	if !of.open {
		c, err := b.store.storedCounter(p.ctx, p.shard)
		if errors.Is(err, shardlog.ErrShardClosed) {
			return false, nil // it is gone
		}
		if err != nil {
			return false, err
		}
		final = c.Next - 1
	}
	existing, found, err := b.standing(p)
	switch {
	case err != nil:
		return false, err
	case found:
		return false, &shardlog.SlotTakenError{Existing: existing}
	case p.slot > final:
		return false, fmt.Errorf("%w: the shard is closed, and its final slot is %d", shardlog.ErrRefused, final)
	}
	return true, nil
}

// standing returns what the put's slot has: in the batch, in the journal, or in the index.
func (b *batch) standing(p *put) (c shardlog.Content, found bool, err error) {
	for _, other := range b.puts {
		if other.kind == kindContent && other.shard == p.shard && other.slot == p.slot {
			return other.content, true, nil
		}
	}
	e, found := b.store.pending.find(p.shard, p.slot)
	if found {
		return e.Content, true, nil
	}
	err = b.store.db.View(func(tx *bbolt.Tx) (err error) {
		raw := tx.Bucket([]byte(bucketLog)).Get(slotKey(p.shard, p.slot))
		if found = raw != nil; found {
			e, err = decodeEntry(raw)
		}
		return err
	})
	return e.Content, found, err
}

// take has a put stored.
func (b *batch) take(p *put) {
	of := b.share(p.shard)
	switch p.kind {
	case kindMove:
		b.puts = append(b.puts, p)
		return
	case kindContent:
		b.puts = append(b.puts, p)
		of.top, of.next = max(of.top, p.slot), max(of.next, p.slot+1)
	}
	of.stores = true
}

// records returns what is to be journaled, the counters of open shards first: whatever of it is on the disk when the process dies, each
// content has its counter.
func (b *batch) records() []journal.Record {
	records := make([]journal.Record, 0, len(b.puts)+len(b.shards))
	b.stored = make(map[shardlog.Shard]durable, len(b.shards))
	for shard, of := range b.shards {
		c, _, open := b.store.slots.counter(shard)
		if !of.stores || !open {
			continue
		}
		c.Next = max(c.Next, of.next)
		b.stored[shard] = durable{next: c.Next, top: of.top}
		raw := encodeCounter(c)
		b.counters = append(b.counters, journaled{kind: kindCounter, shard: shard, counter: raw})
		records = append(records, counterRecord(shard, raw))
	}
	for _, p := range b.puts {
		if p.kind == kindMove {
			records = append(records, moveRecord(p.shard, p.slot, p.old, p.content.Packed))
			continue
		}
		records = append(records, contentRecord(p.shard, p.slot, p.content))
	}
	return records
}

// journaled returns the records as the index takes them, now that they have their places.
func (b *batch) journaled(records []journal.Record) []journaled {
	items := b.counters
	for i, p := range b.puts {
		r := &records[len(b.counters)+i]
		item := journaled{kind: p.kind, shard: p.shard, slot: p.slot, old: p.old}
		item.Content, item.length, item.place = p.content, len(p.content.Packed), placeOf(r)
		item.Packed = nil
		items = append(items, item)
	}
	return items
}
