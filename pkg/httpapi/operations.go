package httpapi

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

// operation returns an input to be read and checked, and the call that then takes it.
type operation func() (in kinesis.Input, call func(context.Context) (kinesis.Output, error))

// operations lists what the endpoint serves, by action.
func operations(s *streams.Service) map[string]operation {
	return map[string]operation{
		"CreateStream":          serve(s.CreateStream),
		"DescribeStreamSummary": serve(s.DescribeStreamSummary),
		"PutRecord":             serve(s.PutRecord),
		"PutRecords":            serve(s.PutRecords),
	}
}

// notSupported lists the actions of Kinesis that the endpoint refuses, so that their callers read why.
var notSupported = map[string]bool{
	"AddTagsToStream": true, "DecreaseStreamRetentionPeriod": true, "DeleteResourcePolicy": true, "DeleteStream": true,
	"DeregisterStreamConsumer": true, "DescribeAccountSettings": true, "DescribeLimits": true, "DescribeStream": true,
	"DescribeStreamConsumer": true, "DisableEnhancedMonitoring": true, "EnableEnhancedMonitoring": true,
	"GetRecords": true, "GetResourcePolicy": true, "GetShardIterator": true, "IncreaseStreamRetentionPeriod": true,
	"ListShards": true, "ListStreamConsumers": true, "ListStreams": true, "ListTagsForResource": true, "ListTagsForStream": true,
	"MergeShards": true, "PutResourcePolicy": true, "RegisterStreamConsumer": true, "RemoveTagsFromStream": true,
	"SplitShard": true, "StartStreamEncryption": true, "StopStreamEncryption": true, "SubscribeToShard": true,
	"TagResource": true, "UntagResource": true, "UpdateAccountSettings": true, "UpdateMaxRecordSize": true,
	"UpdateShardCount": true, "UpdateStreamMode": true, "UpdateStreamWarmThroughput": true,
}

// inputOf says that P is *T and an input.
type inputOf[T any] interface {
	*T
	kinesis.Input
}

func serve[T any, P inputOf[T], O kinesis.Output](call func(context.Context, P) (O, error)) operation {
	return func() (kinesis.Input, func(context.Context) (kinesis.Output, error)) {
		in := P(new(T))
		return in, func(ctx context.Context) (kinesis.Output, error) {
			out, err := call(ctx, in)
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}
}
