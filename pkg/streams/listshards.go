package streams

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// shardsPage is how many shards ListShards tells where MaxResults is absent, and at most (API reference, ListShards).
const shardsPage = 1000

// filters are the types of a ShardFilter by the numbers that a token has for them.
var filters = []string{
	"", kinesis.FilterAfterShardID, kinesis.FilterAtTrimHorizon, kinesis.FilterFromTrimHorizon, kinesis.FilterAtLatest,
	kinesis.FilterAtTimestamp, kinesis.FilterFromTimestamp,
}

// ListShards tells a page of a stream's shards, those that its filter chooses.
//
//   - Without a filter they are those that DescribeStream lists.
//   - NextToken is valid for 5 minutes, and for the stream as it is. It keeps the filter, and pages on by shard id, so
//     that shards that open meanwhile are not missed.
//   - A time before the trim horizon counts as the trim horizon.
func (s *Service) ListShards(ctx context.Context, in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
	var stream shardlog.Stream
	var q shardQuery
	var err error
	if in.NextToken != "" {
		stream, q, err = s.openShardQuery(ctx, in.NextToken)
	} else {
		stream, q, err = s.newShardQuery(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(s.retained(stream), func(info shardlog.ShardInfo) bool { return !s.chooses(q, stream, info) })
	page, more := after(chosen, q.after, min(orDefault(in.MaxResults, shardsPage), shardsPage))
	out := &kinesis.ListShardsOutput{Shards: s.wireShards(stream, page)}
	if more {
		q.after = kinesis.ShardID(page[len(page)-1].Index)
		out.NextToken = s.sealShardQuery(q, stream)
	}
	return out, nil
}

// shardQuery is which shards a ListShards tells.
type shardQuery struct {
	after  string // their ids come after this
	filter string
	at     time.Time // of the filters by time
}

func (s *Service) newShardQuery(ctx context.Context, in *kinesis.ListShardsInput) (shardlog.Stream, shardQuery, error) {
	stream, err := s.streams.Describe(ctx, in.Stream())
	if err != nil {
		return stream, shardQuery{}, err
	}
	if t := in.StreamCreationTimestamp; !t.IsZero() && t.Unix() != stream.Created.Unix() {
		return stream, shardQuery{}, kinesis.ResourceNotFound(stream.Name, s.config.Account)
	}
	q := shardQuery{after: in.ExclusiveStartShardId}
	if f := in.ShardFilter; f != nil {
		q.filter, q.at = f.Type, f.Timestamp
		if f.Type == kinesis.FilterAfterShardID {
			q.after = max(q.after, f.ShardId)
		}
	}
	return stream, q, nil
}

// chooses tells whether the query is for a shard that is listed.
func (s *Service) chooses(q shardQuery, stream shardlog.Stream, info shardlog.ShardInfo) bool {
	at := stream.Created
	for _, horizon := range []time.Time{s.config.Now().Add(-stream.Retention), stream.RetainedSince} {
		if horizon.After(at) {
			at = horizon
		}
	}
	switch q.filter {
	case kinesis.FilterAtTimestamp, kinesis.FilterFromTimestamp:
		if q.at.After(at) {
			at = q.at
		}
	}
	switch q.filter {
	case kinesis.FilterAtLatest:
		return info.IsOpen()
	case kinesis.FilterAtTrimHorizon, kinesis.FilterAtTimestamp:
		return !info.Created.After(at) && (info.IsOpen() || !info.Closed.Before(at))
	case kinesis.FilterFromTimestamp:
		return info.IsOpen() || !info.Closed.Before(at)
	}
	return true
}

// sealShardQuery returns the query as clients carry it. After is a shard's id.
func (s *Service) sealShardQuery(q shardQuery, stream shardlog.Stream) string {
	index, _ := kinesis.ParseShardID(q.after)
	t := token{kind: shardsToken, stream: stream.Name, issued: s.config.Now()}
	t.numbers = [4]uint64{uint64(index), uint64(slices.Index(filters, q.filter)), uint64(q.at.UnixMilli())}
	return t.seal(stream.ID)
}

func (s *Service) openShardQuery(ctx context.Context, text string) (shardlog.Stream, shardQuery, error) {
	t, err := openToken(text, shardsToken)
	if err != nil {
		return shardlog.Stream{}, shardQuery{}, kinesis.InvalidNextToken()
	}
	stream, err := s.streamOf(ctx, t)
	switch {
	case errors.Is(err, shardlog.ErrStreamNotFound):
		return stream, shardQuery{}, kinesis.ResourceNotFound(t.stream, s.config.Account)
	case errors.Is(err, errToken):
		return stream, shardQuery{}, kinesis.InvalidNextToken()
	case err != nil:
		return stream, shardQuery{}, err
	case s.config.Now().Sub(t.issued) > kinesis.NextTokenLife:
		return stream, shardQuery{}, kinesis.ExpiredNextToken()
	case t.numbers[0] > math.MaxUint32 || t.numbers[1] >= uint64(len(filters)):
		return stream, shardQuery{}, kinesis.InvalidNextToken()
	}
	stream, err = s.streams.Describe(ctx, t.stream) // shards may have opened since the map was read
	q := shardQuery{after: kinesis.ShardID(uint32(t.numbers[0])), filter: filters[t.numbers[1]], at: time.UnixMilli(int64(t.numbers[2]))}
	return stream, q, err
}
