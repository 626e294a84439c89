package kinesis_test

import (
	"testing"
	"time"

	"millrace/pkg/kinesis"
)

func TestEncodeReads(t *testing.T) {
	arrival := time.UnixMilli(1767323045060)
	keys := kinesis.HashKeyRange{StartingHashKey: "0", EndingHashKey: "340282366920938463463374607431768211455"}
	const wireKeys = `"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"}`
	wantEncoded(t, []encoding{
		{"GetShardIterator", &kinesis.GetShardIteratorOutput{ShardIterator: "AAA="}, `{"ShardIterator":"AAA="}`},
		{"GetRecords", &kinesis.GetRecordsOutput{
			Records: []kinesis.Record{
				{SequenceNumber: "49", ApproximateArrivalTimestamp: arrival, Data: []byte{0, 1, 2}, PartitionKey: "k"},
				{SequenceNumber: "50", ApproximateArrivalTimestamp: arrival.Add(940 * time.Millisecond), PartitionKey: "é", EncryptionType: "KMS"},
			},
			NextShardIterator: "AAA=", MillisBehindLatest: 31_536_000_000},
			`{"Records":[{"SequenceNumber":"49","ApproximateArrivalTimestamp":1767323045.06,"Data":"AAEC","PartitionKey":"k"},` +
				`{"SequenceNumber":"50","ApproximateArrivalTimestamp":1767323046,"Data":"","PartitionKey":"é","EncryptionType":"KMS"}],` +
				`"NextShardIterator":"AAA=","MillisBehindLatest":31536000000}`},
		{"GetRecords at the tip", &kinesis.GetRecordsOutput{NextShardIterator: "AAA="},
			`{"Records":[],"NextShardIterator":"AAA=","MillisBehindLatest":0}`},
		{"GetRecords at the end of a shard", &kinesis.GetRecordsOutput{ChildShards: []kinesis.ChildShard{
			{ShardId: kinesis.ShardID(2), ParentShards: []string{kinesis.ShardID(0), kinesis.ShardID(1)}, HashKeyRange: keys}}},
			`{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000002",` +
				`"ParentShards":["shardId-000000000000","shardId-000000000001"],` + wireKeys + `}]}`},
		{"ListShards", &kinesis.ListShardsOutput{NextToken: "t", Shards: []kinesis.Shard{
			{ShardId: "a", HashKeyRange: keys, SequenceNumberRange: kinesis.SequenceNumberRange{StartingSequenceNumber: "1", EndingSequenceNumber: "2"}},
			{ShardId: "b", ParentShardId: "a", HashKeyRange: keys, SequenceNumberRange: kinesis.SequenceNumberRange{StartingSequenceNumber: "3"}},
			{ShardId: "c", ParentShardId: "a", AdjacentParentShardId: "b", HashKeyRange: keys,
				SequenceNumberRange: kinesis.SequenceNumberRange{StartingSequenceNumber: "4"}}}},
			`{"Shards":[{"ShardId":"a",` + wireKeys + `,"SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"2"}},` +
				`{"ShardId":"b","ParentShardId":"a",` + wireKeys + `,"SequenceNumberRange":{"StartingSequenceNumber":"3"}},` +
				`{"ShardId":"c","ParentShardId":"a","AdjacentParentShardId":"b",` + wireKeys + `,"SequenceNumberRange":{"StartingSequenceNumber":"4"}}],` +
				`"NextToken":"t"}`},
		{"ListShards of none", &kinesis.ListShardsOutput{}, `{"Shards":[]}`},
	})
}

