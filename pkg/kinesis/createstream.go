package kinesis

// The capacity modes of a stream.
const (
	StreamModeProvisioned = "PROVISIONED"
	StreamModeOnDemand    = "ON_DEMAND"
)

// CreateStreamInput asks for a new stream. The operation answers nothing.
type CreateStreamInput struct {
	presence
	StreamName        string
	ShardCount        int                // 0 where absent
	StreamModeDetails *StreamModeDetails // nil where absent
	Tags              map[string]string  // nil where absent

	// What these two may ask for beyond what every stream has is refused, so that nobody counts on it.
	MaxRecordSizeInKiB         int
	RecordDistributionStrategy string
}

// StreamModeDetails is the capacity mode of a stream.
type StreamModeDetails struct {
	presence
	StreamMode string
}

// Validate implements [Input].
func (in *CreateStreamInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *CreateStreamInput) Stream() string { return in.StreamName }

func (in *CreateStreamInput) members(v visitor) {
	v.text("StreamName", &in.StreamName, required, &streamName)
	v.integer("ShardCount", &in.ShardCount, optional, &shardCount)
	v.structure("StreamModeDetails", behind(&in.StreamModeDetails), optional)
	v.textMap("Tags", &in.Tags, optional, &tagMap)
	v.integer("MaxRecordSizeInKiB", &in.MaxRecordSizeInKiB, optional, &recordSizeKiB)
	v.text("RecordDistributionStrategy", &in.RecordDistributionStrategy, optional, &distribution)
	v.check(tagCharacters(in.Tags))
}

func (d *StreamModeDetails) members(v visitor) {
	v.text("StreamMode", &d.StreamMode, required, &streamMode)
}
