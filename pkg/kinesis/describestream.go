package kinesis

import "time"

// DescribeStreamInput asks about a stream and a page of its shards.
type DescribeStreamInput struct {
	presence
	StreamName            string
	StreamARN             string
	Limit                 int    // shards at most; 0 where absent
	ExclusiveStartShardId string // "" where absent
}

// DescribeStreamOutput describes a stream.
type DescribeStreamOutput struct {
	presence
	StreamDescription StreamDescription
}

// StreamDescription is a stream with a page of its shards.
type StreamDescription struct {
	presence
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       StreamModeDetails
	Shards                  []Shard
	HasMoreShards           bool
	RetentionPeriodHours    int
	StreamCreationTimestamp time.Time         // milliseconds count
	EnhancedMonitoring      []EnhancedMetrics // none is written as one without metrics, as AWS does
	EncryptionType          string            // "" is written as EncryptionNone
}

// Validate implements [Input].
func (in *DescribeStreamInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *DescribeStreamInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *DescribeStreamInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.integer("Limit", &in.Limit, optional, &pageSize)
	v.text("ExclusiveStartShardId", &in.ExclusiveStartShardId, optional, &anyName)
}

func (out *DescribeStreamOutput) members(v visitor) {
	v.structure("StreamDescription", within(&out.StreamDescription), required)
}

func (s *StreamDescription) members(v visitor) {
	v.text("StreamName", &s.StreamName, required, nil)
	v.text("StreamARN", &s.StreamARN, required, nil)
	v.text("StreamStatus", &s.StreamStatus, required, nil)
	v.structure("StreamModeDetails", within(&s.StreamModeDetails), required)
	v.list("Shards", listOf(&s.Shards), required, nil)
	v.boolean("HasMoreShards", &s.HasMoreShards, required)
	v.integer("RetentionPeriodHours", &s.RetentionPeriodHours, required, nil)
	v.timestamp("StreamCreationTimestamp", &s.StreamCreationTimestamp, required)
	v.list("EnhancedMonitoring", listOrOne(&s.EnhancedMonitoring), required, nil)
	v.text("EncryptionType", &s.EncryptionType, required, &encryptionType)
}
