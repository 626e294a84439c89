package streams_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

// grown returns the stream orders 26 hours after its creation at begin, with a retention of 24:
//
//	shard 0   0 h to 1 h, expired     2, 3   1 h to 20 h, of 0            4   from 20 h on, of 2 and 3
//	shard 1   0 h to 21 h                                              5, 6   from 21 h on, of 1
func grown(t *testing.T) (f *fixture, begin time.Time) {
	t.Helper()
	begin = time.Now()
	f = newStream(t, 2)
	time.Sleep(time.Hour)
	f.split(t, 0, quarter())
	time.Sleep(19 * time.Hour)
	f.merge(t, 2, 3)
	time.Sleep(time.Hour)
	f.split(t, 1, hashkey.Uniform(4)[3].Start)
	time.Sleep(5 * time.Hour)
	return f, begin
}

func (f *fixture) wantShards(t *testing.T, in kinesis.ListShardsInput, want string) {
	t.Helper()
	in.StreamName = "orders"
	out := do(t, f.ListShards, &in)
	if got := ids(t, out.Shards); got != want || out.NextToken != "" {
		t.Errorf("%+v\n got %s\nwant %s", in, got, want)
	}
}

func TestListShardsFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, begin := grown(t)
		hours := func(h float64) time.Time { return begin.Add(time.Duration(h * float64(time.Hour))) }
		f.wantShards(t, kinesis.ListShardsInput{}, "1 2 3 4 5 6")
		f.wantShards(t, kinesis.ListShardsInput{ExclusiveStartShardId: kinesis.ShardID(2)}, "3 4 5 6")
		f.wantShards(t, kinesis.ListShardsInput{ExclusiveStartShardId: kinesis.ShardID(6)}, "")
		for _, test := range []struct {
			filter kinesis.ShardFilter
			want   string
		}{
			{kinesis.ShardFilter{Type: kinesis.FilterAfterShardID, ShardId: kinesis.ShardID(3)}, "4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterAfterShardID, ShardId: kinesis.ShardID(0)}, "1 2 3 4 5 6"}, // it expired
			{kinesis.ShardFilter{Type: kinesis.FilterAtTrimHorizon}, "1 2 3"},
			{kinesis.ShardFilter{Type: kinesis.FilterFromTrimHorizon}, "1 2 3 4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterAtLatest}, "4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterAtTimestamp, Timestamp: hours(0.5)}, "1 2 3"}, // before the trim horizon
			{kinesis.ShardFilter{Type: kinesis.FilterAtTimestamp, Timestamp: hours(19.9)}, "1 2 3"},
			{kinesis.ShardFilter{Type: kinesis.FilterAtTimestamp, Timestamp: hours(20.5)}, "1 4"},
			{kinesis.ShardFilter{Type: kinesis.FilterAtTimestamp, Timestamp: hours(22)}, "4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterAtTimestamp, Timestamp: hours(100)}, "4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterFromTimestamp, Timestamp: hours(0.5)}, "1 2 3 4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterFromTimestamp, Timestamp: hours(10)}, "1 2 3 4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterFromTimestamp, Timestamp: hours(20.5)}, "1 4 5 6"},
			{kinesis.ShardFilter{Type: kinesis.FilterFromTimestamp, Timestamp: hours(22)}, "4 5 6"},
		} {
			f.wantShards(t, kinesis.ListShardsInput{ShardFilter: &test.filter}, test.want)
		}
		f.wantShards(t, kinesis.ListShardsInput{ExclusiveStartShardId: kinesis.ShardID(4), ShardFilter: &kinesis.ShardFilter{Type: kinesis.FilterAtLatest}}, "5 6")
		f.wantRefusal(t, "ListShards", `{"StreamName":"missing"}`, notFound, missingStream)
		f.wantRefusal(t, "ListShards", `{}`, invalidArgument, "Either NextToken or StreamName should be provided.")
		f.wantRefusal(t, "ListShards", `{"StreamName":"orders","ShardFilter":{"Type":"AT_TIMESTAMP"}}`, invalidArgument,
			"A ShardFilter of type AT_TIMESTAMP must have a Timestamp.")
		f.wantRefusal(t, "ListShards", `{"StreamName":"orders","ShardFilter":{"Type":"AFTER_SHARD_ID"}}`, invalidArgument,
			"A ShardFilter of type AFTER_SHARD_ID must have a ShardId.")
	})
}

// TestListShardsAtTheTrimHorizon: readers that start at the trim horizon find shards that own every key, whatever
// happened to the retention.
func TestListShardsAtTheTrimHorizon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := grown(t)
		filter := &kinesis.ShardFilter{Type: kinesis.FilterAtTrimHorizon}
		f.wantShards(t, kinesis.ListShardsInput{ShardFilter: filter}, "1 2 3")
		do(t, f.IncreaseStreamRetentionPeriod, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: "orders", RetentionPeriodHours: 48})
		f.wantShards(t, kinesis.ListShardsInput{}, "1 2 3 4 5 6")
		f.wantShards(t, kinesis.ListShardsInput{ShardFilter: filter}, "1 2 3")
		time.Sleep(20 * time.Hour) // at 46 h there is nothing from before 2 h, still
		f.wantShards(t, kinesis.ListShardsInput{ShardFilter: filter}, "1 2 3")
		do(t, f.DecreaseStreamRetentionPeriod, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: "orders", RetentionPeriodHours: 24})
		f.wantShards(t, kinesis.ListShardsInput{ShardFilter: filter}, "4 5 6")
		f.wantShards(t, kinesis.ListShardsInput{}, "4 5 6")
	})
}

