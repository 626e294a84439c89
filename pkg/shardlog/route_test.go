package shardlog_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

// TestPutTellsWhatIsStored: whatever shards refuse, in whatever rounds, and however much their limits leave out, each record that is told
// to be stored stands under its number, no other does, and a shard's records keep the order given.
func TestPutTellsWhatIsStored(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ranges := hashkey.Uniform(rapid.IntRange(1, 5).Draw(rt, "shards"))
		refuse := rapid.SliceOfN(rapid.Bool(), 0, 15).Draw(rt, "refuse allocations")
		mem := memstore.New()
		faults := faultstore.New(mem, func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.Allocate && c.N < len(refuse) && refuse[c.N] {
				return faultstore.Fault{Before: shardlog.ErrShardClosed}
			}
			return faultstore.Fault{}
		})
		stream := storetest.NewStream("orders", "a1", len(ranges))
		if err := mem.CreateStream(t.Context(), stream); err != nil {
			rt.Fatal(err)
		}
		var rs []segment.Record
		for i := range rapid.IntRange(1, 40).Draw(rt, "records") {
			key := ranges[rapid.IntRange(0, len(ranges)-1).Draw(rt, "shard")].End
			size := rapid.SampledFrom([]int{8, 8, 8, 300_000}).Draw(rt, "size")
			data := binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(i))[:size]
			rs = append(rs, segment.Record{PartitionKey: "k", ExplicitHash: &key, Data: data})
		}
		log := shardlog.NewLog(faults, shardlog.Options{EnforceLimits: rapid.Bool().Draw(rt, "limits")})
		results, err := shardlog.NewStreams(log).Put(t.Context(), "orders", rs)
		if err != nil {
			rt.Fatal(err)
		}
		if err := checkPut(t, log, stream, rs, results); err != nil {
			rt.Fatal(err)
		}
		for i, result := range results.All() {
			if result.Err != nil && !overLimit(result.Err) && len(refuse) == 0 {
				rt.Fatalf("record %d: %v", i, result.Err)
			}
		}
	})
}

// checkPut holds what a put of a whole stream's records was told against what the stream has.
func checkPut(t *testing.T, log *shardlog.Log, stream shardlog.Stream, rs []segment.Record, results *shardlog.Results) error {
	stored := make([]bool, len(rs))
	for _, info := range stream.Shards {
		last := -1
		for _, r := range readAll(t, log, stream, info.Index) {
			i := int(binary.BigEndian.Uint64(r.Data))
			result := results.At(i)
			switch {
			case i <= last:
				return fmt.Errorf("record %d stands after record %d", i, last)
			case stored[i]:
				return fmt.Errorf("record %d is stored twice", i)
			case result.Err != nil:
				return fmt.Errorf("record %d is stored, and told to have failed: %w", i, result.Err)
			case result.Number != r.Number || result.Shard != info.Index:
				return fmt.Errorf("record %d is stored as %+v in shard %d, and told to be %+v in %d", i, r.Number, info.Index, result.Number, result.Shard)
			case !bytes.Equal(r.Data, rs[i].Data) || !info.Keys.Contains(*rs[i].ExplicitHash):
				return fmt.Errorf("record %d is another one, or in shard %d of %s", i, info.Index, info.Keys)
			}
			stored[i], last = true, i
		}
	}
	for i, result := range results.All() {
		if result.Err == nil && !stored[i] {
			return fmt.Errorf("record %d is told to be stored and is not", i)
		}
	}
	return nil
}
