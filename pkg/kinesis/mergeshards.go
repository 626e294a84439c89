package kinesis

// MergeShardsInput asks to replace two shards by one. The operation answers nothing.
type MergeShardsInput struct {
	presence
	StreamName           string
	StreamARN            string
	ShardToMerge         string // to be read with [ParseShardID]
	AdjacentShardToMerge string // to be read with [ParseShardID]; owns the keys right above those of ShardToMerge
}

// Validate implements [Input].
func (in *MergeShardsInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *MergeShardsInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *MergeShardsInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.text("ShardToMerge", &in.ShardToMerge, required, &anyName)
	v.text("AdjacentShardToMerge", &in.AdjacentShardToMerge, required, &anyName)
}
