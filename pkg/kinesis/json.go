package kinesis

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is the codec of the AWS CLI and of most SDKs. Text that is not UTF-8, or has half of a surrogate pair, is not
// JSON to it, and neither are values nested more than 10,000 deep.
var JSON Codec = codec{contentType: "application/x-amz-json-1.1", source: newJSONSource, sink: newJSONSink}

type jsonSource struct {
	dec     *jsontext.Decoder
	size    int    // of the document, in bytes
	broken  bool   // no more of it can be read
	scratch []byte // text whose escapes were resolved
	slab    []byte // room for the blobs that are still to come
}

func newJSONSource(body []byte) source {
	return &jsonSource{
		dec:  jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
		size: len(body),
	}
}

func (s *jsonSource) peek() jsontext.Kind {
	if s.broken {
		return jsontext.KindInvalid
	}
	return s.dec.PeekKind()
}

func (s *jsonSource) kind() kind {
	switch s.peek() {
	case jsontext.KindNull:
		return kindNull
	case jsontext.KindTrue, jsontext.KindFalse:
		return kindBoolean
	case jsontext.KindNumber:
		return kindNumber
	case jsontext.KindString:
		return kindText
	case jsontext.KindBeginArray:
		return kindList
	case jsontext.KindBeginObject:
		return kindMap
	}
	return kindBroken
}

// token reads the next token, whose kind is known.
func (s *jsonSource) token() {
	if s.broken {
		return
	}
	_, err := s.dec.ReadToken()
	s.broken = err != nil
}

// raw reads the next value as it stands in the document. It is good until the next call.
func (s *jsonSource) raw() []byte {
	if s.broken {
		return nil
	}
	v, err := s.dec.ReadValue()
	s.broken = err != nil
	return v
}

// unquoted reads a string without its quotes and escapes. It is good until the next call.
func (s *jsonSource) unquoted() []byte {
	raw := s.raw()
	if len(raw) < 2 {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, err := jsontext.AppendUnquote(s.scratch[:0], raw)
	s.scratch, s.broken = text, err != nil
	return text
}

func (s *jsonSource) skip() {
	if s.broken {
		return
	}
	s.broken = s.dec.SkipValue() != nil
}

func (s *jsonSource) enter() { s.token() }

func (s *jsonSource) member() ([]byte, bool) {
	switch s.peek() {
	case jsontext.KindString:
		name := s.unquoted()
		return name, !s.broken
	case jsontext.KindEndObject:
		s.token()
	default:
		s.broken = true
	}
	return nil, false
}

func (s *jsonSource) element() bool {
	switch s.peek() {
	case jsontext.KindEndArray:
		s.token()
		return false
	case jsontext.KindInvalid:
		s.broken = true
		return false
	}
	return true
}

func (s *jsonSource) end() bool {
	if s.broken {
		return false
	}
	_, err := s.dec.ReadToken()
	return err == io.EOF
}

func (s *jsonSource) text() string { return string(s.unquoted()) }

func (s *jsonSource) boolean() bool { return string(s.raw()) == "true" }

func (s *jsonSource) integer() int {
	raw := string(s.raw())
	n, err := strconv.ParseInt(raw, 10, 64)
	if err == nil {
		return int(min(max(n, math.MinInt32), math.MaxInt32))
	}
	f, _ := strconv.ParseFloat(raw, 64) // beyond its range it is an infinity
	return int(min(max(f, math.MinInt32), math.MaxInt32))
}

func (s *jsonSource) timestamp() time.Time {
	seconds, _ := strconv.ParseFloat(string(s.raw()), 64)
	return atSeconds(seconds)
}

func (s *jsonSource) blob() ([]byte, string) {
	text := s.unquoted()
	b, complaint := decodeBase64(s.room(base64.StdEncoding.DecodedLen(len(text))), text)
	s.slab = s.slab[len(b):]
	return b, complaint
}

// room returns n bytes to decode a blob into. They are cut from a slab made for all blobs that the rest of the document,
// the one just read included, can hold.
func (s *jsonSource) room(n int) []byte {
	if s.slab == nil {
		rest := s.size - int(s.dec.InputOffset())
		s.slab = make([]byte, n+base64.StdEncoding.DecodedLen(rest))
	}
	return s.slab[:n]
}

// jsonSink writes compact JSON.
type jsonSink struct {
	buf   []byte
	start int // of the document
}

func newJSONSink(dst []byte) sink { return &jsonSink{buf: dst, start: len(dst)} }

// separate writes the comma between what was written last and what comes next, where there is one.
func (s *jsonSink) separate() {
	if len(s.buf) == s.start {
		return
	}
	switch s.buf[len(s.buf)-1] {
	case '{', '[', ':':
	default:
		s.buf = append(s.buf, ',')
	}
}

func (s *jsonSink) openMap() {
	s.separate()
	s.buf = append(s.buf, '{')
}

func (s *jsonSink) closeMap() { s.buf = append(s.buf, '}') }

func (s *jsonSink) openList() {
	s.separate()
	s.buf = append(s.buf, '[')
}

func (s *jsonSink) closeList() { s.buf = append(s.buf, ']') }

func (s *jsonSink) member(name string) {
	s.text(name)
	s.buf = append(s.buf, ':')
}

// text writes what is not UTF-8 in t as replacement characters.
func (s *jsonSink) text(t string) {
	s.separate()
	s.buf, _ = jsontext.AppendQuote(s.buf, t)
}

func (s *jsonSink) integer(n int) {
	s.separate()
	s.buf = strconv.AppendInt(s.buf, int64(n), 10)
}

func (s *jsonSink) boolean(b bool) {
	s.separate()
	s.buf = strconv.AppendBool(s.buf, b)
}

// timestamp writes seconds of the epoch with the decimals that they need, three at most.
func (s *jsonSink) timestamp(t time.Time) {
	s.separate()
	ms := t.UnixMilli()
	if ms < 0 {
		s.buf = append(s.buf, '-')
		ms = -ms
	}
	s.buf = strconv.AppendInt(s.buf, ms/1000, 10)
	if ms%1000 != 0 {
		s.buf = fmt.Appendf(s.buf, ".%03d", ms%1000)
		s.buf = bytes.TrimRight(s.buf, "0")
	}
}

func (s *jsonSink) blob(b []byte) {
	s.separate()
	s.buf = append(s.buf, '"')
	s.buf = base64.StdEncoding.AppendEncode(s.buf, b)
	s.buf = append(s.buf, '"')
}

func (s *jsonSink) bytes() []byte { return s.buf }
