package streams

import (
	"context"
	"maps"
	"slices"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// AddTagsToStream gives a stream tags, or other values to those it has, 50 at most.
func (s *Service) AddTagsToStream(ctx context.Context, in *kinesis.AddTagsToStreamInput) (kinesis.Output, error) {
	return nil, s.addTags(ctx, in.Stream(), in.Tags)
}

// TagResource is AddTagsToStream by the stream's ARN.
func (s *Service) TagResource(ctx context.Context, in *kinesis.TagResourceInput) (kinesis.Output, error) {
	return nil, s.addTags(ctx, in.Stream(), in.Tags)
}

func (s *Service) addTags(ctx context.Context, stream string, tags map[string]string) error {
	return s.streams.Update(ctx, stream, func(settings *shardlog.Settings) error {
		if settings.Tags == nil {
			settings.Tags = map[string]string{}
		}
		maps.Copy(settings.Tags, tags)
		if len(settings.Tags) > kinesis.MaxTags {
			return kinesis.TooManyTags(stream, s.config.Account)
		}
		return nil
	})
}

// RemoveTagsFromStream takes tags from a stream. A key that it does not have is no error.
func (s *Service) RemoveTagsFromStream(ctx context.Context, in *kinesis.RemoveTagsFromStreamInput) (kinesis.Output, error) {
	return nil, s.removeTags(ctx, in.Stream(), in.TagKeys)
}

// UntagResource is RemoveTagsFromStream by the stream's ARN.
func (s *Service) UntagResource(ctx context.Context, in *kinesis.UntagResourceInput) (kinesis.Output, error) {
	return nil, s.removeTags(ctx, in.Stream(), in.TagKeys)
}

func (s *Service) removeTags(ctx context.Context, stream string, keys []string) error {
	return s.streams.Update(ctx, stream, func(settings *shardlog.Settings) error {
		for _, key := range keys {
			delete(settings.Tags, key)
		}
		if len(settings.Tags) == 0 {
			settings.Tags = nil
		}
		return nil
	})
}

// ListTagsForStream tells a page of a stream's tags, in the order of their keys.
func (s *Service) ListTagsForStream(ctx context.Context, in *kinesis.ListTagsForStreamInput) (*kinesis.ListTagsForStreamOutput, error) {
	tags, err := s.tags(ctx, in.Stream())
	if err != nil {
		return nil, err
	}
	tags = slices.DeleteFunc(tags, func(t kinesis.Tag) bool { return t.Key <= in.ExclusiveStartTagKey && in.ExclusiveStartTagKey != "" })
	n := min(orDefault(in.Limit, kinesis.MaxTags), len(tags))
	return &kinesis.ListTagsForStreamOutput{Tags: tags[:n], HasMoreTags: n < len(tags)}, nil
}

// ListTagsForResource tells all tags of a stream, by its ARN.
func (s *Service) ListTagsForResource(ctx context.Context, in *kinesis.ListTagsForResourceInput) (*kinesis.ListTagsForResourceOutput, error) {
	tags, err := s.tags(ctx, in.Stream())
	if err != nil {
		return nil, err
	}
	return &kinesis.ListTagsForResourceOutput{Tags: tags}, nil
}

// tags returns a stream's tags in the order of their keys.
func (s *Service) tags(ctx context.Context, name string) ([]kinesis.Tag, error) {
	stream, err := s.streams.Describe(ctx, name)
	if err != nil {
		return nil, err
	}
	tags := []kinesis.Tag{}
	for _, key := range slices.Sorted(maps.Keys(stream.Tags)) {
		tags = append(tags, kinesis.Tag{Key: key, Value: stream.Tags[key]})
	}
	return tags, nil
}
