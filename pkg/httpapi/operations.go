package httpapi

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

// operation is what an action does.
type operation struct {
	// prepare returns an input to be read and checked, and the call that then takes it.
	prepare func() (in kinesis.Input, call func(context.Context) (kinesis.Output, error))
	// ofAccount tells that it is on no stream, but on the account as a whole. Any other is on one stream.
	ofAccount bool
	// puts tells that it puts records, by a stream's map.
	puts bool
}

// operations lists what the endpoint serves, by action.
func operations(s *streams.Service) map[string]operation {
	return map[string]operation{
		"AddTagsToStream":               serve(s.AddTagsToStream),
		"CreateStream":                  serve(s.CreateStream),
		"DecreaseStreamRetentionPeriod": serve(s.DecreaseStreamRetentionPeriod),
		"DeleteStream":                  serve(s.DeleteStream),
		"DescribeLimits":                ofAccount(serve(s.DescribeLimits)),
		"DescribeStream":                serve(s.DescribeStream),
		"DescribeStreamSummary":         serve(s.DescribeStreamSummary),
		"GetRecords":                    serve(s.GetRecords),
		"GetShardIterator":              serve(s.GetShardIterator),
		"IncreaseStreamRetentionPeriod": serve(s.IncreaseStreamRetentionPeriod),
		"ListShards":                    serve(s.ListShards),
		"ListStreams":                   ofAccount(serve(s.ListStreams)),
		"ListTagsForResource":           serve(s.ListTagsForResource),
		"ListTagsForStream":             serve(s.ListTagsForStream),
		"MergeShards":                   serve(s.MergeShards),
		"PutRecord":                     puts(serve(s.PutRecord)),
		"PutRecords":                    puts(serve(s.PutRecords)),
		"RemoveTagsFromStream":          serve(s.RemoveTagsFromStream),
		"SplitShard":                    serve(s.SplitShard),
		"TagResource":                   serve(s.TagResource),
		"UntagResource":                 serve(s.UntagResource),
		"UpdateShardCount":              serve(s.UpdateShardCount),
		"UpdateStreamMode":              serve(s.UpdateStreamMode),
	}
}

// notSupported lists the actions of Kinesis that the endpoint refuses, so that their callers read why.
var notSupported = map[string]bool{
	"AcknowledgeDeadLetterQueueRecords":      true,
	"AcknowledgeQueueRecords":                true,
	"CreateChannel":                          true,
	"CreateQueue":                            true,
	"DeleteChannel":                          true,
	"DeleteQueue":                            true,
	"DeleteResourcePolicy":                   true,
	"DeregisterStreamConsumer":               true,
	"DescribeAccountSettings":                true,
	"DescribeChannel":                        true,
	"DescribeQueue":                          true,
	"DescribeStreamConsumer":                 true,
	"DisableEnhancedMonitoring":              true,
	"EnableEnhancedMonitoring":               true,
	"GetResourcePolicy":                      true,
	"ListChannels":                           true,
	"ListQueues":                             true,
	"ListStreamConsumers":                    true,
	"PutResourcePolicy":                      true,
	"ReceiveDeadLetterQueueRecords":          true,
	"ReceiveQueueRecords":                    true,
	"RegisterStreamConsumer":                 true,
	"RestoreDeadLetterQueueRecords":          true,
	"StartStreamEncryption":                  true,
	"StopStreamEncryption":                   true,
	"SubscribeToShard":                       true,
	"UpdateAccountSettings":                  true,
	"UpdateChannel":                          true,
	"UpdateDeadLetterQueueRecordsVisibility": true,
	"UpdateMaxRecordSize":                    true,
	"UpdateQueue":                            true,
	"UpdateQueueRecordsVisibility":           true,
	"UpdateStreamRecordDistributionStrategy": true,
	"UpdateStreamWarmThroughput":             true,
}

// inputOf says that P is *T and an input.
type inputOf[T any] interface {
	*T
	kinesis.Input
}

func serve[T any, P inputOf[T], O kinesis.Output](call func(context.Context, P) (O, error)) operation {
	return operation{prepare: func() (kinesis.Input, func(context.Context) (kinesis.Output, error)) {
		in := P(new(T))
		return in, func(ctx context.Context) (kinesis.Output, error) {
			out, err := call(ctx, in)
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}}
}

func ofAccount(op operation) operation {
	op.ofAccount = true
	return op
}

func puts(op operation) operation {
	op.puts = true
	return op
}
