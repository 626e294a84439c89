package kinesis

// Codec turns the bytes of a body into inputs, and outputs and errors into bytes, in one format.
type Codec interface {
	// ContentType returns the media type by which requests and answers name the format.
	ContentType() string

	// Decode reads a body into in, which must be the zero value of its type. Members that the type does not declare are passed over, null counts as absent, and of two members of
	// a name the last counts. A list longer than its limit is cut to one element more than that. What was read may
	// share the body's memory.
	//
	// An error is an *Error with code SerializationException: with no message where the body is not a document of
	// the format or not an object, or else with the message about the first member that is of the wrong type.
	Decode(body []byte, in Input) error

	// Encode appends out to dst and returns the longer slice. A nil out is written as nothing.
	Encode(dst []byte, out Output) []byte

	// EncodeError appends the body of an answer that says e.
	EncodeError(dst []byte, e *Error) []byte
}

// codec is a Codec made of a format's source and sink.
type codec struct {
	contentType string
	source      func(body []byte) source
	sink        func(dst []byte) sink
}

func (c codec) ContentType() string { return c.contentType }

func (c codec) Decode(body []byte, in Input) error {
	if err := decode(c.source(body), in); err != nil {
		return err
	}
	return nil
}

func (c codec) Encode(dst []byte, out Output) []byte {
	if out == nil {
		return dst
	}
	return encode(c.sink(dst), out)
}

func (c codec) EncodeError(dst []byte, e *Error) []byte {
	return encode(c.sink(dst), &failure{code: e.Code, message: e.Message})
}
