package main

import wire "millrace/pkg/kinesis"

// operations are those that are served, by the types that declare their members.
var operations = []struct {
	action string
	in     wire.Input
	out    wire.Output // nil: the operation answers nothing
	shared bool        // kinesalite serves it too
}{
	{"AddTagsToStream", new(wire.AddTagsToStreamInput), nil, true},
	{"CreateStream", new(wire.CreateStreamInput), nil, true},
	{"DecreaseStreamRetentionPeriod", new(wire.DecreaseStreamRetentionPeriodInput), nil, true},
	{"DeleteStream", new(wire.DeleteStreamInput), nil, true},
	{"DescribeLimits", new(wire.DescribeLimitsInput), new(wire.DescribeLimitsOutput), false},
	{"DescribeStream", new(wire.DescribeStreamInput), new(wire.DescribeStreamOutput), true},
	{"DescribeStreamSummary", new(wire.DescribeStreamSummaryInput), new(wire.DescribeStreamSummaryOutput), true},
	{"GetRecords", new(wire.GetRecordsInput), new(wire.GetRecordsOutput), true},
	{"GetShardIterator", new(wire.GetShardIteratorInput), new(wire.GetShardIteratorOutput), true},
	{"IncreaseStreamRetentionPeriod", new(wire.IncreaseStreamRetentionPeriodInput), nil, true},
	{"ListShards", new(wire.ListShardsInput), new(wire.ListShardsOutput), true},
	{"ListStreams", new(wire.ListStreamsInput), new(wire.ListStreamsOutput), true},
	{"ListTagsForResource", new(wire.ListTagsForResourceInput), new(wire.ListTagsForResourceOutput), false},
	{"ListTagsForStream", new(wire.ListTagsForStreamInput), new(wire.ListTagsForStreamOutput), true},
	{"MergeShards", new(wire.MergeShardsInput), nil, true},
	{"PutRecord", new(wire.PutRecordInput), new(wire.PutRecordOutput), true},
	{"PutRecords", new(wire.PutRecordsInput), new(wire.PutRecordsOutput), true},
	{"RemoveTagsFromStream", new(wire.RemoveTagsFromStreamInput), nil, true},
	{"SplitShard", new(wire.SplitShardInput), nil, true},
	{"TagResource", new(wire.TagResourceInput), nil, false},
	{"UntagResource", new(wire.UntagResourceInput), nil, false},
	{"UpdateShardCount", new(wire.UpdateShardCountInput), new(wire.UpdateShardCountOutput), false},
	{"UpdateStreamMode", new(wire.UpdateStreamModeInput), nil, false},
}
