package kinesis

import "millrace/pkg/hashkey"

// PutRecordInput asks to store one record in a stream.
type PutRecordInput struct {
	presence
	StreamName                string
	StreamARN                 string
	Data                      []byte
	PartitionKey              string
	ExplicitHashKey           string // decimal; "" where absent
	SequenceNumberForOrdering string // decimal; "" where absent. A shard's numbers increase without it
	DryRun                    bool
}

// ExplicitHash returns the key that ExplicitHashKey states, nil where there is none.
func (in *PutRecordInput) ExplicitHash() *hashkey.Key { return parseHashKey(in.ExplicitHashKey) }

// PutRecordOutput tells where the record was stored.
type PutRecordOutput struct {
	presence
	EncryptionType string // "" is written as EncryptionNone
	SequenceNumber string
	ShardId        string
}

// Validate implements [Input].
func (in *PutRecordInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *PutRecordInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *PutRecordInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.blob("Data", &in.Data, required, &recordData)
	v.text("PartitionKey", &in.PartitionKey, required, &partitionKey)
	v.text("ExplicitHashKey", &in.ExplicitHashKey, optional, &explicitHashKey)
	v.text("SequenceNumberForOrdering", &in.SequenceNumberForOrdering, optional, &sequenceNumber)
	v.boolean("DryRun", &in.DryRun, optional)
}

func (out *PutRecordOutput) members(v visitor) {
	v.text("EncryptionType", &out.EncryptionType, required, &encryptionType)
	v.text("SequenceNumber", &out.SequenceNumber, required, nil)
	v.text("ShardId", &out.ShardId, required, nil)
}
