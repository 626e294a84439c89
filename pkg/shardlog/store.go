package shardlog

import (
	"context"
	"errors"
	"time"

	"millrace/pkg/hashkey"
)

// Errors by which a [Store] tells the protocol what happened. A store returns them wrapped or bare; any other error
// means that the outcome is not known: the request may have been applied.
var (
	// ErrThrottled: the store refused for now, and nothing was applied. Trying again later may do.
	ErrThrottled = errors.New("store is throttling")
	// ErrRefused: the store refused for good, and nothing was applied: no table, no permission, an item it cannot hold.
	ErrRefused = errors.New("store refused")
	// ErrShardClosed: the counter does not hand out slots: its shard is closed, or it is gone with its stream.
	ErrShardClosed = errors.New("shard is closed")
	// ErrStreamNotFound: there is no stream of that name, or it is being deleted.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrStreamExists: a stream of that name exists already.
	ErrStreamExists = errors.New("stream exists")
)

// Store is what the protocol asks of a database: single-item conditional writes and ordered reads.
//
// Every write is durable when the call returns nil, and every read sees each write that returned before the read
// started. Implementations are safe for use by many goroutines, and return the context's error when it ends first, in
// which case the outcome of a write is not known. They do not retry: the protocol does.
//
// shardlog/storetest is this contract as a test suite.
type Store interface {
	// Allocate hands out the shard's next slot. Slots of a shard count up from 1 and are never handed out twice, but
	// one may be lost where a call fails. It fails with ErrShardClosed unless the shard's counter exists and is open.
	Allocate(ctx context.Context, shard Shard) (slot uint64, err error)

	// PutOnce writes the content of a slot if it has none. If it has, nothing changes, and the error is a
	// *SlotTakenError with what stands there. Content never changes and is never partly visible.
	PutOnce(ctx context.Context, shard Shard, slot uint64, c Content) error

	// Scan returns the contents that stand at slots from `from` on, in slot order, leaving out slots that have none.
	// It stops once their packed bytes reach maxBytes, but returns at least one where there is one. More tells that contents may follow
	// the last one returned.
	Scan(ctx context.Context, shard Shard, from uint64, maxBytes int) (page Page, err error)

	// CreateStream stores a new stream with its shards and their counters. Either all of it is visible or none is.
	// It fails with ErrStreamExists if the name is taken. The stream's id is fresh: no other call has it.
	CreateStream(ctx context.Context, s Stream) error

	// LoadStream returns a stream with all its shards, by index. It fails with ErrStreamNotFound.
	LoadStream(ctx context.Context, name string) (Stream, error)

	// DeleteStream makes a stream invisible to LoadStream, closes its counters, and removes what was stored for it. Once it returns, no
	// Allocate for its shards succeeds. It fails with ErrStreamNotFound where there is none; a deletion that failed on
	// its way may be called again.
	DeleteStream(ctx context.Context, name string) error
}

// Nonce tells one append's segments from those of every other.
type Nonce [16]byte

// Content is what was decided for a slot: a segment, or a filler that says that there will never be one.
type Content struct {
	Nonce   Nonce     // the writer's
	Packed  []byte    // the segment, as package segment packs it; empty in a filler
	Count   int       // records in the segment; 0 in a filler
	Arrival time.Time // when the writer stamped it; whole milliseconds
	Expires time.Time // when its retention ends, and a store may drop it; whole seconds
}

// Filler tells whether the slot was filled by a reader, or by a writer giving up.
func (c Content) Filler() bool { return c.Count == 0 }

// Placed is a content with its slot.
type Placed struct {
	Slot uint64
	Content
}

// Page is the answer of one [Store].Scan.
type Page struct {
	Contents []Placed
	More     bool
}

// SlotTakenError says that a slot had content already.
type SlotTakenError struct {
	Existing Content // Packed may be left out: Nonce and Count always stand
}

func (e *SlotTakenError) Error() string { return "slot is taken" }

// Stream is a stream's map: what a writer needs to route to its shards.
type Stream struct {
	Name      string
	ID        string // fresh at each creation; 1 to 32 of [0-9a-z]
	Created   time.Time
	Retention time.Duration // whole seconds
	Mode      Mode
	Shards    []ShardInfo // by index, closed ones included
}

// Mode is a stream's capacity mode, as DescribeStreamSummary reports it.
type Mode string

// The two modes of Kinesis.
const (
	Provisioned Mode = "PROVISIONED"
	OnDemand    Mode = "ON_DEMAND"
)

// ShardInfo describes one shard of a stream.
type ShardInfo struct {
	Index   uint32
	Keys    hashkey.Range
	Created time.Time // whole seconds
}

// Shard names a shard across streams of the same name: the stream's id, and the shard's index.
type Shard struct {
	StreamID string
	Index    uint32
}

// Shard returns the name of the stream's shard with that index.
func (s Stream) Shard(index uint32) Shard { return Shard{StreamID: s.ID, Index: index} }
