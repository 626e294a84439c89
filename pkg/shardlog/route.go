package shardlog

import (
	"iter"

	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
)

// Results tells what became of the records of one [Streams.Put].
type Results struct {
	Parts  []Part  // some may have no records
	Places []Place // for each record, in the order given
}

// Part is what became of records that one append took to a shard, or that its limits left no room for. They keep the order given.
type Part struct {
	Shard uint32
	First seqnum.Number // of the first record, where Err is nil. Those of the others follow it
	Err   error         // as of Log.Append, or an *OverLimitError

	refused bool // the shard was closed, and the records are to be routed anew
}

// Place tells in which part a record is, and where in it, both from 0 on.
type Place struct {
	Part, Index int32
}

// Result is what became of one record.
type Result struct {
	Shard  uint32        // the record's shard
	Number seqnum.Number // where Err is nil
	Err    error         // as of Log.Append, or an *OverLimitError
}

// At returns what became of the record at that place of those given.
func (r *Results) At(i int) Result {
	place := r.Places[i]
	part := &r.Parts[place.Part]
	result := Result{Shard: part.Shard, Number: part.First, Err: part.Err}
	if part.Err == nil {
		result.Number.Index += int(place.Index)
	}
	return result
}

// All returns what became of each record, in the order given.
func (r *Results) All() iter.Seq2[int, Result] {
	return func(yield func(int, Result) bool) {
		for i := range r.Places {
			if !yield(i, r.At(i)) {
				return
			}
		}
	}
}

// due tells whether the record is still to be stored: no part has it, or one that was refused.
func (r *Results) due(i int) bool {
	return len(r.Parts) == 0 || r.Parts[r.Places[i].Part].refused
}

// fail has the refused records fail.
func (r *Results) fail(err error) {
	for i := range r.Parts {
		if r.Parts[i].refused {
			r.Parts[i].Err = err
		}
	}
}

// leaveOut moves the records of a part from one on to a part of those that the shard's limits left no room for.
func (r *Results) leaveOut(part, from int) {
	over := Place{Part: int32(len(r.Parts))}
	r.Parts = append(r.Parts, Part{Shard: r.Parts[part].Shard, Err: &OverLimitError{}})
	for i, p := range r.Places {
		if int(p.Part) == part && int(p.Index) >= from {
			r.Places[i] = over
			over.Index++
		}
	}
}

// batch is what one request sends to one shard in one round.
type batch struct {
	part    int   // of the results
	size    int32 // how many records it has
	records []segment.Record
	taken   int // how many of them, from the first on, the shard's limits left room for
}

// route groups the records that are due by shard, and has the results show them as parts. Each batch keeps the order of the request and
// fits a segment.
func route(m *streamMap, records []segment.Record, results *Results) []batch {
	most := min(len(m.open), len(records))
	batches := make([]batch, 0, most)
	parts := append(make([]Part, 0, len(results.Parts)+most), results.Parts...)
	at := make([]int32, len(m.open)) // the batch of each shard, from 1 on
	keys := segment.HashKeys(records)
	for i := range records {
		if !results.due(i) {
			continue
		}
		shard := m.shardFor(keys[i])
		if at[shard] == 0 {
			batches = append(batches, batch{part: len(parts)})
			parts = append(parts, Part{Shard: m.open[shard].Index})
			at[shard] = int32(len(batches))
		}
		b := &batches[at[shard]-1]
		results.Places[i] = Place{Part: int32(b.part), Index: b.size}
		b.size++
	}
	results.Parts = parts
	fill(batches, records, results)
	return batches
}

// fill gives the batches their records.
func fill(batches []batch, records []segment.Record, results *Results) {
	if int(batches[0].size) == len(records) { // it is the only one
		batches[0].records = records
		return
	}
	due := int32(0)
	for _, b := range batches {
		due += b.size
	}
	rest := make([]segment.Record, due)
	for i := range batches {
		b := &batches[i]
		b.records, rest = rest[:b.size:b.size], rest[b.size:]
	}
	for i, p := range results.Places {
		if b := int(p.Part) - batches[0].part; b >= 0 {
			batches[b].records[p.Index] = records[i]
		}
	}
}
