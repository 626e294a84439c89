package kinesis

import "time"

// GetRecordsInput asks for records from where an iterator points. The iterator tells the stream.
type GetRecordsInput struct {
	presence
	ShardIterator string
	Limit         int    // records at most; 0 where absent
	StreamARN     string // "" where absent
	DryRun        bool
}

// GetRecordsOutput has the records that were there.
type GetRecordsOutput struct {
	presence
	Records            []Record
	NextShardIterator  string       // "" is left out, as AWS does: SDKs read null then, which says that the closed shard has no more
	MillisBehindLatest int          // from the last record read to now; 0 at the tip
	ChildShards        []ChildShard // nil but at the end of a closed shard
}

// Record is a record as it is read.
type Record struct {
	presence
	SequenceNumber              string
	ApproximateArrivalTimestamp time.Time // milliseconds count
	Data                        []byte
	PartitionKey                string
	EncryptionType              string // "" is left out
}

// ChildShard is a shard that came of the one being read.
type ChildShard struct {
	presence
	ShardId      string
	ParentShards []string
	HashKeyRange HashKeyRange
}

// Validate implements [Input].
func (in *GetRecordsInput) Validate() error { return validate(in) }

// Stream implements [Input]. It is "": the iterator tells the stream.
func (in *GetRecordsInput) Stream() string { return "" }

func (in *GetRecordsInput) members(v visitor) {
	v.text("ShardIterator", &in.ShardIterator, required, &shardIterator)
	v.integer("Limit", &in.Limit, optional, &pageSize)
	v.text("StreamARN", &in.StreamARN, optional, &streamARN)
	v.boolean("DryRun", &in.DryRun, optional)
}

func (out *GetRecordsOutput) members(v visitor) {
	v.list("Records", listOf(&out.Records), required, nil)
	v.text("NextShardIterator", &out.NextShardIterator, optional, nil)
	v.integer("MillisBehindLatest", &out.MillisBehindLatest, required, nil)
	v.list("ChildShards", listOf(&out.ChildShards), optional, nil)
}

func (r *Record) members(v visitor) {
	v.text("SequenceNumber", &r.SequenceNumber, required, nil)
	v.timestamp("ApproximateArrivalTimestamp", &r.ApproximateArrivalTimestamp, required)
	v.blob("Data", &r.Data, required, nil)
	v.text("PartitionKey", &r.PartitionKey, required, nil)
	v.text("EncryptionType", &r.EncryptionType, optional, nil)
}

func (s *ChildShard) members(v visitor) {
	v.text("ShardId", &s.ShardId, required, nil)
	v.texts("ParentShards", &s.ParentShards, required, nil)
	v.structure("HashKeyRange", within(&s.HashKeyRange), required)
}
