package streams_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/streams"
)

func TestDescribeStreamAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.wantAnswer(t, "DescribeStream", `{"StreamName":"orders"}`, 200,
			`{"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders","StreamStatus":"ACTIVE",`+
				`"StreamModeDetails":{"StreamMode":"PROVISIONED"},"Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0",`+
				`"EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"49377645731838394239669026679142669294177204302598111234"}}],`+
				`"HasMoreShards":false,"RetentionPeriodHours":24,"StreamCreationTimestamp":946684800,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE"}}`)
		for _, action := range []string{"DescribeStream", "DescribeStreamSummary", "DeleteStream"} {
			f.wantRefusal(t, action, `{"StreamName":"missing"}`, notFound, missingStream)
		}
	})
}

func TestDescribeStreamPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := grown(t)
		in := &kinesis.DescribeStreamInput{StreamName: "orders", Limit: 4}
		page := do(t, f.DescribeStream, in).StreamDescription
		in.ExclusiveStartShardId = kinesis.ShardID(4)
		rest := do(t, f.DescribeStream, in).StreamDescription
		if ids(t, page.Shards) != "1 2 3 4" || !page.HasMoreShards || ids(t, rest.Shards) != "5 6" || rest.HasMoreShards {
			t.Errorf("pages %s (more: %v), %s (more: %v)", ids(t, page.Shards), page.HasMoreShards, ids(t, rest.Shards), rest.HasMoreShards)
		}
		if merged := page.Shards[3]; merged.ParentShardId != kinesis.ShardID(2) || merged.AdjacentParentShardId != kinesis.ShardID(3) {
			t.Errorf("parents of a merged shard: %+v", merged)
		}
		if split := rest.Shards[0]; split.ParentShardId != kinesis.ShardID(1) || split.AdjacentParentShardId != "" {
			t.Errorf("parents of a split shard: %+v", split)
		}
		if orphan := page.Shards[1]; orphan.ParentShardId != "" {
			t.Errorf("a parent that expired is named: %+v", orphan)
		}
		do(t, f.UpdateShardCount, &kinesis.UpdateShardCountInput{StreamName: "orders", TargetShardCount: 6, ScalingType: kinesis.ScalingUniform})

		f.create(t, "wide", 101)
		for _, limit := range []int{0, 100, 10_000} {
			wide := do(t, f.DescribeStream, &kinesis.DescribeStreamInput{StreamName: "wide", Limit: limit}).StreamDescription
			if len(wide.Shards) != 100 || !wide.HasMoreShards {
				t.Errorf("with Limit %d a page has %d shards of 101; more: %v", limit, len(wide.Shards), wide.HasMoreShards)
			}
		}
	})
}

// TestSequenceNumberRanges: every number of a shard lies in its range.
func TestSequenceNumberRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		time.Sleep(time.Second)
		numbers := append(f.put(t, hashkey.Key{}, "a", "b"), f.put(t, hashkey.Key{}, numbered("", 500)...)...)
		if open := f.shards(t)[0].SequenceNumberRange; open.StartingSequenceNumber >= numbers[0] || open.EndingSequenceNumber != "" {
			t.Errorf("open: %+v, first number %s", open, numbers[0])
		}
		f.split(t, 0, half())
		closed := f.shards(t)[0].SequenceNumberRange
		if last := slices.Max(numbers); closed.StartingSequenceNumber >= numbers[0] || closed.EndingSequenceNumber <= last || len(closed.EndingSequenceNumber) != len(last) {
			t.Errorf("closed: %+v, numbers %s to %s", closed, numbers[0], last)
		}
	})
}

func TestDescribeStreamSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := grown(t)
		do(t, f.UpdateStreamMode, &kinesis.UpdateStreamModeInput{StreamARN: arnOf + "orders", StreamModeDetails: &kinesis.StreamModeDetails{StreamMode: "ON_DEMAND"}})
		do(t, f.IncreaseStreamRetentionPeriod, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: "orders", RetentionPeriodHours: 100})
		f.wantAnswer(t, "DescribeStreamSummary", `{"StreamName":"orders"}`, 200,
			`{"StreamDescriptionSummary":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders","StreamStatus":"ACTIVE",`+
				`"StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RetentionPeriodHours":100,"StreamCreationTimestamp":946684800,`+
				`"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","OpenShardCount":3,"ConsumerCount":0,"RecordDistributionStrategy":"USER_PARTITION_KEY"}}`)
	})
}

func TestUpdateStreamMode(t *testing.T) {
	f := newStream(t, 2)
	body := `{"StreamARN":"` + arnOf + `orders","StreamModeDetails":{"StreamMode":%q}}`
	for _, mode := range []string{"ON_DEMAND", "ON_DEMAND", "PROVISIONED"} {
		f.wantAnswer(t, "UpdateStreamMode", fmt.Sprintf(body, mode), 200, "")
		described := do(t, f.DescribeStream, &kinesis.DescribeStreamInput{StreamName: "orders"}).StreamDescription
		if described.StreamModeDetails.StreamMode != mode || len(described.Shards) != 2 {
			t.Errorf("in mode %s: %+v", mode, described)
		}
	}
	f.wantRefusal(t, "UpdateStreamMode", strings.Replace(fmt.Sprintf(body, "ON_DEMAND"), "orders", "missing", 1), notFound, missingStream)
	f.wantRefusal(t, "UpdateStreamMode", fmt.Sprintf(body, "NONE"), invalidArgument,
		violation("streamModeDetails.streamMode", "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"))
}

func TestListStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(nil)
		f.wantAnswer(t, "ListStreams", `{}`, 200, `{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}`)
		f.create(t, "orders", 1)
		f.wantAnswer(t, "ListStreams", `{}`, 200,
			`{"StreamNames":["orders"],"HasMoreStreams":false,"StreamSummaries":[{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:111111111111:stream/orders",`+
				`"StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"StreamCreationTimestamp":946684800}]}`)
		for _, name := range []string{"b", "a", "c", "B"} {
			f.create(t, name, 1)
		}
		want := []string{"B", "a", "b", "c", "orders"}
		for limit := 1; limit <= 6; limit++ {
			byName := &kinesis.ListStreamsInput{Limit: limit}
			byToken := &kinesis.ListStreamsInput{Limit: limit}
			for from := 0; ; from += limit {
				to := min(from+limit, len(want))
				for _, in := range []*kinesis.ListStreamsInput{byName, byToken} {
					out := do(t, f.ListStreams, in)
					more := to < len(want)
					if !slices.Equal(out.StreamNames, want[from:to]) || out.HasMoreStreams != more || (out.NextToken != "") != more || len(out.StreamSummaries) != to-from {
						t.Fatalf("Limit %d from %d: %+v", limit, from, out)
					}
					in.NextToken, in.ExclusiveStartStreamName = "", out.StreamNames[len(out.StreamNames)-1]
					if in == byToken {
						in.NextToken, in.ExclusiveStartStreamName = out.NextToken, "orders" // the token counts
					}
				}
				if to == len(want) {
					break
				}
			}
		}
		if out := do(t, f.ListStreams, &kinesis.ListStreamsInput{ExclusiveStartStreamName: "bb"}); !slices.Equal(out.StreamNames, want[3:]) {
			t.Errorf("after a name that is no stream's: %+v", out)
		}
		for _, token := range []string{"garbage", pack([]byte("shards:a")), f.iterator(t, 0, kinesis.IteratorLatest)} {
			f.wantRefusal(t, "ListStreams", askShards(token), invalidArgument, invalidNextToken)
		}
	})
}

func TestListStreamsDefaultLimit(t *testing.T) {
	f := newFixture(nil)
	for i := range 101 {
		f.create(t, fmt.Sprintf("s%03d", i), 1)
	}
	for _, limit := range []int{0, 10_000} {
		out := do(t, f.ListStreams, &kinesis.ListStreamsInput{Limit: limit})
		if len(out.StreamNames) != 100 || !out.HasMoreStreams {
			t.Errorf("with Limit %d a page has %d streams of 101", limit, len(out.StreamNames))
		}
	}
	if out := do(t, f.DescribeLimits, &kinesis.DescribeLimitsInput{}); out.OpenShardCount != 101 {
		t.Errorf("limits of 101 streams: %+v", out)
	}
}

func TestDeleteStream(t *testing.T) {
	f := newStream(t, 2)
	f.put(t, hashkey.Key{}, "old")
	other := overStore(f.mem, nil, streams.Config{})
	other.put(t, hashkey.Key{}, "old") // has the map now
	f.wantAnswer(t, "DeleteStream", `{"StreamName":"orders","EnforceConsumerDeletion":true}`, 200, "")
	const gone = "Stream orders under account 111111111111 not found."
	for _, each := range []*fixture{f, other} {
		each.wantRefusal(t, "PutRecord", `{"StreamName":"orders","Data":"","PartitionKey":"k"}`, notFound, gone)
		each.wantRefusal(t, "DescribeStream", `{"StreamName":"orders"}`, notFound, gone)
		each.wantRefusal(t, "DeleteStream", `{"StreamName":"orders"}`, notFound, gone)
	}
	f.create(t, "orders", 3)
	f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon))
	if shards := f.shards(t); len(shards) != 3 {
		t.Errorf("created again with 3 shards, it has %d", len(shards))
	}
}

func TestDescribeLimits(t *testing.T) {
	f := newStream(t, 3)
	f.split(t, 0, quarter())
	do(t, f.CreateStream, &kinesis.CreateStreamInput{StreamName: "free", StreamModeDetails: &kinesis.StreamModeDetails{StreamMode: "ON_DEMAND"}})
	f.wantAnswer(t, "DescribeLimits", `{}`, 200, `{"ShardLimit":1000000,"OpenShardCount":8,"OnDemandStreamCount":1,"OnDemandStreamCountLimit":10000}`)
}

// TestDescribeLimitsWhileAStreamGoes: a stream that is deleted between being listed and being read does not count.
func TestDescribeLimitsWhileAStreamGoes(t *testing.T) {
	var f *fixture
	f = newFixture(func(c faultstore.Call) faultstore.Fault {
		if c.Op == faultstore.LoadStream && c.Name == "orders" {
			return faultstore.Fault{Wait: func(ctx context.Context) { _ = f.mem.DeleteStream(ctx, "orders") }}
		}
		return faultstore.None
	})
	f.create(t, "orders", 3)
	f.create(t, "remains", 2)
	f.wantAnswer(t, "DescribeLimits", `{}`, 200, `{"ShardLimit":1000000,"OpenShardCount":2,"OnDemandStreamCount":0,"OnDemandStreamCountLimit":10000}`)
}
