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
	// ErrStreamChanged: the stream is not as it was when it was loaded.
	ErrStreamChanged = errors.New("stream has changed")
	// ErrStreamExists: a stream of that name exists already.
	ErrStreamExists = errors.New("stream exists")
)

// Store is what the protocol asks of a database: conditional writes and ordered reads. Only Reshard and the operations
// on whole streams write more than one item, and none of an append's or a read's.
//
// Every write is durable when the call returns nil, and every read sees each write that returned before the read
// started. Implementations are safe for use by many goroutines, and return the context's error when it ends first, in
// which case the outcome of a write is not known. They do not retry: the protocol does.
//
// shardlog/storetest is this contract as a test suite.
type Store interface {
	Slots
	Catalog
}

// Slots are the shards' counters and logs.
type Slots interface {
	// Allocate hands out the shard's next slot at the time now, and moves its counter on as [Counter.Charge] of the usage
	// does and then [Counter.Allocate]. Slots of a shard count up from 1 and are never handed out twice, but one may be
	// lost where a call fails. It fails with ErrShardClosed unless the shard's counter exists and is open, and as Charge
	// does. A store may forget what was charged when its only process ends.
	Allocate(ctx context.Context, shard Shard, now time.Time, u Usage) (Allocation, error)

	// Counter returns the shard's counter, open or closed. It fails with ErrShardClosed where there is none.
	Counter(ctx context.Context, shard Shard) (Counter, error)

	// PutOnce writes the content of a slot if it has none. If it has, nothing changes, and the error is a
	// *SlotTakenError with what stands there. Content never changes, but for its Expires, and is never partly visible.
	// The caller does not change Packed afterwards, so that a store may keep it.
	PutOnce(ctx context.Context, shard Shard, slot uint64, c Content) error

	// Scan returns the contents that stand at slots from `from` on, in slot order, leaving out slots that have none.
	// It stops once their packed bytes reach maxBytes, but returns at least one where there is one. More tells that
	// contents may follow the last one returned. The caller does not change their Packed, which may be the store's own.
	Scan(ctx context.Context, shard Shard, from uint64, maxBytes int) (page Page, err error)

	// Peek returns the first content at a slot from `from` on, without its Packed, and false where there is none.
	Peek(ctx context.Context, shard Shard, from uint64) (first Placed, found bool, err error)

	// SetRetention changes the counter as [Counter.WithRetention] does: slots from the returned counter's Next on are
	// handed out with that retention. It fails with ErrShardClosed where there is no counter.
	SetRetention(ctx context.Context, shard Shard, retention time.Duration) (Counter, error)

	// Extend moves the Expires of each content at a slot below `below` to its Arrival and keep after it, unless it is
	// later already. A call that fails may have moved some; calling again goes on.
	Extend(ctx context.Context, shard Shard, below uint64, keep time.Duration) error
}

// Catalog is the streams and their shards.
type Catalog interface {
	// CreateStream stores a new stream with its shards and their counters, as [NewCounter] makes them. Either all of it
	// is visible or none is. It fails with ErrStreamExists if the name is taken. The stream's id is fresh: no other call
	// has it.
	CreateStream(ctx context.Context, s Stream) error

	// LoadStream returns a stream with all its shards, by index. It fails with ErrStreamNotFound.
	LoadStream(ctx context.Context, name string) (Stream, error)

	// ListStreams returns the streams whose names come after a name, in the order of their names' bytes: their Name,
	// ID, Created and Mode alone. More tells that others follow those returned, of which there are at most limit.
	ListStreams(ctx context.Context, after string, limit int) (streams []Stream, more bool, err error)

	// UpdateStream stores the Settings of a stream that was loaded, if it still has that ID and Revision, and raises its
	// Revision by one. Otherwise it fails with ErrStreamChanged.
	UpdateStream(ctx context.Context, s Stream) error

	// Reshard closes shards of a stream that was loaded and opens others, all of it or nothing: the parents' counters
	// and shards are closed, at the time at which the children are created; the children are stored, with counters of
	// their own. It fails with ErrStreamChanged unless the stream has that ID, as many shards as were loaded, and the
	// closing ones are open. The opening shards, one at least, have the indexes that follow. At most [MaxReshard] close
	// and open at once. The children's counters have the retention that stands: where that is not the one that was
	// loaded, the call may as well fail with ErrStreamChanged.
	Reshard(ctx context.Context, s Stream, closing []uint32, opening []ShardInfo) error

	// SealShard records that every slot of a closed shard is decided, up to its final one.
	SealShard(ctx context.Context, shard Shard, final uint64) error

	// DeleteStream makes a stream invisible to LoadStream, closes its counters, and removes what was stored for it. Once
	// it returns, no Allocate for its shards succeeds. It fails with ErrStreamNotFound where there is none; a deletion
	// that failed on its way may be called again.
	DeleteStream(ctx context.Context, name string) error
}

// MaxReshard is how many shards one Reshard closes and opens at most, together.
const MaxReshard = 40

// Nonce tells one append's segments from those of every other.
type Nonce [16]byte

// Content is what was decided for a slot: a segment, or a filler that says that there will never be one.
type Content struct {
	Nonce   Nonce     // the writer's
	Packed  []byte    // the segment, as package segment packs it; empty in a filler
	Count   int       // records in the segment; 0 in a filler
	Arrival time.Time // when the writer stamped it; whole milliseconds
	Expires time.Time // from when on a store may drop it, some time after its retention ends; whole seconds
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

// Stream is a stream's map: what a writer needs to route to its shards, and a reader to find them.
type Stream struct {
	Name    string
	ID      string // fresh at each creation; 1 to 32 of [0-9a-z]
	Created time.Time
	Settings
	Revision uint64      // how often the settings were changed
	Shards   []ShardInfo // by index, closed ones included
}

// Settings are what can be changed of a stream.
type Settings struct {
	Retention     time.Duration // whole seconds
	RetainedSince time.Time     // whole seconds; what arrived before is not brought back by a longer retention. Zero: no limit
	Mode          Mode
	Tags          map[string]string // nil where there are none
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
	Parents []uint32  // nil; the shard it was split from; or the two it was merged from, the adjacent one last
	Closed  time.Time // whole seconds; zero while it is open
	Sealed  bool      // it is closed, and every slot up to Final is decided
	Final   uint64    // of a sealed shard, the last slot that was handed out; 0: none was
}

// IsOpen tells whether the shard takes records.
func (s ShardInfo) IsOpen() bool { return s.Closed.IsZero() }

// Shard names a shard across streams of the same name: the stream's id, and the shard's index.
type Shard struct {
	StreamID string
	Index    uint32
}

// Shard returns the name of the stream's shard with that index.
func (s Stream) Shard(index uint32) Shard { return Shard{StreamID: s.ID, Index: index} }
