package streams

import (
	"context"
	"encoding/base64"
	"strings"

	"millrace/pkg/kinesis"
)

// streamsPage is how many streams ListStreams tells where Limit is absent, and at most (API reference, ListStreams).
const streamsPage = 100

// namesToken begins a token of ListStreams, which holds the last name of the page and no secret.
const namesToken = "streams:"

// ListStreams tells a page of the streams, in the order of their names, after ExclusiveStartStreamName or, if that is
// given, from where NextToken says.
func (s *Service) ListStreams(ctx context.Context, in *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
	last := in.ExclusiveStartStreamName
	if in.NextToken != "" {
		text, err := base64.StdEncoding.DecodeString(in.NextToken)
		name, ok := strings.CutPrefix(string(text), namesToken)
		if err != nil || !ok {
			return nil, kinesis.InvalidNextToken()
		}
		last = name
	}
	streams, more, err := s.streams.List(ctx, last, min(orDefault(in.Limit, streamsPage), streamsPage))
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListStreamsOutput{StreamNames: []string{}, StreamSummaries: []kinesis.StreamSummary{}, HasMoreStreams: more}
	for _, stream := range streams {
		out.StreamNames = append(out.StreamNames, stream.Name)
		out.StreamSummaries = append(out.StreamSummaries, kinesis.StreamSummary{
			StreamName:              stream.Name,
			StreamARN:               s.StreamARN(stream.Name),
			StreamStatus:            kinesis.StatusActive,
			StreamModeDetails:       kinesis.StreamModeDetails{StreamMode: string(stream.Mode)},
			StreamCreationTimestamp: stream.Created,
		})
	}
	if more {
		out.NextToken = base64.StdEncoding.EncodeToString([]byte(namesToken + streams[len(streams)-1].Name))
	}
	return out, nil
}
