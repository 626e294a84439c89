package streams_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

// TestStreamARN: a stream's ARN stands in for its name, in every operation that takes both.
func TestStreamARN(t *testing.T) {
	secret := regexp.MustCompile(`"ShardIterator":"[^"]+"`) // bears the stream's id
	for action, rest := range map[string]string{
		"AddTagsToStream":               `,"Tags":{"b":"2"}`,
		"DecreaseStreamRetentionPeriod": `,"RetentionPeriodHours":30`,
		"DeleteStream":                  ``,
		"DescribeStream":                ``,
		"DescribeStreamSummary":         ``,
		"GetShardIterator":              `,"ShardId":"shardId-000000000001","ShardIteratorType":"TRIM_HORIZON"`,
		"IncreaseStreamRetentionPeriod": `,"RetentionPeriodHours":72`,
		"ListShards":                    `,"ExclusiveStartShardId":"shardId-000000000000"`,
		"ListTagsForStream":             ``,
		"MergeShards":                   `,"ShardToMerge":"0","AdjacentShardToMerge":"1"`,
		"PutRecord":                     `,"Data":"aGk=","PartitionKey":"k"`,
		"PutRecords":                    `,"Records":[{"Data":"aGk=","PartitionKey":"k"}]`,
		"RemoveTagsFromStream":          `,"TagKeys":["a"]`,
		"SplitShard":                    `,"ShardToSplit":"0","NewStartingHashKey":"100"`,
		"UpdateShardCount":              `,"TargetShardCount":4,"ScalingType":"UNIFORM_SCALING"`,
	} {
		t.Run(action, func(t *testing.T) {
			var outcomes []string
			for _, stream := range []string{
				`"StreamName":"orders"`,
				`"StreamARN":"` + arnOf + `orders"`,
				`"StreamName":"orders","StreamARN":"arn:aws-cn:kinesis:cn-north-1:000000000000:stream/orders"`,
			} {
				synctest.Test(t, func(t *testing.T) {
					f := newStream(t, 2)
					f.retain(t, "Increase", 48)
					f.wantAnswer(t, "AddTagsToStream", `{"StreamName":"orders","Tags":{"a":"1"}}`, 200, "")
					w := f.send(action, `{`+stream+rest+`}`)
					if w.Code != 200 {
						t.Errorf("%s: %d %s", stream, w.Code, w.Body)
					}
					outcome := secret.ReplaceAllString(w.Body.String(), "")
					for _, described := range []string{"DescribeStream", "ListTagsForStream"} {
						outcome += "\n" + f.send(described, `{"StreamName":"orders"}`).Body.String()
					}
					outcomes = append(outcomes, outcome)
					f.wantRefusal(t, action, `{"StreamName":"orders","StreamARN":"`+arnOf+`others"`+rest+`}`, invalidArgument,
						violation("streamARN", "Member must name the same stream as streamName"))
				})
			}
			for _, outcome := range outcomes[1:] {
				if outcome != outcomes[0] {
					t.Errorf("by ARN\n%s\nby name\n%s", outcome, outcomes[0])
				}
			}
			if strings.Contains(outcomes[0], arnOf+"others") {
				t.Error(outcomes[0])
			}
		})
	}
}

// TestActionsNotSupported: the other actions of the API are refused, with a message that names them.
func TestActionsNotSupported(t *testing.T) {
	f := newStream(t, 1)
	for _, action := range []string{
		"DeleteResourcePolicy", "DeregisterStreamConsumer", "DescribeAccountSettings", "DescribeStreamConsumer", "DisableEnhancedMonitoring",
		"EnableEnhancedMonitoring", "GetResourcePolicy", "ListStreamConsumers", "PutResourcePolicy", "RegisterStreamConsumer",
		"StartStreamEncryption", "StopStreamEncryption", "SubscribeToShard", "UpdateAccountSettings", "UpdateMaxRecordSize",
		"UpdateStreamWarmThroughput",
	} {
		for _, body := range []string{`{}`, `{"StreamName":"orders"}`, `not JSON`} {
			f.wantRefusal(t, action, body, "UnknownOperationException", action+" is not supported by this endpoint")
		}
	}
}
