package kinesis

import "millrace/pkg/hashkey"

// SplitShardInput asks to replace a shard by two. The operation answers nothing.
type SplitShardInput struct {
	presence
	StreamName         string
	StreamARN          string
	ShardToSplit       string // to be read with [ParseShardID]
	NewStartingHashKey string // decimal; the first key of the upper of the two
}

// StartingHash returns the key that NewStartingHashKey states, nil where that is 2^128 or above.
func (in *SplitShardInput) StartingHash() *hashkey.Key { return parseHashKey(in.NewStartingHashKey) }

// Validate implements [Input].
func (in *SplitShardInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *SplitShardInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *SplitShardInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.text("ShardToSplit", &in.ShardToSplit, required, &anyName)
	v.text("NewStartingHashKey", &in.NewStartingHashKey, required, &newStartingHashKey)
}