func TestEncodeStreams(t *testing.T) {
	created := time.UnixMilli(1767323045060)
	mode := kinesis.StreamModeDetails{StreamMode: kinesis.StreamModeOnDemand}
	wantEncoded(t, []encoding{
		{"DescribeStream", &kinesis.DescribeStreamOutput{StreamDescription: kinesis.StreamDescription{
			StreamName: "orders", StreamARN: arn + "orders", StreamStatus: kinesis.StatusActive, StreamModeDetails: mode,
			Shards: []kinesis.Shard{{ShardId: kinesis.ShardID(0), HashKeyRange: kinesis.HashKeyRange{StartingHashKey: "0", EndingHashKey: "9"},
				SequenceNumberRange: kinesis.SequenceNumberRange{StartingSequenceNumber: "49"}}},
			HasMoreShards: true, RetentionPeriodHours: 24, StreamCreationTimestamp: created}},
			`{"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:eu-central-1:111111111111:stream/orders",` +
				`"StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},` +
				`"Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"},` +
				`"SequenceNumberRange":{"StartingSequenceNumber":"49"}}],"HasMoreShards":true,"RetentionPeriodHours":24,` +
				`"StreamCreationTimestamp":1767323045.06,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE"}}`},
		{"DescribeStream without shards", &kinesis.DescribeStreamOutput{StreamDescription: kinesis.StreamDescription{
			StreamName: "orders", StreamARN: arn + "orders", StreamStatus: kinesis.StatusCreating, StreamModeDetails: mode,
			RetentionPeriodHours: 24, StreamCreationTimestamp: created}},
			`{"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:eu-central-1:111111111111:stream/orders",` +
				`"StreamStatus":"CREATING","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"Shards":[],"HasMoreShards":false,` +
				`"RetentionPeriodHours":24,"StreamCreationTimestamp":1767323045.06,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],` +
				`"EncryptionType":"NONE"}}`},
		{"ListStreams", &kinesis.ListStreamsOutput{StreamNames: []string{"orders"}, HasMoreStreams: true, NextToken: "t",
			StreamSummaries: []kinesis.StreamSummary{{StreamName: "orders", StreamARN: arn + "orders", StreamStatus: kinesis.StatusActive,
				StreamModeDetails: mode, StreamCreationTimestamp: created}}},
			`{"StreamNames":["orders"],"HasMoreStreams":true,"NextToken":"t","StreamSummaries":[{"StreamName":"orders",` +
				`"StreamARN":"arn:aws:kinesis:eu-central-1:111111111111:stream/orders","StreamStatus":"ACTIVE",` +
				`"StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1767323045.06}]}`},
		{"ListStreams of none", &kinesis.ListStreamsOutput{}, `{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}`},
		{"DescribeLimits", &kinesis.DescribeLimitsOutput{ShardLimit: 1000, OpenShardCount: 7, OnDemandStreamCountLimit: 50},
			`{"ShardLimit":1000,"OpenShardCount":7,"OnDemandStreamCount":0,"OnDemandStreamCountLimit":50}`},
		{"UpdateShardCount", &kinesis.UpdateShardCountOutput{StreamName: "orders", CurrentShardCount: 2, TargetShardCount: 4, StreamARN: arn + "orders"},
			`{"StreamName":"orders","CurrentShardCount":2,"TargetShardCount":4,"StreamARN":"arn:aws:kinesis:eu-central-1:111111111111:stream/orders"}`},
		{"ListTagsForStream", &kinesis.ListTagsForStreamOutput{Tags: []kinesis.Tag{{Key: "a", Value: "b"}, {Key: "c"}}, HasMoreTags: true},
			`{"Tags":[{"Key":"a","Value":"b"},{"Key":"c","Value":""}],"HasMoreTags":true}`},
		{"ListTagsForStream of none", &kinesis.ListTagsForStreamOutput{}, `{"Tags":[],"HasMoreTags":false}`},
		{"ListTagsForResource", &kinesis.ListTagsForResourceOutput{Tags: []kinesis.Tag{{Key: "a", Value: "b"}}}, `{"Tags":[{"Key":"a","Value":"b"}]}`},
		{"ListTagsForResource of none", &kinesis.ListTagsForResourceOutput{}, `{"Tags":[]}`},
	})
}

// encoding is an output and what it is on the wire.
type encoding struct {
	name string
	out  kinesis.Output
	want string
}

func wantEncoded(t *testing.T, encodings []encoding) {
	t.Helper()
	for _, e := range encodings {
		t.Run(e.name, func(t *testing.T) {
			if got := string(kinesis.JSON.Encode(nil, e.out)); got != e.want {
				t.Errorf("%s\nwant\n%s", got, e.want)
			}
		})
	}
}
