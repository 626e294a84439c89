package kinesis_test

import (
	"fmt"
	"strings"
	"testing"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

const badTags = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."

func TestValidateDeleteStream(t *testing.T) {
	wantRules[kinesis.DeleteStreamInput](t, "s", []rule{
		{`"StreamName":"s"`, nil},
		{`"StreamARN":"` + arn + `s","EnforceConsumerDeletion":true`, nil},
		{`"StreamName":"s","EnforceConsumerDeletion":null`, nil},
		{``, []string{at("streamName", null)}},
		{`"StreamName":""`, []string{at("streamName", atLeastOne), at("streamName", nameChars)}},
	})
}

func TestValidateRetention(t *testing.T) {
	short := func(hours int) string {
		return fmt.Sprintf("Minimum allowed retention period is 24 hours. Requested retention period (%d hours) is too short.", hours)
	}
	long := func(hours int) string {
		return fmt.Sprintf("Maximum allowed retention period is 8760 hours. Requested retention period (%d hours) is too long.", hours)
	}
	rules := []rule{
		{`"StreamName":"s","RetentionPeriodHours":24`, nil},
		{`"StreamARN":"` + arn + `s","RetentionPeriodHours":8760`, nil},
		{`"StreamName":"s","RetentionPeriodHours":23`, []string{short(23)}},
		{`"StreamName":"s","RetentionPeriodHours":0`, []string{short(0)}},
		{`"StreamName":"s","RetentionPeriodHours":-1`, []string{short(-1)}},
		{`"StreamName":"s","RetentionPeriodHours":8761`, []string{long(8761)}},
		{`"StreamName":"s"`, []string{at("retentionPeriodHours", null)}},
		{`"StreamName":"s","RetentionPeriodHours":null`, []string{at("retentionPeriodHours", null)}},
		{``, []string{at("streamName", null), at("retentionPeriodHours", null)}},
		{`"StreamName":"1","RetentionPeriodHours":23`, []string{at("streamName", nameChars)}},
	}
	wantRules[kinesis.IncreaseStreamRetentionPeriodInput](t, "s", rules)
	wantRules[kinesis.DecreaseStreamRetentionPeriodInput](t, "s", rules)
}

// numbered returns a JSON object or list of n elements.
func numbered(form, open, end string, n int) string {
	var elements []string
	for i := range n {
		elements = append(elements, fmt.Sprintf(form, i))
	}
	return open + strings.Join(elements, ",") + end
}

func TestValidateTags(t *testing.T) {
	const (
		keys   = "Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
		values = "Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"
	)
	tags := func(n int) string { return `"Tags":` + numbered(`"%d":""`, "{", "}", n) }
	rules := []rule{
		{`"Tags":{"a":""}`, nil},
		{`"Tags":{"ü0 _.":"ü0 _./=+-@","/=+-@":"a:b%","` + strings.Repeat("é", 128) + `":"` + strings.Repeat("é", 256) + `"}`, nil},
		{`"Tags":{"मराठी":"日本"}`, nil},
		{tags(200), nil},
		{tags(201), []string{at("tags", atMost(200))}},
		{`"Tags":{}`, []string{at("tags", atLeastOne)}},
		{`"Tags":{"a":null}`, []string{at("tags", atLeastOne)}},
		{`"Tags":null`, []string{at("tags", null)}},
		{`"Tags":{"":""}`, []string{at("tags", keys)}},
		{`"Tags":{"a":"1","` + strings.Repeat("a", 129) + `":"3"}`, []string{at("tags", keys)}},
		{`"Tags":{"a":"` + strings.Repeat("a", 257) + `","":""}`, []string{at("tags", keys), at("tags", values)}},
		{`"Tags":{"a":"","":";"}`, []string{at("tags", keys)}},
	}
	for _, bad := range []string{";", ",", `\t`, `\n`, "&", "<", "'", `\"`, "😀"} {
		rules = append(rules, rule{`"Tags":{"abc` + bad + `def":"1"}`, []string{badTags}}, rule{`"Tags":{"a":"1","b":"` + bad + `"}`, []string{badTags}})
	}
	var named, resource []rule
	for _, r := range rules {
		named = append(named, rule{`"StreamName":"s",` + r.members, r.violations})
		resource = append(resource, rule{r.members + `,"ResourceARN":"` + arn + `s"`, r.violations})
	}
	wantRules[kinesis.AddTagsToStreamInput](t, "s", append(named,
		rule{``, []string{at("streamName", null), at("tags", null)}},
		rule{`"Tags":{";":""}`, []string{at("streamName", null)}}))
	wantRules[kinesis.TagResourceInput](t, "s", append(resource,
		rule{``, []string{at("tags", null), at("resourceARN", null)}},
		rule{`"Tags":{";":""},"ResourceARN":"s"`, []string{at("resourceARN", notAnARN)}},
		rule{`"Tags":{"a":""},"ResourceARN":"` + arn + `s/consumer/c:1"`, []string{at("resourceARN", notAnARN)}}))
}

func TestValidateTagKeys(t *testing.T) {
	const each = "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
	keys := func(n int) string { return `"TagKeys":` + numbered(`"%d"`, "[", "]", n) }
	rules := []rule{
		{`"TagKeys":["a","ü0 _.","/=+-@:%"]`, nil},
		{keys(50), nil},
		{keys(51), []string{at("tagKeys", atMost(50))}},
		{`"TagKeys":[]`, []string{at("tagKeys", atLeastOne)}},
		{`"TagKeys":null`, []string{at("tagKeys", null)}},
		{`"TagKeys":["a",""]`, []string{at("tagKeys", each)}},
		{`"TagKeys":["a","` + strings.Repeat("a", 129) + `",";"]`, []string{at("tagKeys", each)}},
		{`"TagKeys":["a","b;"]`, []string{badTags}},
	}
	var named, resource []rule
	for _, r := range rules {
		named = append(named, rule{`"StreamName":"s",` + r.members, r.violations})
		resource = append(resource, rule{r.members + `,"ResourceARN":"` + arn + `s"`, r.violations})
	}
	wantRules[kinesis.RemoveTagsFromStreamInput](t, "s", append(named, rule{``, []string{at("streamName", null), at("tagKeys", null)}}))
	wantRules[kinesis.UntagResourceInput](t, "s", append(resource, rule{``, []string{at("tagKeys", null), at("resourceARN", null)}}))
}

func TestValidateListTags(t *testing.T) {
	wantRules[kinesis.ListTagsForStreamInput](t, "s", []rule{
		{`"StreamName":"s"`, nil},
		{`"StreamARN":"` + arn + `s","ExclusiveStartTagKey":"$Z%*(*&@,,.,,ZAC","Limit":50`, nil},
		{`"StreamName":"s","Limit":1`, nil},
		{``, []string{at("streamName", null)}},
		{`"StreamName":"s","ExclusiveStartTagKey":"","Limit":0`, []string{at("exclusiveStartTagKey", atLeastOne), at("limit", atLeast)}},
		{`"StreamName":"s","ExclusiveStartTagKey":"` + strings.Repeat("a", 129) + `","Limit":51`,
			[]string{at("exclusiveStartTagKey", atMost(128)), at("limit", "Member must have value less than or equal to 50")}},
	})
	wantRules[kinesis.ListTagsForResourceInput](t, "s", []rule{
		{`"ResourceARN":"` + arn + `s"`, nil},
		{``, []string{at("resourceARN", null)}},
		{`"ResourceARN":""`, []string{at("resourceARN", atLeastOne), at("resourceARN", notAnARN)}},
		{`"StreamName":"s"`, []string{at("resourceARN", null)}},
	})
}

func TestValidateSplitShard(t *testing.T) {
	wantRules[kinesis.SplitShardInput](t, "s", []rule{
		{`"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"0"`, nil},
		{`"StreamARN":"` + arn + `s","ShardToSplit":"0","NewStartingHashKey":"` + strings.Repeat("9", 39) + `"`, nil},
		{``, []string{at("streamName", null), at("shardToSplit", null), at("newStartingHashKey", null)}},
		{`"StreamName":"s","ShardToSplit":"","NewStartingHashKey":""`,
			[]string{at("shardToSplit", atLeastOne), at("shardToSplit", anyName), at("newStartingHashKey", hashKeys)}},
		{`"StreamName":"s","ShardToSplit":"` + strings.Repeat("a", 129) + `","NewStartingHashKey":"01"`,
			[]string{at("shardToSplit", atMost(128)), at("newStartingHashKey", hashKeys)}},
		{`"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"sth"`, []string{at("newStartingHashKey", hashKeys)}},
	})
	for text, want := range map[string]*hashkey.Key{"0": {}, "18446744073709551616": {Hi: 1}, strings.Repeat("9", 39): nil} {
		got := (&kinesis.SplitShardInput{NewStartingHashKey: text}).StartingHash()
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestValidateMergeShards(t *testing.T) {
	wantRules[kinesis.MergeShardsInput](t, "s", []rule{
		{`"StreamName":"s","ShardToMerge":"shardId-000000000000","AdjacentShardToMerge":"shardId-000000000001"`, nil},
		{`"StreamARN":"` + arn + `s","ShardToMerge":"0","AdjacentShardToMerge":"0"`, nil},
		{``, []string{at("streamName", null), at("shardToMerge", null), at("adjacentShardToMerge", null)}},
		{`"StreamName":"s","ShardToMerge":"","AdjacentShardToMerge":"a b"`,
			[]string{at("shardToMerge", atLeastOne), at("shardToMerge", anyName), at("adjacentShardToMerge", anyName)}},
	})
}

func TestValidateUpdateShardCount(t *testing.T) {
	const scaling = "Member must satisfy enum value set: [UNIFORM_SCALING]"
	wantRules[kinesis.UpdateShardCountInput](t, "s", []rule{
		{`"StreamName":"s","TargetShardCount":1,"ScalingType":"UNIFORM_SCALING"`, nil},
		{`"StreamARN":"` + arn + `s","TargetShardCount":1000000,"ScalingType":"UNIFORM_SCALING"`, nil},
		{``, []string{at("streamName", null), at("targetShardCount", null), at("scalingType", null)}},
		{`"StreamName":"s","TargetShardCount":0,"ScalingType":""`, []string{at("targetShardCount", atLeast), at("scalingType", scaling)}},
		{`"StreamName":"s","TargetShardCount":-5,"ScalingType":"uniform"`, []string{at("targetShardCount", atLeast), at("scalingType", scaling)}},
	})
}

func TestValidateUpdateStreamMode(t *testing.T) {
	wantRules[kinesis.UpdateStreamModeInput](t, "s", []rule{
		{`"StreamARN":"` + arn + `s","StreamModeDetails":{"StreamMode":"ON_DEMAND"}`, nil},
		{`"StreamARN":"` + arn + `s","StreamModeDetails":{"StreamMode":"PROVISIONED"},"WarmThroughputMiBps":"x"`, nil},
		{``, []string{at("streamARN", null), at("streamModeDetails", null)}},
		{`"StreamName":"s","StreamModeDetails":null`, []string{at("streamARN", null), at("streamModeDetails", null)}},
		{`"StreamARN":"s","StreamModeDetails":{}`, []string{at("streamARN", notAnARN), at("streamModeDetails.streamMode", null)}},
		{`"StreamARN":"` + arn + `s","StreamModeDetails":{"StreamMode":"x"}`,
			[]string{at("streamModeDetails.streamMode", "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")}},
	})
}