// TestListShardsExpiry: a closed shard is listed until its last record has expired for sure.
func TestListShardsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.split(t, 0, half())
		time.Sleep(24*time.Hour + time.Minute - time.Millisecond)
		f.wantShards(t, kinesis.ListShardsInput{}, "0 1 2")
		time.Sleep(time.Millisecond)
		f.wantShards(t, kinesis.ListShardsInput{}, "1 2")
	})
}

func TestListShardsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := grown(t)
		shards := do(t, f.ListShards, &kinesis.ListShardsInput{StreamName: "orders"}).Shards
		four := hashkey.Uniform(4)
		for i, want := range []struct {
			keys             hashkey.Range
			parent, adjacent string
			closed           bool
		}{
			{hashkey.Uniform(2)[1], "", "", true},
			{four[0], "", "", true}, // the parent has expired
			{four[1], "", "", true},
			{hashkey.Uniform(2)[0], kinesis.ShardID(2), kinesis.ShardID(3), false},
			{four[2], kinesis.ShardID(1), "", false},
			{four[3], kinesis.ShardID(1), "", false},
		} {
			s := shards[i]
			keys := kinesis.HashKeyRange{StartingHashKey: want.keys.Start.String(), EndingHashKey: want.keys.End.String()}
			if s.HashKeyRange != keys || s.ParentShardId != want.parent || s.AdjacentParentShardId != want.adjacent ||
				(s.SequenceNumberRange.EndingSequenceNumber != "") != want.closed {
				t.Errorf("shard %+v, want %+v", s, want)
			}
		}
		last := shards[5]
		f.wantAnswer(t, "ListShards", `{"StreamName":"orders","ExclusiveStartShardId":"shardId-000000000005"}`, 200,
			`{"Shards":[{"ShardId":"shardId-000000000006","ParentShardId":"shardId-000000000001","HashKeyRange":{"StartingHashKey":"255211775190703847597530955573826158592",`+
				`"EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"`+
				last.SequenceNumberRange.StartingSequenceNumber+`"}}]}`)
	})
}

// TestListShardsPages pages while shards open: none is missed, and the filter is kept.
func TestListShardsPages(t *testing.T) {
	for _, filter := range []*kinesis.ShardFilter{nil, {Type: kinesis.FilterAtLatest}} {
		f := newStream(t, 3)
		out := do(t, f.ListShards, &kinesis.ListShardsInput{StreamName: "orders", MaxResults: 2, ShardFilter: filter})
		pages := ids(t, out.Shards)
		f.split(t, 1, half())
		f.split(t, 4, hashkey.Uniform(5)[3].Start)
		for out.NextToken != "" {
			out = do(t, f.ListShards, &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: 2})
			pages += " | " + ids(t, out.Shards)
		}
		want := "0 1 | 2 3 | 4 5 | 6"
		if filter != nil {
			want = "0 1 | 2 3 | 5 6" // 4 has been split
		}
		if pages != want {
			t.Errorf("pages %s, want %s", pages, want)
		}
	}
	f := newStream(t, 1000)
	f.merge(t, 0, 1)
	for _, max := range []int{0, 10_000} {
		out := do(t, f.ListShards, &kinesis.ListShardsInput{StreamName: "orders", MaxResults: max})
		if len(out.Shards) != 1000 || out.NextToken == "" {
			t.Errorf("with MaxResults %d a page has %d shards of 1001", max, len(out.Shards))
		}
		if out = do(t, f.ListShards, &kinesis.ListShardsInput{NextToken: out.NextToken}); ids(t, out.Shards) != "1000" || out.NextToken != "" {
			t.Errorf("the last page is %+v", out)
		}
	}
}

func TestListShardsPagesByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, begin := grown(t)
		out := do(t, f.ListShards, &kinesis.ListShardsInput{StreamName: "orders", MaxResults: 2,
			ShardFilter: &kinesis.ShardFilter{Type: kinesis.FilterFromTimestamp, Timestamp: begin.Add(20*time.Hour + 30*time.Minute)}})
		first := ids(t, out.Shards)
		out = do(t, f.ListShards, &kinesis.ListShardsInput{NextToken: out.NextToken})
		if second := ids(t, out.Shards); first != "1 4" || second != "5 6" || out.NextToken != "" {
			t.Errorf("pages %s | %s", first, second)
		}
	})
}

func TestListShardsOfACreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		for _, at := range []string{"946684800", "946684800.999"} {
			if w := f.send("ListShards", fmt.Sprintf(`{"StreamName":"orders","StreamCreationTimestamp":%s}`, at)); w.Code != 200 {
				t.Errorf("created at %s: %d %s", at, w.Code, w.Body)
			}
		}
		for _, at := range []string{"946684799", "946684801"} {
			f.wantRefusal(t, "ListShards", fmt.Sprintf(`{"StreamName":"orders","StreamCreationTimestamp":%s}`, at), notFound,
				"Stream orders under account 111111111111 not found.")
		}
	})
}
