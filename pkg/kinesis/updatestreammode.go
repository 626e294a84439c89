package kinesis

// UpdateStreamModeInput asks for the other capacity mode. The operation answers nothing.
type UpdateStreamModeInput struct {
	presence
	StreamARN         string
	StreamModeDetails *StreamModeDetails
}

// Validate implements [Input].
func (in *UpdateStreamModeInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *UpdateStreamModeInput) Stream() string { return streamOf("", in.StreamARN) }

func (in *UpdateStreamModeInput) members(v visitor) {
	v.text("StreamARN", &in.StreamARN, required, &streamARN)
	v.structure("StreamModeDetails", behind(&in.StreamModeDetails), required)
}
