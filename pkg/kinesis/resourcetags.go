package kinesis

// TagResourceInput asks to give a stream tags, or other values to those it has. The operation answers nothing.
type TagResourceInput struct {
	presence
	Tags        map[string]string
	ResourceARN string // of a stream
}

// UntagResourceInput asks to take tags from a stream. The operation answers nothing.
type UntagResourceInput struct {
	presence
	TagKeys     []string
	ResourceARN string // of a stream
}

// ListTagsForResourceInput asks for all tags of a stream.
type ListTagsForResourceInput struct {
	presence
	ResourceARN string // of a stream
}

// ListTagsForResourceOutput has a stream's tags, in the order of their keys.
type ListTagsForResourceOutput struct {
	presence
	Tags []Tag
}

// Validate implements [Input].
func (in *TagResourceInput) Validate() error { return validate(in) }

// Validate implements [Input].
func (in *UntagResourceInput) Validate() error { return validate(in) }

// Validate implements [Input].
func (in *ListTagsForResourceInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *TagResourceInput) Stream() string { return streamOf("", in.ResourceARN) }

// Stream implements [Input].
func (in *UntagResourceInput) Stream() string { return streamOf("", in.ResourceARN) }

// Stream implements [Input].
func (in *ListTagsForResourceInput) Stream() string { return streamOf("", in.ResourceARN) }

func (in *TagResourceInput) members(v visitor) {
	v.textMap("Tags", &in.Tags, required, &tagMap)
	v.text("ResourceARN", &in.ResourceARN, required, &streamARN)
	v.check(tagCharacters(in.Tags))
}

func (in *UntagResourceInput) members(v visitor) {
	v.texts("TagKeys", &in.TagKeys, required, &tagKeys)
	v.text("ResourceARN", &in.ResourceARN, required, &streamARN)
	v.check(tagKeyCharacters(in.TagKeys))
}

func (in *ListTagsForResourceInput) members(v visitor) {
	v.text("ResourceARN", &in.ResourceARN, required, &streamARN)
}

func (out *ListTagsForResourceOutput) members(v visitor) {
	v.list("Tags", listOf(&out.Tags), required, nil)
}
