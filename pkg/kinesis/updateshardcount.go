package kinesis

// ScalingUniform cuts the hash keys evenly. There is no other scaling.
const ScalingUniform = "UNIFORM_SCALING"

// UpdateShardCountInput asks for another number of open shards.
type UpdateShardCountInput struct {
	presence
	StreamName       string
	StreamARN        string
	TargetShardCount int
	ScalingType      string
}

// UpdateShardCountOutput tells from what number to what number.
type UpdateShardCountOutput struct {
	presence
	StreamName        string
	CurrentShardCount int // open shards before
	TargetShardCount  int
	StreamARN         string
}

// Validate implements [Input].
func (in *UpdateShardCountInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *UpdateShardCountInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *UpdateShardCountInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.integer("TargetShardCount", &in.TargetShardCount, required, &targetShardCount)
	v.text("ScalingType", &in.ScalingType, required, &scalingType)
}

func (out *UpdateShardCountOutput) members(v visitor) {
	v.text("StreamName", &out.StreamName, required, nil)
	v.integer("CurrentShardCount", &out.CurrentShardCount, required, nil)
	v.integer("TargetShardCount", &out.TargetShardCount, required, nil)
	v.text("StreamARN", &out.StreamARN, required, nil)
}
