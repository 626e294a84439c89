package kinesis

// AddTagsToStreamInput asks to give a stream tags, or other values to those it has. The operation answers nothing.
type AddTagsToStreamInput struct {
	presence
	StreamName string
	StreamARN  string
	Tags       map[string]string
}

// RemoveTagsFromStreamInput asks to take tags from a stream. The operation answers nothing.
type RemoveTagsFromStreamInput struct {
	presence
	StreamName string
	StreamARN  string
	TagKeys    []string
}

// ListTagsForStreamInput asks for a page of a stream's tags, in the order of their keys.
type ListTagsForStreamInput struct {
	presence
	StreamName           string
	StreamARN            string
	ExclusiveStartTagKey string // "" where absent; need not be the key of a tag
	Limit                int    // tags at most; 0 where absent
}

// ListTagsForStreamOutput has a page of tags.
type ListTagsForStreamOutput struct {
	presence
	Tags        []Tag
	HasMoreTags bool
}

// Validate implements [Input].
func (in *AddTagsToStreamInput) Validate() error { return validate(in) }

// Validate implements [Input].
func (in *RemoveTagsFromStreamInput) Validate() error { return validate(in) }

// Validate implements [Input].
func (in *ListTagsForStreamInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *AddTagsToStreamInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

// Stream implements [Input].
func (in *RemoveTagsFromStreamInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

// Stream implements [Input].
func (in *ListTagsForStreamInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *AddTagsToStreamInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.textMap("Tags", &in.Tags, required, &tagMap)
	v.check(tagCharacters(in.Tags))
}

func (in *RemoveTagsFromStreamInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.texts("TagKeys", &in.TagKeys, required, &tagKeys)
	v.check(tagKeyCharacters(in.TagKeys))
}

func (in *ListTagsForStreamInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.text("ExclusiveStartTagKey", &in.ExclusiveStartTagKey, optional, &tagKey)
	v.integer("Limit", &in.Limit, optional, &tagPageSize)
}

func (out *ListTagsForStreamOutput) members(v visitor) {
	v.list("Tags", listOf(&out.Tags), required, nil)
	v.boolean("HasMoreTags", &out.HasMoreTags, required)
}
