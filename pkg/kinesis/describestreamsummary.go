package kinesis

import "time"

// The states of a stream.
const (
	StatusCreating = "CREATING"
	StatusActive   = "ACTIVE"
	StatusDeleting = "DELETING"
	StatusUpdating = "UPDATING"
)

// UserPartitionKey is the record distribution strategy by which a record goes to the shard of its hash key.
const UserPartitionKey = "USER_PARTITION_KEY"

// DescribeStreamSummaryInput asks about a stream, without its shards.
type DescribeStreamSummaryInput struct {
	presence
	StreamName string
	StreamARN  string
}

// DescribeStreamSummaryOutput describes a stream.
type DescribeStreamSummaryOutput struct {
	presence
	StreamDescriptionSummary StreamDescriptionSummary
}

// StreamDescriptionSummary is a stream without its shards.
type StreamDescriptionSummary struct {
	presence
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       StreamModeDetails
	RetentionPeriodHours    int
	StreamCreationTimestamp time.Time         // milliseconds count
	EnhancedMonitoring      []EnhancedMetrics // none is written as one without metrics, as AWS does
	EncryptionType          string            // "" is written as EncryptionNone
	OpenShardCount          int
	ConsumerCount           int
	// RecordDistributionStrategy is "" where it is absent: only a stream on demand has one.
	RecordDistributionStrategy string
}

// EnhancedMetrics names the metrics kept for each shard.
type EnhancedMetrics struct {
	presence
	ShardLevelMetrics []string
}

// Validate implements [Input].
func (in *DescribeStreamSummaryInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *DescribeStreamSummaryInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *DescribeStreamSummaryInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
}

func (out *DescribeStreamSummaryOutput) members(v visitor) {
	v.structure("StreamDescriptionSummary", within(&out.StreamDescriptionSummary), required)
}

func (s *StreamDescriptionSummary) members(v visitor) {
	v.text("StreamName", &s.StreamName, required, nil)
	v.text("StreamARN", &s.StreamARN, required, nil)
	v.text("StreamStatus", &s.StreamStatus, required, nil)
	v.structure("StreamModeDetails", within(&s.StreamModeDetails), required)
	v.integer("RetentionPeriodHours", &s.RetentionPeriodHours, required, nil)
	v.timestamp("StreamCreationTimestamp", &s.StreamCreationTimestamp, required)
	v.list("EnhancedMonitoring", listOrOne(&s.EnhancedMonitoring), required, nil)
	v.text("EncryptionType", &s.EncryptionType, required, &encryptionType)
	v.integer("OpenShardCount", &s.OpenShardCount, required, nil)
	v.integer("ConsumerCount", &s.ConsumerCount, required, nil)
	v.text("RecordDistributionStrategy", &s.RecordDistributionStrategy, optional, nil)
}

func (m *EnhancedMetrics) members(v visitor) {
	v.texts("ShardLevelMetrics", &m.ShardLevelMetrics, required, nil)
}
