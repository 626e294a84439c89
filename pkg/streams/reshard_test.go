package streams_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

const (
	onDemand  = "Request is invalid. Stream orders under account 111111111111 is in On-Demand mode."
	noShard   = "Could not find shard %s in stream %s under account 111111111111."
	notOpen   = "Shard %s in stream orders under account 111111111111 has already been merged or split, and thus is not eligible for merging or splitting."
	tooMany   = "Target shard count or number of open shards cannot be greater than 1000. Current open shard count: %d, Target shard count: %d"
	aboveKeys = "340282366920938463463374607431768211456" // 2^128
)

func (f *fixture) setMode(t *testing.T, mode string) {
	t.Helper()
	do(t, f.UpdateStreamMode, &kinesis.UpdateStreamModeInput{StreamARN: arnOf + "orders", StreamModeDetails: &kinesis.StreamModeDetails{StreamMode: mode}})
}

// TestSplitShardRefusals goes through the refusals in their order: each request would be refused by those after it too,
// as far as that can be.
func TestSplitShardRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 2)
		refused := func(stream, shard, key, code, message string) {
			t.Helper()
			f.wantRefusal(t, "SplitShard", fmt.Sprintf(`{"StreamName":%q,"ShardToSplit":%q,"NewStartingHashKey":%q}`, stream, shard, key), code, message)
		}
		outside := func(key, shard string, keys hashkey.Range) string {
			return "NewStartingHashKey " + key + " used in SplitShard() on shard " + shard + " in stream orders under account 111111111111 " +
				"is not both greater than one plus the shard's StartingHashKey " + keys.Start.String() + " and less than the shard's EndingHashKey " + keys.End.String() + "."
		}
		zero, one := kinesis.ShardID(0), kinesis.ShardID(1)
		two := hashkey.Uniform(2)

		refused("missing", "x", aboveKeys, notFound, fmt.Sprintf(noShard, "x", "missing"))
		refused("missing", one, aboveKeys, notFound, missingStream)
		f.setMode(t, "ON_DEMAND")
		refused("orders", "2", aboveKeys, notFound, fmt.Sprintf(noShard, kinesis.ShardID(2), "orders"))
		refused("orders", one, aboveKeys, "ValidationException", onDemand)
		f.setMode(t, "PROVISIONED")
		for _, key := range []string{aboveKeys, "0", two[1].Start.String(), two[1].Start.Next().String(), two[1].End.String()} {
			refused("orders", one, key, invalidArgument, outside(key, one, two[1]))
		}
		f.split(t, 1, two[1].Start.Next().Next()) // the lowest that may be
		f.split(t, 3, hashkey.Max().Prev())       // the highest
		refused("orders", "1", two[1].End.String(), invalidArgument, outside(two[1].End.String(), one, two[1]))
		refused("orders", "1", two[1].End.Prev().String(), invalidArgument, fmt.Sprintf(notOpen, one))
		if got := ids(t, f.shards(t)); got != "0 1 2 3 4 5" {
			t.Errorf("shards %s", got)
		}
		time.Sleep(25 * time.Hour)
		refused("orders", "1", two[1].End.Prev().String(), notFound, fmt.Sprintf(noShard, one, "orders"))

		refused("orders", zero, "01", invalidArgument, violation("newStartingHashKey", `Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`))
	})
	f := newStream(t, 1000)
	f.wantRefusal(t, "SplitShard", `{"StreamName":"orders","ShardToSplit":"0","NewStartingHashKey":"0"}`, limitExceeded, fmt.Sprintf(tooMany, 1000, 1001))
	f.merge(t, 0, 1)
	f.split(t, 1000, hashkey.Uniform(1000)[1].Start)
}

func TestMergeShardsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 4)
		refused := func(stream, shard, adjacent, code, message string) {
			t.Helper()
			f.wantRefusal(t, "MergeShards", fmt.Sprintf(`{"StreamName":%q,"ShardToMerge":%q,"AdjacentShardToMerge":%q}`, stream, shard, adjacent), code, message)
		}
		apart := func(shard, adjacent uint32) string {
			return "Shards " + kinesis.ShardID(shard) + " and " + kinesis.ShardID(adjacent) +
				" in stream orders under account 111111111111 are not an adjacent pair of shards eligible for merging"
		}
		refused("missing", "x", "y", notFound, fmt.Sprintf(noShard, "x", "missing"))
		refused("missing", "0", "y", notFound, fmt.Sprintf(noShard, "y", "missing"))
		refused("missing", "0", "2", notFound, missingStream)
		f.setMode(t, "ON_DEMAND")
		refused("orders", "8", "9", notFound, fmt.Sprintf(noShard, kinesis.ShardID(8), "orders"))
		refused("orders", "0", "9", notFound, fmt.Sprintf(noShard, kinesis.ShardID(9), "orders"))
		refused("orders", "0", "2", "ValidationException", onDemand)
		f.setMode(t, "PROVISIONED")
		refused("orders", "0", "2", invalidArgument, apart(0, 2))
		refused("orders", "1", "0", invalidArgument, apart(1, 0))
		refused("orders", "1", "1", invalidArgument, apart(1, 1))
		refused("orders", "3", "0", invalidArgument, apart(3, 0)) // the keys do not go round
		f.merge(t, 0, 1)
		refused("orders", "0", "1", invalidArgument, fmt.Sprintf(notOpen, kinesis.ShardID(0)))
		refused("orders", "1", "2", invalidArgument, fmt.Sprintf(notOpen, kinesis.ShardID(1)))
		refused("orders", "0", "2", invalidArgument, apart(0, 2))
		f.merge(t, 2, 3)
		refused("orders", "4", "2", invalidArgument, fmt.Sprintf(notOpen, kinesis.ShardID(2)))
		f.merge(t, 4, 5)
		if got := ids(t, f.shards(t)); got != "0 1 2 3 4 5 6" {
			t.Errorf("shards %s", got)
		}
		time.Sleep(25 * time.Hour)
		refused("orders", "0", "1", notFound, fmt.Sprintf(noShard, kinesis.ShardID(0), "orders"))
		f.wantShards(t, kinesis.ListShardsInput{}, "6")
	})
}

// TestRecordsThroughReshards: each shard has what was put while it owned the key, in order.
func TestRecordsThroughReshards(t *testing.T) {
	f := newStream(t, 1)
	other := overStore(f.mem, nil, streams.Config{})
	put := func(data string) {
		other.put(t, hashkey.Key{}, data+"-low")
		other.put(t, hashkey.Max(), data+"-high")
	}
	put("before")
	f.split(t, 0, half()) // the other process still has the old map
	put("split")
	f.merge(t, 1, 2)
	put("merged")
	for shard, want := range []string{"before-low before-high", "split-low", "split-high", "merged-low merged-high"} {
		f.wantRead(t, f.iterator(t, uint32(shard), kinesis.IteratorTrimHorizon), strings.Fields(want)...)
	}
	shards := f.shards(t)
	if m := shards[3]; m.ParentShardId != shards[1].ShardId || m.AdjacentParentShardId != shards[2].ShardId {
		t.Errorf("the merged shard is %+v", m)
	}
}
