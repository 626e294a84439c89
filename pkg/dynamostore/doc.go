// Package dynamostore keeps streams in one DynamoDB table: [Store] is a [shardlog.Store] by conditional writes.
//
// # Items
//
// The table has string keys pk and sk, is billed on demand, and drops items by their attribute expires. ID is the
// stream's id, fresh at each creation; SHARD is the shard's index in 12 digits; SLOT is a slot in 20 digits; PP is a part's
// number in two digits, from 01. Numbers in keys have leading zeros, so that they sort.
//
//	item     pk                  sk       attributes
//	stream   stream#NAME         stream   id, status (active, deleting), created, shards,
//	                                      retention, retainedSince, mode, tags, revision
//	shard    shards#ID           SHARD    start, end, created, parents, state (open, closed, sealed), closed, final
//	name     streams             NAME     id, created, mode
//	counter  counter#ID#SHARD    counter  nextSlot, state (open, closed), last, markDue, retention, marks, used
//	segment  log#ID#SHARD        SLOT     nonce, count, arrival, expires, data, parts, size
//	part     log#ID#SHARD        SLOT#PP  nonce, expires, data
//
// A stream's created is in milliseconds since 1970, as is arrival. All other times are in seconds since 1970, and retention is in
// seconds. RetainedSince is 0 where nothing limits it. Tags is a map of strings. Shards is the number of shard items.
//
// Start and end are hash keys in decimal, as the wire has them. Parents is a list of indexes, and only there where a shard has some; closed is there from the
// state closed on, and final, the last slot that was handed out, in the state sealed.
//
// NextSlot is the slot that the next append gets. Marks are those of [shardlog.Counter], in 13 bytes each: the slot in 8, the time in 5.
// Used is a map with the counter's windows: under r and the second how many records were taken in it, under b and the second how many bytes.
// Nonce is the writer's, 16 bytes.
//
// A segment item with count 0 is a filler and has no data. One with parts is only the beginning of its segment: the data of
// that many parts follows, and all of it together is size bytes. Parts are written before the segment item, which
// commits them; parts without it, or with another nonce than its own, belong to a writer that never finished.
//
// # What a crash leaves
//
// CreateStream with more than 49 shards writes shard and counter items before the transaction that makes the stream exist. A process that ends
// in between leaves up to 2,000 items of some 200 bytes under an id that nothing names, so nothing reads them. They bear no
// expiry: it would have to be taken off again once the stream exists, and a crash before that would expire a live
// stream's counters.
//
// A segment that is written after DeleteStream removed its shard's log, by an append that had its slot already, stays until it
// expires. So do the parts of a segment that was never committed.
//
// An Extend that did not end left some contents with their old expiry, and perhaps one with parts that will outlive it. Reshard,
// UpdateStream and all that writes one item leave nothing half done.
package dynamostore
