package kinesis

// DeleteStreamInput asks to delete a stream with all that it holds. The operation answers nothing.
type DeleteStreamInput struct {
	presence
	StreamName              string
	StreamARN               string
	EnforceConsumerDeletion bool
}

// Validate implements [Input].
func (in *DeleteStreamInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *DeleteStreamInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *DeleteStreamInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.boolean("EnforceConsumerDeletion", &in.EnforceConsumerDeletion, optional)
}
