package kinesis

import "time"

// ListStreamsInput asks for a page of the account's streams, in the order of their names.
type ListStreamsInput struct {
	presence
	Limit                    int    // streams at most; 0 where absent
	ExclusiveStartStreamName string // "" where absent; need not be the name of a stream
	NextToken                string // "" where absent
}

// ListStreamsOutput has a page of streams.
type ListStreamsOutput struct {
	presence
	StreamNames     []string
	HasMoreStreams  bool
	NextToken       string          // "" on the last page
	StreamSummaries []StreamSummary // of the StreamNames, in their order
}

// StreamSummary is a stream as ListStreams tells it.
type StreamSummary struct {
	presence
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       StreamModeDetails
	StreamCreationTimestamp time.Time // milliseconds count
}

// Validate implements [Input].
func (in *ListStreamsInput) Validate() error { return validate(in) }

// Stream implements [Input]. It is "": the input speaks of the account.
func (in *ListStreamsInput) Stream() string { return "" }

func (in *ListStreamsInput) members(v visitor) {
	v.integer("Limit", &in.Limit, optional, &pageSize)
	v.text("ExclusiveStartStreamName", &in.ExclusiveStartStreamName, optional, &anyName)
	v.text("NextToken", &in.NextToken, optional, &nextToken)
}

func (out *ListStreamsOutput) members(v visitor) {
	v.texts("StreamNames", &out.StreamNames, required, nil)
	v.boolean("HasMoreStreams", &out.HasMoreStreams, required)
	v.text("NextToken", &out.NextToken, optional, nil)
	v.list("StreamSummaries", listOf(&out.StreamSummaries), required, nil)
}

func (s *StreamSummary) members(v visitor) {
	v.text("StreamName", &s.StreamName, required, nil)
	v.text("StreamARN", &s.StreamARN, required, nil)
	v.text("StreamStatus", &s.StreamStatus, required, nil)
	v.structure("StreamModeDetails", within(&s.StreamModeDetails), required)
	v.timestamp("StreamCreationTimestamp", &s.StreamCreationTimestamp, required)
}
