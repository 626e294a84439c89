package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"millrace/pkg/shardlog"
)

// testPutAll puts what a store takes and what it refuses at once.
func testPutAll(t *testing.T, s shardlog.Together) {
	stream := create(t, s, "orders", "a1", 2)
	create(t, s, "gone", "a2", 1)
	gone := shardlog.Shard{StreamID: "a2"}
	gonePut := shardlog.Put{Context: t.Context(), Shard: gone, Slot: allocate(t, s, gone), Content: content(9, 10)}
	if err := s.DeleteStream(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	standing := content(1, 100)
	put(t, s, stream.Shard(0), allocate(t, s, stream.Shard(0)), standing)
	next := func(ctx context.Context, index uint32, seed uint64) shardlog.Put {
		return shardlog.Put{Context: ctx, Shard: stream.Shard(index), Slot: allocate(t, s, stream.Shard(index)), Content: content(seed, 100)}
	}
	puts := []shardlog.Put{
		{Context: t.Context(), Shard: stream.Shard(0), Slot: 1, Content: content(2, 50)},
		next(t.Context(), 0, 3),
		next(ended, 0, 4),
		next(t.Context(), 1, 5),
		gonePut,
		next(t.Context(), 1, 6),
	}
	outcomes := putAll(t, s, puts)
	var taken *shardlog.SlotTakenError
	if !errors.As(outcomes[0], &taken) || taken.Existing.Nonce != standing.Nonce || taken.Existing.Count != standing.Count {
		t.Errorf("at a slot that was taken: %v", outcomes[0])
	}
	if !errors.Is(outcomes[2], context.Canceled) {
		t.Errorf("with a context that had ended: %v", outcomes[2])
	}
	for _, i := range []int{1, 3, 4, 5} {
		if outcomes[i] != nil {
			t.Errorf("put %d: %v", i, outcomes[i])
		}
	}
	expect(t, scanAll(t, s, stream.Shard(0), 1, 1<<20), []shardlog.Placed{{Slot: 1, Content: standing}, {Slot: 2, Content: puts[1].Content}})
	expect(t, scanAll(t, s, stream.Shard(1), 1, 1<<20), []shardlog.Placed{{Slot: 1, Content: puts[3].Content}, {Slot: 2, Content: puts[5].Content}})
	putAll(t, s, nil)
}

// putAll returns the outcomes, each of which must be told once.
func putAll(t *testing.T, s shardlog.Together, puts []shardlog.Put) []error {
	t.Helper()
	outcomes, told := make([]error, len(puts)), make([]int, len(puts))
	var mu sync.Mutex
	s.PutAll(puts, func(i int, outcome error) {
		mu.Lock()
		defer mu.Unlock()
		outcomes[i] = outcome
		told[i]++
	})
	mu.Lock()
	defer mu.Unlock()
	for i, n := range told {
		if n != 1 {
			t.Errorf("put %d was told %d times", i, n)
		}
	}
	return outcomes
}

// testPutAllRace has calls with puts for the same slots of many shards race each other: each slot has one winner.
func testPutAllRace(t *testing.T, s shardlog.Together) {
	const rounds, callers, shards = 10, 4, 5
	stream := create(t, s, "orders", "a1", shards)
	for round := range rounds {
		slots := make([]uint64, shards)
		for i := range slots {
			slots[i] = allocate(t, s, stream.Shard(uint32(i)))
		}
		outcomes := make([][]error, callers)
		var all sync.WaitGroup
		for c := range callers {
			puts := make([]shardlog.Put, shards)
			for i := range puts {
				seed := uint64((round*callers+c)*shards + i)
				puts[i] = shardlog.Put{Context: t.Context(), Shard: stream.Shard(uint32(i)), Slot: slots[i], Content: content(seed, 50)}
			}
			all.Go(func() { outcomes[c] = putAll(t, s, puts) })
		}
		all.Wait()
		for i := range shards {
			var won []int
			for c := range callers {
				var taken *shardlog.SlotTakenError
				switch err := outcomes[c][i]; {
				case err == nil:
					won = append(won, c)
				case !errors.As(err, &taken):
					t.Errorf("round %d, caller %d, shard %d: %v", round, c, i, err)
				}
			}
			if len(won) != 1 {
				t.Errorf("round %d, shard %d: these won: %v", round, i, won)
			}
		}
	}
}
