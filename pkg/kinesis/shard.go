package kinesis

// Shard describes a shard of a stream.
type Shard struct {
	presence
	ShardId               string
	ParentShardId         string // "" where the shard came with its stream
	AdjacentParentShardId string // "" but for a shard that came of a merge
	HashKeyRange          HashKeyRange
	SequenceNumberRange   SequenceNumberRange
}

// HashKeyRange is the hash keys that a shard owns, both ends included, in decimal.
type HashKeyRange struct {
	presence
	StartingHashKey string
	EndingHashKey   string
}

// SequenceNumberRange is the sequence numbers that a shard may have given out, both ends included, in decimal.
type SequenceNumberRange struct {
	presence
	StartingSequenceNumber string
	EndingSequenceNumber   string // "" while the shard is open, by which readers tell it
}

func (s *Shard) members(v visitor) {
	v.text("ShardId", &s.ShardId, required, nil)
	v.text("ParentShardId", &s.ParentShardId, optional, nil)
	v.text("AdjacentParentShardId", &s.AdjacentParentShardId, optional, nil)
	v.structure("HashKeyRange", within(&s.HashKeyRange), required)
	v.structure("SequenceNumberRange", within(&s.SequenceNumberRange), required)
}

func (r *HashKeyRange) members(v visitor) {
	v.text("StartingHashKey", &r.StartingHashKey, required, nil)
	v.text("EndingHashKey", &r.EndingHashKey, required, nil)
}

func (r *SequenceNumberRange) members(v visitor) {
	v.text("StartingSequenceNumber", &r.StartingSequenceNumber, required, nil)
	v.text("EndingSequenceNumber", &r.EndingSequenceNumber, optional, nil)
}
