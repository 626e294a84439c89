package kinesis

import "time"

// The positions in a shard that an iterator can be asked for.
const (
	IteratorAtSequenceNumber    = "AT_SEQUENCE_NUMBER"
	IteratorAfterSequenceNumber = "AFTER_SEQUENCE_NUMBER"
	IteratorTrimHorizon         = "TRIM_HORIZON"
	IteratorLatest              = "LATEST"
	IteratorAtTimestamp         = "AT_TIMESTAMP"
)

// GetShardIteratorInput asks for an iterator at a position in a shard.
type GetShardIteratorInput struct {
	presence
	StreamName             string
	StreamARN              string
	ShardId                string // to be read with [ParseShardID]
	ShardIteratorType      string
	StartingSequenceNumber string    // decimal; given with the two types that need it, and of no meaning with IteratorAtTimestamp
	Timestamp              time.Time // milliseconds count; given with IteratorAtTimestamp, and of no meaning otherwise
	DryRun                 bool
}

// GetShardIteratorOutput has the iterator.
type GetShardIteratorOutput struct {
	presence
	ShardIterator string
}

// Validate implements [Input].
func (in *GetShardIteratorInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *GetShardIteratorInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *GetShardIteratorInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.text("ShardId", &in.ShardId, required, &anyName)
	v.text("ShardIteratorType", &in.ShardIteratorType, required, &iteratorType)
	v.text("StartingSequenceNumber", &in.StartingSequenceNumber, optional, &sequenceNumber)
	v.timestamp("Timestamp", &in.Timestamp, optional)
	v.boolean("DryRun", &in.DryRun, optional)
	v.check(in.position)
}

// position holds the type of iterator to what comes with it.
func (in *GetShardIteratorInput) position(vs *violations) {
	const rule = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or " +
		"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
	numbered := in.StartingSequenceNumber != ""
	switch in.ShardIteratorType {
	case IteratorAtSequenceNumber, IteratorAfterSequenceNumber:
		if !numbered {
			vs.alone(rule + in.ShardIteratorType + " and no StartingSequenceNumber.")
		}
	case IteratorTrimHorizon, IteratorLatest:
		if numbered {
			vs.alone(rule + in.ShardIteratorType + " and also a StartingSequenceNumber.")
		}
	case IteratorAtTimestamp:
		if in.Timestamp.IsZero() {
			vs.alone("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. " +
				"Current request has no timestamp parameter.")
		}
	}
}

func (out *GetShardIteratorOutput) members(v visitor) {
	v.text("ShardIterator", &out.ShardIterator, required, nil)
}
