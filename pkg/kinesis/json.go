package kinesis

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is the codec of the AWS CLI and of most SDKs. Text that is not UTF-8, or has half of a surrogate pair, is not
// JSON to it, and neither are values nested more than 10,000 deep.
var JSON Codec = codec{contentType: "application/x-amz-json-1.1", source: newJSONSource, sink: newJSONSink}

// maxJSONDepth is how deep maps and lists may be nested.
const maxJSONDepth = 10_000

// textRoom is how many bytes of texts share one piece of memory.
const textRoom = 4096

// jsonSource reads a document where it lies. It is a scanner of its own because it is where most of a put's time goes; see "Why the
// JSON is read here" in the doc of the package.
type jsonSource struct {
	body    []byte
	at      int // in the body, where reading goes on
	broken  bool
	depth   int
	fresh   bool            // the innermost map or list was entered, and nothing in it was read
	scratch []byte          // text whose escapes were resolved
	texts   strings.Builder // room for texts that are kept
	slab    []byte          // room for the blobs that are still to come
}

func newJSONSource(body []byte) source { return &jsonSource{body: body} }

// fail breaks the document.
func (s *jsonSource) fail() { s.broken, s.at = true, len(s.body) }

// next passes over white space and returns the byte that follows it, which is not passed over, or 0 at the end.
func (s *jsonSource) next() byte {
	for ; s.at < len(s.body); s.at++ {
		switch c := s.body[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *jsonSource) kind() kind {
	switch c := s.next(); c {
	case '"':
		return kindText
	case '{':
		return kindMap
	case '[':
		return kindList
	case 'n':
		return kindNull
	case 't', 'f':
		return kindBoolean
	default:
		if c == '-' || isDigit(c) {
			return kindNumber
		}
		return kindBroken
	}
}

func (s *jsonSource) skip() {
	switch k := s.kind(); k {
	case kindMap, kindList:
		skipNested(s, k)
	case kindText:
		s.unquoted()
	case kindNumber:
		s.number()
	case kindBoolean, kindNull:
		s.word()
	default:
		s.fail()
	}
}

func (s *jsonSource) enter() {
	if s.broken || s.depth == maxJSONDepth {
		s.fail()
		return
	}
	s.at++
	s.depth++
	s.fresh = true
}

// more tells whether the innermost container has more, and passes over the comma before it, or leaves the container, which end closes.
func (s *jsonSource) more(end byte) bool {
	c := s.next()
	switch {
	case s.broken:
		return false
	case c == end:
		s.at++
		s.depth--
		s.fresh = false
		return false
	case s.fresh:
		s.fresh = false
		return true
	case c != ',':
		s.fail()
		return false
	}
	s.at++
	return true
}

func (s *jsonSource) member() ([]byte, bool) {
	if !s.more('}') {
		return nil, false
	}
	if s.next() != '"' {
		s.fail()
		return nil, false
	}
	name := s.unquoted()
	if s.next() != ':' {
		s.fail()
		return nil, false
	}
	s.at++
	return name, true
}

func (s *jsonSource) element() bool {
	if !s.more(']') {
		return false
	}
	if s.kind() == kindBroken {
		s.fail()
	}
	return !s.broken
}

func (s *jsonSource) left() int { return len(s.body) - s.at }

func (s *jsonSource) end() bool {
	s.next()
	return !s.broken && s.at == len(s.body)
}

// unquoted reads a string without its quotes and escapes. It is good until the next call.
func (s *jsonSource) unquoted() []byte {
	if s.broken {
		return nil
	}
	rest := s.body[s.at+1:]
	for i, c := range rest {
		switch {
		case c == '"':
			s.at += i + len(`""`)
			return rest[:i]
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return s.unescaped(i)
		}
	}
	s.fail()
	return nil
}

// unescaped reads a string that is not plain ASCII from its byte `from` on.
func (s *jsonSource) unescaped(from int) []byte {
	end := s.at + 1 + from
	for end < len(s.body) && s.body[end] != '"' {
		if s.body[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s.body) {
		s.fail()
		return nil
	}
	text, err := jsontext.AppendUnquote(s.scratch[:0], s.body[s.at:end+1])
	s.scratch, s.at = text, end+1
	if err != nil {
		s.fail()
		return nil
	}
	return text
}

// text returns a text that is kept. Short ones share memory, as most of those in a request live and die together.
func (s *jsonSource) text() string {
	text := s.unquoted()
	if len(text) > s.texts.Cap()-s.texts.Len() {
		if len(text) > textRoom/8 {
			return string(text)
		}
		s.texts.Reset()
		s.texts.Grow(min(textRoom, len(text)+len(s.body)-s.at))
	}
	start := s.texts.Len()
	s.texts.Write(text)
	return s.texts.String()[start:]
}

// word reads true, false or null.
func (s *jsonSource) word() string {
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.body[s.at:], []byte(word)) {
			s.at += len(word)
			return word
		}
	}
	s.fail()
	return ""
}

func (s *jsonSource) boolean() bool { return s.word() == "true" }

// number reads a number as it stands in the document: RFC 8259, section 6.
func (s *jsonSource) number() string {
	start := s.at
	s.pass('-')
	if !s.pass('0') {
		s.digits()
	}
	if s.pass('.') {
		s.digits()
	}
	if s.pass('e') || s.pass('E') {
		if !s.pass('-') {
			s.pass('+')
		}
		s.digits()
	}
	if s.broken {
		return ""
	}
	return string(s.body[start:s.at])
}

// pass passes over c if it is next.
func (s *jsonSource) pass(c byte) bool {
	if s.at == len(s.body) || s.body[s.at] != c {
		return false
	}
	s.at++
	return true
}

// digits passes over digits, of which there must be one at least.
func (s *jsonSource) digits() {
	start := s.at
	for s.at < len(s.body) && isDigit(s.body[s.at]) {
		s.at++
	}
	if s.at == start {
		s.fail()
	}
}

func (s *jsonSource) integer() int {
	raw := s.number()
	n, err := strconv.ParseInt(raw, 10, 64)
	if err == nil {
		return int(min(max(n, math.MinInt32), math.MaxInt32))
	}
	f, _ := strconv.ParseFloat(raw, 64) // beyond its range it is an infinity
	return int(min(max(f, math.MinInt32), math.MaxInt32))
}

func (s *jsonSource) timestamp() time.Time {
	seconds, _ := strconv.ParseFloat(s.number(), 64)
	return atSeconds(seconds)
}

// blob decodes base64 where it lies: what decodes as that up to the next quote has neither escapes nor anything else that a string
// needs to be looked through for.
func (s *jsonSource) blob() ([]byte, string) {
	if s.slab == nil { // room for all blobs that the rest of the document, this one included, can hold
		s.slab = make([]byte, base64.StdEncoding.DecodedLen(len(s.body)-s.at))
	}
	if n := bytes.IndexByte(s.body[s.at+1:], '"'); n >= 0 {
		if b, ok := s.fromBase64(s.body[s.at+1 : s.at+1+n]); ok {
			s.at += n + len(`""`)
			return b, ""
		}
	}
	text := s.unquoted()
	b, ok := s.fromBase64(text)
	if !ok {
		return nil, base64Complaint(string(text))
	}
	return b, ""
}

// fromBase64 decodes text into the slab.
func (s *jsonSource) fromBase64(text []byte) (decoded []byte, ok bool) {
	decoded, ok = decodeBase64(s.slab[:base64.StdEncoding.DecodedLen(len(text))], text)
	s.slab = s.slab[len(decoded):]
	return decoded, ok
}
