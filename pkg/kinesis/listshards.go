package kinesis

import "time"

// The shards that ListShards can be asked for.
const (
	FilterAfterShardID    = "AFTER_SHARD_ID"    // those after the one with the filter's ShardId
	FilterAtTrimHorizon   = "AT_TRIM_HORIZON"   // those open at the trim horizon
	FilterFromTrimHorizon = "FROM_TRIM_HORIZON" // those with records to read, and the open ones; what no filter means
	FilterAtLatest        = "AT_LATEST"         // those open
	FilterAtTimestamp     = "AT_TIMESTAMP"      // those open at the filter's Timestamp
	FilterFromTimestamp   = "FROM_TIMESTAMP"    // those open at the filter's Timestamp or since
)

// ListShardsInput asks for a page of a stream's shards: the first page by the stream, another by the token of the one before.
type ListShardsInput struct {
	presence
	StreamName              string
	StreamARN               string
	NextToken               string       // "" where absent; excludes every other member but MaxResults
	ExclusiveStartShardId   string       // "" where absent
	MaxResults              int          // 0 where absent
	StreamCreationTimestamp time.Time    // whose seconds tell streams of one name apart; zero where absent
	ShardFilter             *ShardFilter // nil where absent
}

// ShardFilter chooses among a stream's shards.
type ShardFilter struct {
	presence
	Type      string
	ShardId   string    // given with FilterAfterShardID, and of no meaning otherwise
	Timestamp time.Time // milliseconds count; given with the two types that need it, and of no meaning otherwise
}

// ListShardsOutput has a page of shards.
type ListShardsOutput struct {
	presence
	Shards    []Shard
	NextToken string // "" on the last page
}

// Validate implements [Input].
func (in *ListShardsInput) Validate() error { return validate(in) }

// Stream implements [Input]. It is "" where the token tells the stream.
func (in *ListShardsInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *ListShardsInput) members(v visitor) {
	streamNames(v, &in.StreamName, &in.StreamARN, optional)
	v.text("NextToken", &in.NextToken, optional, &nextToken)
	v.text("ExclusiveStartShardId", &in.ExclusiveStartShardId, optional, &anyName)
	v.integer("MaxResults", &in.MaxResults, optional, &pageSize)
	v.timestamp("StreamCreationTimestamp", &in.StreamCreationTimestamp, optional)
	v.structure("ShardFilter", behind(&in.ShardFilter), optional)
	v.check(in.page)
}

// page holds the input to either a stream or a token.
func (in *ListShardsInput) page(vs *violations) {
	if in.NextToken == "" {
		if in.StreamName == "" && in.StreamARN == "" {
			vs.alone("Either NextToken or StreamName should be provided.")
		}
		return
	}
	for _, member := range []struct {
		name  string
		there bool
	}{
		{"StreamName", in.StreamName != ""},
		{"StreamARN", in.StreamARN != ""},
		{"ExclusiveStartShardId", in.ExclusiveStartShardId != ""},
		{"StreamCreationTimestamp", !in.StreamCreationTimestamp.IsZero()},
		{"ShardFilter", in.ShardFilter != nil},
	} {
		if member.there {
			vs.alone("NextToken and " + member.name + " cannot be provided together.")
		}
	}
}

func (f *ShardFilter) members(v visitor) {
	v.text("Type", &f.Type, required, &filterType)
	v.text("ShardId", &f.ShardId, optional, &anyName)
	v.timestamp("Timestamp", &f.Timestamp, optional)
	v.check(f.start)
}

// start holds the type of filter to what comes with it.
func (f *ShardFilter) start(vs *violations) {
	switch f.Type {
	case FilterAfterShardID:
		if f.ShardId == "" {
			vs.alone("A ShardFilter of type " + f.Type + " must have a ShardId.")
		}
	case FilterAtTimestamp, FilterFromTimestamp:
		if f.Timestamp.IsZero() {
			vs.alone("A ShardFilter of type " + f.Type + " must have a Timestamp.")
		}
	}
}

func (out *ListShardsOutput) members(v visitor) {
	v.list("Shards", listOf(&out.Shards), required, nil)
	v.text("NextToken", &out.NextToken, optional, nil)
}
