// Package dynamostore keeps streams in one DynamoDB table: [Store] is a [shardlog.Store] by conditional writes.
//
// # Items
//
// The table has string keys pk and sk, is billed on demand, and drops items by their attribute expires. ID is the
// stream's id, fresh at each creation; SHARD is the shard's index in 12 digits; SLOT is a slot in 20 digits; PP is a part's
// number in two digits, from 01. Numbers in keys have leading zeros, so that they sort.
//
//	item     pk                  sk       attributes
//	stream   stream#NAME         stream   id, status (active, deleting), mode, created, retention, shards
//	shard    shards#ID           SHARD    start, end, created, state (open)
//	name     streams             NAME     id
//	counter  counter#ID#SHARD    counter  nextSlot, state (open)
//	segment  log#ID#SHARD        SLOT     nonce, count, arrival, expires, data, parts, size
//	part     log#ID#SHARD        SLOT#PP  nonce, expires, data
//
// The stream's created is in milliseconds since 1970, as is arrival; a shard's created, and expires, are in seconds since
// 1970; retention is in seconds. Start and end are hash keys in decimal, as the wire has them. Shards is the number of shard items.
// NextSlot is the slot that the next append gets. Nonce is the writer's, 16 bytes.
//
// A segment item with count 0 is a filler and has no data. One with parts is only the beginning of its segment: the data of
// that many parts follows, and all of it together is size bytes. Parts are written before the segment item, which
// commits them; parts without it, or with another nonce than its own, belong to a writer that never finished.
//
// # What a crash leaves
//
// CreateStream with more than 49 shards writes shard and counter items before the transaction that makes the stream exist. A process that ends
// in between leaves up to 2,000 items of some 150 bytes under an id that nothing names, so nothing reads them. They bear no
// expiry: it would have to be taken off again once the stream exists, and a crash before that would expire a live
// stream's counters.
//
// A segment that is written after DeleteStream removed its shard's log, by an append that had its slot already, stays until it
// expires. So do the parts of a segment that was never committed.
package dynamostore
