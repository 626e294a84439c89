package boltstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"sync"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// logFill is how full a leaf of the log is left when it splits. Slots of a shard come in order, so little joins a leaf later.
const logFill = 0.9

// logBucket returns the log, to be written to.
func logBucket(tx *bbolt.Tx) *bbolt.Bucket {
	log := tx.Bucket([]byte(bucketLog))
	log.FillPercent = logFill
	return log
}

// pending is what is in the journal and not in the index yet, which a settling brings up to it. Reads look here first, and in the
// index then: what is settled between is found twice, and nothing is missed.
type pending struct {
	mu          sync.Mutex
	generations []*generation // the last one takes what is journaled; the others do not change any more
}

// generation is what is settled together.
type generation struct {
	counters map[shardlog.Shard][]byte
	contents map[shardlog.Shard][]placedEntry // in slot order
	moves    []journaled
	count    int           // of contents and moves
	end      journal.Place // in the journal, after the last of these
}

func newGeneration(end journal.Place) *generation {
	return &generation{counters: map[shardlog.Shard][]byte{}, contents: map[shardlog.Shard][]placedEntry{}, end: end}
}

// add takes on records that were journaled, up to end.
func (p *pending) add(records []journaled, end journal.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.generations[len(p.generations)-1]
	for i := range records {
		g.add(&records[i])
	}
	g.end = end
}

func (g *generation) add(r *journaled) {
	switch r.kind {
	case kindCounter:
		g.counters[r.shard] = r.counter
		return
	case kindMove:
		g.moves = append(g.moves, *r)
	case kindContent:
		of, e := g.contents[r.shard], placedEntry{r.slot, r.entry}
		i := len(of)
		if i > 0 && of[i-1].slot > r.slot {
			i = search(of, r.slot)
		}
		g.contents[r.shard] = slices.Insert(of, i, e)
	}
	g.count++
}

// count returns how much waits to be settled.
func (p *pending) count() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.generations {
		n += g.count
	}
	return n
}

// find returns the entry of a slot.
func (p *pending) find(shard shardlog.Shard, slot uint64) (entry, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.generations {
		of := g.contents[shard]
		if i := search(of, slot); i < len(of) && of[i].slot == slot {
			return of[i].entry, true
		}
	}
	return entry{}, false
}

// search returns the index of the first entry from a slot on.
func search(of []placedEntry, slot uint64) int {
	return sort.Search(len(of), func(i int) bool { return of[i].slot >= slot })
}

// from returns the entries of a shard from a slot on, in slot order: as many as there are or, of each generation, one more than so many contents or bytes.
func (p *pending) from(shard shardlog.Shard, slot uint64, contents, maxBytes int) (found []placedEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.generations {
		size, of := 0, g.contents[shard]
		of = of[search(of, slot):]
		for i := 0; i < len(of) && i <= contents; i++ {
			found = append(found, of[i])
			if size >= maxBytes {
				break
			}
			size += of[i].length
		}
	}
	slices.SortFunc(found, func(a, b placedEntry) int { return cmp.Compare(a.slot, b.slot) })
	return found
}

// freeze returns all generations, which change no more.
func (p *pending) freeze() []*generation {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.generations[len(p.generations)-1]
	if len(last.counters)+last.count > 0 {
		p.generations = append(p.generations, newGeneration(last.end))
	}
	return slices.Clone(p.generations[:len(p.generations)-1])
}

// drop forgets the first generations, which were settled.
func (p *pending) drop(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generations = slices.Delete(p.generations, 0, n)
}

// apply brings the index up to the end of a generation. What is of a shard that is gone with its stream is forgotten.
func (g *generation) apply(tx *bbolt.Tx, uses fileUses) error {
	log, counters := logBucket(tx), tx.Bucket([]byte(bucketCounters))
	for shard, raw := range g.counters {
		if counters.Get(shardKey(shard)) == nil {
			continue
		}
		if err := counters.Put(shardKey(shard), raw); err != nil {
			return err
		}
	}
	for shard, contents := range g.contents {
		if counters.Get(shardKey(shard)) == nil {
			continue
		}
		for _, p := range contents {
			key := slotKey(shard, p.slot)
			if log.Get(key) != nil {
				return corrupt("slot %d of shard %d was written twice", p.slot, shard.Index)
			}
			if err := log.Put(key, encodeEntry(p.entry)); err != nil {
				return err
			}
			uses.add(p.place, p.length)
		}
	}
	for i := range g.moves {
		if err := g.moves[i].move(log, uses); err != nil {
			return err
		}
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keySettled), appendPlace(nil, g.end))
}

// move has the log know where the segment is now, if it still has it where it was.
func (r *journaled) move(log *bbolt.Bucket, uses fileUses) error {
	key := slotKey(r.shard, r.slot)
	raw := log.Get(key)
	if len(raw) != entrySize || !bytes.Equal(raw[headSize:], appendPlace(nil, r.old)) || binary.BigEndian.Uint32(raw[headSize-4:]) != uint32(r.length) {
		return nil // it was dropped since
	}
	uses.drop(r.old, r.length)
	uses.add(r.place, r.length)
	return log.Put(key, appendPlace(bytes.Clone(raw[:headSize]), r.place))
}
