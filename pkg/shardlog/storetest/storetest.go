// Package storetest is the contract of [shardlog.Store] as a test suite, which every store passes:
//
//	func TestStore(t *testing.T) { storetest.Run(t, storetest.Backend{Open: ...}) }
package storetest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

// Backend is one implementation under test.
type Backend struct {
	// Open returns a new, empty store. What it holds open is released by t.Cleanup.
	Open func(t *testing.T) shardlog.Store

	// Reopen ends s, which Open or Reopen returned, as a stopping process would, and returns a store over the same
	// data. Nil: the store does not outlive its process, and the tests of that are left out.
	Reopen func(t *testing.T, s shardlog.Store) shardlog.Store

	// Join returns another store over the same data, as another process has it at the same time. Nil: there is none.
	Join func(t *testing.T, s shardlog.Store) shardlog.Store
}

// Run runs the whole suite against the backend, each test over a store of its own.
func Run(t *testing.T, b Backend) {
	tests := []struct {
		name string
		run  func(t *testing.T, s shardlog.Store)
	}{
		{"AllocateCountsUpFromOne", testAllocateCountsUp},
		{"AllocateIsUniqueAcrossGoroutines", testAllocateUnique},
		{"AllocateNeedsAnOpenShard", testAllocateNeedsShard},
		{"PutOnceKeepsTheFirst", testPutOnceKeepsFirst},
		{"PutOnceRacesHaveOneWinner", testPutOnceRace},
		{"PutOnceOfFiller", testPutOnceFiller},
		{"ScanIsInSlotOrder", testScanOrder},
		{"ScanIsBounded", testScanBounded},
		{"ScanSeesOneShardOnly", testScanOneShard},
		{"LargeSegments", testLargeSegments},
		{"CreateAndLoad", testCreateAndLoad},
		{"CreateNeedsAFreeName", testCreateTaken},
		{"CreateRacesHaveOneWinner", testCreateRace},
		{"CreateWithManyShards", testCreateMany},
		{"DeleteFencesWriters", testDeleteFences},
		{"DeleteAndCreateAgain", testRecreate},
		{"EndedContext", testEndedContext},
		{"EndedContextOfChanges", testEndedContextOfChanges},
		{"Counter", testCounter},
		{"CounterSetsMarks", testCounterMarks},
		{"MarksAreSetOnce", testMarkRace},
		{"SetRetention", testSetRetention},
		{"Limits", testLimits},
		{"LimitSizes", testLimitSizes},
		{"LimitsAfterAWrongClock", testLimitsAfterAWrongClock},
		{"CounterOfAClosedShard", testClosedCounter},
		{"Peek", testPeek},
		{"Extend", testExtend},
		{"ListStreams", testListStreams},
		{"ListStreamsWhileTheyChange", testListChanging},
		{"UpdateStream", testUpdateStream},
		{"CreateWithSettings", testCreateWithSettings},
		{"UpdateNeedsTheRevision", testUpdateStale},
		{"UpdateRacesHaveOneWinner", testUpdateRace},
		{"ReshardSplitsAndMerges", testReshard},
		{"ReshardOfMany", testReshardMany},
		{"ReshardNeedsTheMapItWasLoadedWith", testReshardStale},
		{"ReshardRacesHaveOneWinner", testReshardRace},
		{"ReshardKeepsToTheSettings", testReshardSettings},
		{"ReshardFencesAllocators", testReshardFences},
		{"SealShard", testSealShard},
		{"DeleteOfAReshardedStreamFences", testDeleteResharded},
		{"AppendersAndScanners", testAppendersAndScanners},
		{"SixteenWritersOnOneShard", testProtocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, b.Open(t)) })
	}
	for name, run := range map[string]func(*testing.T, shardlog.Together){"PutAll": testPutAll, "PutAllRacesHaveOneWinner": testPutAllRace} {
		t.Run(name, func(t *testing.T) { run(t, together(b.Open(t))) })
	}
	t.Run("LimitsHoldAcrossProcesses", func(t *testing.T) { testLimitsRace(t, b) })
	if b.Reopen != nil {
		t.Run("ReopenKeepsEverything", func(t *testing.T) { testReopen(t, b) })
		t.Run("ReopenKeepsFences", func(t *testing.T) { testReopenFences(t, b) })
		t.Run("ReopenKeepsChanges", func(t *testing.T) { testReopenChanges(t, b) })
	}
}

// NewStream returns a stream's map with n shards, ready for CreateStream.
func NewStream(name, id string, n int) shardlog.Stream {
	s := shardlog.Stream{Name: name, ID: id, Created: baseTime()}
	s.Retention, s.Mode = 24*time.Hour, shardlog.Provisioned
	for i, keys := range hashkey.Uniform(n) {
		s.Shards = append(s.Shards, shardlog.ShardInfo{Index: uint32(i), Keys: keys, Created: s.Created})
	}
	return s
}

// baseTime is recent, so that a store that drops what has expired keeps it.
func baseTime() time.Time { return time.Now().UTC().Truncate(time.Second) }

// content returns a segment's content of that many packed bytes, which differ from seed to seed.
func content(seed uint64, size int) shardlog.Content {
	source := rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed)))
	c := shardlog.Content{
		Packed:  make([]byte, size),
		Count:   1 + int(seed%512),
		Arrival: baseTime().Add(123 * time.Millisecond),
		Expires: baseTime().Add(24 * time.Hour),
	}
	source.Read(c.Nonce[:])
	source.Read(c.Packed)
	return c
}

func create(t *testing.T, s shardlog.Store, name, id string, shards int) shardlog.Stream {
	t.Helper()
	stream := NewStream(name, id, shards)
	if err := s.CreateStream(t.Context(), stream); err != nil {
		t.Fatalf("CreateStream: %v", err)
	}
	return stream
}

func allocate(t *testing.T, s shardlog.Store, shard shardlog.Shard) uint64 {
	t.Helper()
	a, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{})
	if err != nil {
		t.Fatalf("Allocate: %v", err)
	}
	return a.Slot
}

func put(t *testing.T, s shardlog.Store, shard shardlog.Shard, slot uint64, c shardlog.Content) {
	t.Helper()
	if err := s.PutOnce(t.Context(), shard, slot, c); err != nil {
		t.Fatalf("PutOnce at slot %d: %v", slot, err)
	}
}

// scanAll pages through a shard from a slot on, checking order and bounds on the way.
func scanAll(t *testing.T, s shardlog.Store, shard shardlog.Shard, from uint64, maxBytes int) []shardlog.Placed {
	t.Helper()
	all, err := scanPages(t.Context(), s, shard, from, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func scanPages(ctx context.Context, s shardlog.Store, shard shardlog.Shard, from uint64, maxBytes int) ([]shardlog.Placed, error) {
	var all []shardlog.Placed
	for {
		page, err := s.Scan(ctx, shard, from, maxBytes)
		if err != nil {
			return nil, err
		}
		if err := checkPage(page, from, maxBytes); err != nil {
			return nil, err
		}
		all = append(all, page.Contents...)
		if !page.More {
			return all, nil
		}
		from = all[len(all)-1].Slot + 1
	}
}
