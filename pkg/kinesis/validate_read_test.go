package kinesis_test

import (
	"strings"
	"testing"
	"time"

	"millrace/pkg/kinesis"
)

const (
	anyName = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	atLeast = "Member must have value greater than or equal to 1"
	pageMax = "Member must have value less than or equal to 10000"
)

// rule is one row of a table about an input.
type rule struct {
	members    string
	violations []string
}

// wantRules checks what an input of a type says of each of the members, and the stream that it names where it is valid.
func wantRules[T any, P interface {
	*T
	kinesis.Input
}](t *testing.T, stream string, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.members, func(t *testing.T) {
			in := decoded[T, P](t, `{`+r.members+`}`)
			wantViolations(t, in, r.violations...)
			if r.violations == nil && in.Stream() != stream {
				t.Errorf("stream %q, want %q", in.Stream(), stream)
			}
		})
	}
}

func TestValidateGetShardIterator(t *testing.T) {
	const (
		types = "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
		digit = `Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})`
		pairs = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or " +
			"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
		noTime = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."
		shard  = `"StreamName":"s","ShardId":"shardId-000000000000",`
	)
	wantRules[kinesis.GetShardIteratorInput](t, "s", []rule{
		{shard + `"ShardIteratorType":"TRIM_HORIZON"`, nil},
		{shard + `"ShardIteratorType":"LATEST"`, nil},
		{shard + `"ShardIteratorType":"LATEST","Timestamp":1`, nil},
		{shard + `"ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"0"`, nil},
		{shard + `"ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":"49"`, nil},
		{shard + `"ShardIteratorType":"AT_TIMESTAMP","Timestamp":0`, nil},
		{shard + `"ShardIteratorType":"AT_TIMESTAMP","Timestamp":1459799926.480,"StartingSequenceNumber":"49"`, nil},
		{`"StreamARN":"` + arn + `s","ShardId":"0","ShardIteratorType":"LATEST"`, nil},
		{`"StreamName":"s","ShardId":"Any_name.-0","ShardIteratorType":"LATEST","StreamId":"x"`, nil},

		{shard + `"ShardIteratorType":"AT_SEQUENCE_NUMBER"`, []string{pairs + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber."}},
		{shard + `"ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":null`,
			[]string{pairs + "AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber."}},
		{shard + `"ShardIteratorType":"LATEST","StartingSequenceNumber":"5"`,
			[]string{pairs + "LATEST and also a StartingSequenceNumber."}},
		{shard + `"ShardIteratorType":"TRIM_HORIZON","StartingSequenceNumber":"5"`,
			[]string{pairs + "TRIM_HORIZON and also a StartingSequenceNumber."}},
		{shard + `"ShardIteratorType":"AT_TIMESTAMP"`, []string{noTime}},
		{shard + `"ShardIteratorType":"AT_TIMESTAMP","Timestamp":null`, []string{noTime}},

		{``, []string{at("streamName", null), at("shardId", null), at("shardIteratorType", null)}},
		{`"StreamName":"","ShardId":"","ShardIteratorType":"","StartingSequenceNumber":""`,
			[]string{at("streamName", atLeastOne), at("streamName", nameChars), at("shardId", atLeastOne), at("shardId", anyName),
				at("shardIteratorType", types), at("startingSequenceNumber", digit)}},
		{`"StreamName":"s","ShardId":"` + strings.Repeat("a", 129) + `","ShardIteratorType":"latest"`,
			[]string{at("shardId", atMost(128)), at("shardIteratorType", types)}},
		// Declared limits alone are told where any is broken.
		{`"StreamName":"s","ShardId":"a/b","ShardIteratorType":"AT_TIMESTAMP"`, []string{at("shardId", anyName)}},
	})

	in := decoded[kinesis.GetShardIteratorInput](t, `{"Timestamp":1.45979992648E9}`)
	if !in.Timestamp.Equal(time.UnixMilli(1459799926480)) {
		t.Errorf("timestamp %v", in.Timestamp)
	}
}

func TestValidateGetRecords(t *testing.T) {
	wantRules[kinesis.GetRecordsInput](t, "", []rule{
		{`"ShardIterator":"A"`, nil},
		{`"ShardIterator":"` + strings.Repeat("A", 512) + `","Limit":1`, nil},
		{`"ShardIterator":"A","Limit":10000,"StreamARN":"` + arn + `s"`, nil},
		{`"ShardIterator":"A","Limit":null,"StreamName":5`, nil},
		{``, []string{at("shardIterator", null)}},
		{`"ShardIterator":"","Limit":0`, []string{at("shardIterator", atLeastOne), at("limit", atLeast)}},
		{`"ShardIterator":"` + strings.Repeat("A", 513) + `","Limit":10001`, []string{at("shardIterator", atMost(512)), at("limit", pageMax)}},
		{`"ShardIterator":"A","StreamARN":"s"`, []string{at("streamARN", notAnARN)}},
	})
}

func TestValidateListShards(t *testing.T) {
	const (
		neither = "Either NextToken or StreamName should be provided."
		types   = "Member must satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]"
	)
	both := func(member string) string { return "NextToken and " + member + " cannot be provided together." }
	wantRules[kinesis.ListShardsInput](t, "s", []rule{
		{`"StreamName":"s"`, nil},
		{`"StreamARN":"` + arn + `s","NextToken":null`, nil},
		{`"StreamName":"s","StreamARN":"` + arn + `s","ExclusiveStartShardId":"shardId-000000000000","MaxResults":1,"StreamCreationTimestamp":1.5e9`, nil},
		{`"StreamName":"s","MaxResults":10000`, nil},
		{`"StreamName":"s","ShardFilter":null`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"AT_LATEST"}`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"AT_TRIM_HORIZON","ShardId":"0","Timestamp":1}`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"FROM_TRIM_HORIZON"}`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"AFTER_SHARD_ID","ShardId":"shardId-000000000000"}`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":0}`, nil},
		{`"StreamName":"s","ShardFilter":{"Type":"FROM_TIMESTAMP","Timestamp":1459799926.48}`, nil},

		{``, []string{neither}},
		{`"MaxResults":5`, []string{neither}},
		{`"NextToken":"t","StreamName":"s"`, []string{both("StreamName")}},
		{`"NextToken":"t","StreamARN":"` + arn + `s"`, []string{both("StreamARN")}},
		{`"NextToken":"t","ExclusiveStartShardId":"0"`, []string{both("ExclusiveStartShardId")}},
		{`"NextToken":"t","StreamCreationTimestamp":1`, []string{both("StreamCreationTimestamp")}},
		{`"NextToken":"t","ShardFilter":{"Type":"AT_LATEST"}`, []string{both("ShardFilter")}},
		{`"NextToken":"t","StreamName":"s","ShardFilter":{"Type":"AT_LATEST"}`, []string{both("StreamName")}},

		{`"StreamName":"","NextToken":"","MaxResults":0,"ExclusiveStartShardId":""`,
			[]string{at("streamName", atLeastOne), at("streamName", nameChars), at("nextToken", atLeastOne),
				at("exclusiveStartShardId", atLeastOne), at("exclusiveStartShardId", anyName), at("maxResults", atLeast)}},
		{`"StreamName":"s","MaxResults":10001`, []string{at("maxResults", pageMax)}},
		{`"StreamName":"s","StreamARN":"` + arn + `t"`, []string{at("streamARN", "Member must name the same stream as streamName")}},
		{`"StreamName":"s","ShardFilter":{}`, []string{at("shardFilter.type", null)}},
		{`"StreamName":"s","ShardFilter":{"Type":"LATEST","ShardId":""}`,
			[]string{at("shardFilter.type", types), at("shardFilter.shardId", atLeastOne), at("shardFilter.shardId", anyName)}},
		{`"StreamName":"s","ShardFilter":{"Type":"AFTER_SHARD_ID"}`, []string{"A ShardFilter of type AFTER_SHARD_ID must have a ShardId."}},
		{`"StreamName":"s","ShardFilter":{"Type":"AT_TIMESTAMP"}`, []string{"A ShardFilter of type AT_TIMESTAMP must have a Timestamp."}},
		{`"StreamName":"s","ShardFilter":{"Type":"FROM_TIMESTAMP","ShardId":"0"}`,
			[]string{"A ShardFilter of type FROM_TIMESTAMP must have a Timestamp."}},
	})
	wantRules[kinesis.ListShardsInput](t, "", []rule{
		{`"NextToken":"t"`, nil},
		{`"NextToken":"t","MaxResults":7,"StreamName":null`, nil},
		{`"NextToken":"` + strings.Repeat("t", 1<<20) + `"`, nil},
		{`"NextToken":"` + strings.Repeat("t", 1<<20+1) + `"`, []string{at("nextToken", atMost(1<<20))}},
	})
}

func TestValidateDescribeStream(t *testing.T) {
	wantRules[kinesis.DescribeStreamInput](t, "s", []rule{
		{`"StreamName":"s"`, nil},
		{`"StreamARN":"` + arn + `s","Limit":1,"ExclusiveStartShardId":"shardId-000000000000"`, nil},
		{`"StreamName":"s","Limit":10000`, nil},
		{``, []string{at("streamName", null)}},
		{`"StreamName":"s","Limit":0,"ExclusiveStartShardId":""`,
			[]string{at("limit", atLeast), at("exclusiveStartShardId", atLeastOne), at("exclusiveStartShardId", anyName)}},
		{`"StreamName":"s","Limit":10001,"ExclusiveStartShardId":"` + strings.Repeat("a", 129) + `"`,
			[]string{at("limit", pageMax), at("exclusiveStartShardId", atMost(128))}},
	})
}

func TestValidateListStreams(t *testing.T) {
	wantRules[kinesis.ListStreamsInput](t, "", []rule{
		{``, nil},
		{`"Limit":1,"ExclusiveStartStreamName":"0_any.name-","NextToken":"t"`, nil},
		{`"Limit":10000`, nil},
		{`"Limit":0,"ExclusiveStartStreamName":"","NextToken":""`,
			[]string{at("limit", atLeast), at("exclusiveStartStreamName", atLeastOne), at("exclusiveStartStreamName", anyName),
				at("nextToken", atLeastOne)}},
		{`"Limit":1000000,"ExclusiveStartStreamName":"` + strings.Repeat("a", 129) + `"`,
			[]string{at("limit", pageMax), at("exclusiveStartStreamName", atMost(128))}},
	})
}

func TestValidateDescribeLimits(t *testing.T) {
	wantRules[kinesis.DescribeLimitsInput](t, "", []rule{{``, nil}, {`"StreamName":"1"`, nil}})
}
