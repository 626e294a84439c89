package kinesis

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"
)

// CBOR is the codec of the AWS SDKs for Java and of what is built on them: RFC 8949, with timestamps as those SDKs write and
// read them. An integer, tagged as seconds of the epoch, counts milliseconds; a float counts seconds, as the RFC has it.
//
// A document has no values that are nested more than 64 deep, no keys of maps but texts, no text that is not UTF-8, and no
// simple values but booleans, null and undefined, which counts as null. Tags are passed over, so a bignum is bytes. Where bytes
// are expected, a text is read as base64.
var CBOR Codec = codec{contentType: "application/x-amz-cbor-1.1", source: newCBORSource, sink: newCBORSink}

// maxCBORDepth is how deep maps and lists may be nested. The API's own requests go three deep, so this leaves room for members
// that are unknown here, while passing over them, which recurses, takes little of the stack.
const maxCBORDepth = 64

// The major types of RFC 8949, section 3.1.
const (
	majorUnsigned byte = iota
	majorNegative
	majorBytes
	majorText
	majorList
	majorMap
	majorTag
	majorSimple
)

// Values of the five bits that stand beside a major type.
const (
	infoFalse      = 20
	infoTrue       = 21
	infoNull       = 22
	infoUndefined  = 23
	infoOneByte    = 24 // the argument is in the next byte; up to infoEightBytes each has twice as many
	infoHalf       = 25 // of majorSimple, as the next two
	infoSingle     = 26
	infoDouble     = 27
	infoEightBytes = 27
	infoIndefinite = 31 // a break ends it
)

// cborBreak ends what is of indefinite length.
const cborBreak = majorSimple<<5 | infoIndefinite

// head is how a value starts.
type head struct {
	major, info byte
	arg         uint64 // a number, its bits, or the length of what follows
}

func (h head) indefinite() bool { return h.info == infoIndefinite }

// container is a map or list that was entered.
type container struct {
	indefinite bool
	left       uint64 // members or elements to come, unless indefinite
}

type cborSource struct {
	rest    []byte // what was not read yet
	broken  bool
	peeked  bool // next was read, what follows it was not
	next    head
	open    []container
	scratch []byte // text put together from chunks
}

func newCBORSource(body []byte) source { return &cborSource{rest: body} }

// fail breaks the document.
func (s *cborSource) fail() {
	s.broken, s.peeked, s.rest = true, false, nil
}

// readHead reads a head whatever it is. It refuses a length that is more than the rest of the body can hold.
func (s *cborSource) readHead() (h head, ok bool) {
	if len(s.rest) == 0 {
		return head{}, false
	}
	h = head{major: s.rest[0] >> 5, info: s.rest[0] & 0x1f}
	s.rest = s.rest[1:]
	switch {
	case h.info < infoOneByte:
		h.arg = uint64(h.info)
	case h.info <= infoEightBytes:
		n := 1 << (h.info - infoOneByte)
		if len(s.rest) < n {
			return head{}, false
		}
		var wide [8]byte
		copy(wide[8-n:], s.rest)
		h.arg = binary.BigEndian.Uint64(wide[:])
		s.rest = s.rest[n:]
	case h.info != infoIndefinite:
		return head{}, false
	}
	return h, s.holds(h)
}

// holds tells whether the rest of the body is long enough for what h announces, each element being a byte at least.
func (s *cborSource) holds(h head) bool {
	rest := uint64(len(s.rest))
	switch h.major {
	case majorBytes, majorText, majorList:
		return h.indefinite() || h.arg <= rest
	case majorMap:
		return h.indefinite() || h.arg <= rest/2
	}
	return h.major == majorSimple || !h.indefinite()
}

// peek reads the head of the next value into next, past its tags.
func (s *cborSource) peek() bool {
	for !s.broken && !s.peeked {
		h, ok := s.readHead()
		switch {
		case !ok:
			s.fail()
		case h.major != majorTag:
			s.next, s.peeked = h, true
		}
	}
	return s.peeked
}

// take returns the head of the next value, whose kind is known.
func (s *cborSource) take() head {
	if !s.peek() {
		return head{}
	}
	s.peeked = false
	return s.next
}

func (s *cborSource) kind() kind {
	if !s.peek() {
		return kindBroken
	}
	switch s.next.major {
	case majorUnsigned, majorNegative:
		return kindNumber
	case majorBytes:
		return kindBytes
	case majorText:
		return kindText
	case majorList:
		return kindList
	case majorMap:
		return kindMap
	}
	switch s.next.info {
	case infoFalse, infoTrue:
		return kindBoolean
	case infoNull, infoUndefined:
		return kindNull
	case infoHalf, infoSingle, infoDouble:
		return kindNumber
	}
	s.fail() // a break where nothing ends, or a simple value that has no meaning
	return kindBroken
}

func (s *cborSource) skip() {
	switch k := s.kind(); k {
	case kindMap, kindList:
		skipNested(s, k)
	case kindText, kindBytes:
		s.content(&s.scratch)
	default:
		s.take()
	}
}

func (s *cborSource) enter() {
	h := s.take()
	if s.broken || len(s.open) == maxCBORDepth {
		s.fail()
		return
	}
	s.open = append(s.open, container{indefinite: h.indefinite(), left: h.arg})
}

// more tells whether the innermost container has more, or leaves it.
func (s *cborSource) more() bool {
	if s.broken {
		return false
	}
	in := &s.open[len(s.open)-1]
	switch {
	case in.indefinite && (len(s.rest) == 0 || s.rest[0] != cborBreak):
		return true
	case in.indefinite:
		s.rest = s.rest[1:]
	case in.left > 0:
		in.left--
		return true
	}
	s.open = s.open[:len(s.open)-1]
	return false
}

func (s *cborSource) member() ([]byte, bool) {
	if !s.more() {
		return nil, false
	}
	if s.kind() != kindText {
		s.fail()
		return nil, false
	}
	name := s.content(&s.scratch)
	return name, !s.broken
}

func (s *cborSource) element() bool { return s.more() && s.kind() != kindBroken }

func (s *cborSource) left() int { return len(s.rest) }

func (s *cborSource) end() bool {
	return !s.broken && !s.peeked && len(s.open) == 0 && len(s.rest) == 0
}

// content reads a text or bytes. One of definite length stays in the body; chunks are put together in room, over what was there.
func (s *cborSource) content(room *[]byte) []byte {
	h := s.take()
	if !h.indefinite() {
		return s.chunk(h)
	}
	whole := (*room)[:0]
	for !s.broken && (len(s.rest) == 0 || s.rest[0] != cborBreak) {
		part, ok := s.readHead()
		if !ok || part.major != h.major || part.indefinite() {
			s.fail()
			return nil
		}
		whole = append(whole, s.chunk(part)...)
	}
	*room = whole
	if s.broken {
		return nil
	}
	s.rest = s.rest[1:]
	return whole
}

// chunk reads what the head of a text or bytes of definite length announces. Each chunk of a text is a text of its own.
func (s *cborSource) chunk(h head) []byte {
	if s.broken {
		return nil
	}
	b := s.rest[:h.arg:h.arg]
	s.rest = s.rest[h.arg:]
	if h.major == majorText && !utf8.Valid(b) {
		s.fail()
		return nil
	}
	return b
}

func (s *cborSource) text() string { return string(s.content(&s.scratch)) }

func (s *cborSource) blob() ([]byte, string) {
	if s.kind() == kindText {
		text := s.content(&s.scratch)
		b, ok := decodeBase64(make([]byte, base64.StdEncoding.DecodedLen(len(text))), text)
		if !ok {
			return nil, base64Complaint(string(text))
		}
		return b, ""
	}
	own := []byte{}
	return s.content(&own), ""
}

func (s *cborSource) boolean() bool { return s.take().info == infoTrue }

func (s *cborSource) integer() int {
	h := s.take()
	switch h.major {
	case majorUnsigned:
		return int(min(h.arg, math.MaxInt32))
	case majorNegative:
		return -1 - int(min(h.arg, math.MaxInt32))
	}
	return int(min(max(s.float(h), math.MinInt32), math.MaxInt32))
}

func (s *cborSource) timestamp() time.Time {
	h := s.take()
	switch h.major {
	case majorUnsigned:
		return time.UnixMilli(int64(min(h.arg, maxTimestamp))).UTC()
	case majorNegative:
		return time.UnixMilli(-1 - int64(min(h.arg, maxTimestamp-1))).UTC()
	}
	return atSeconds(s.float(h))
}

// float returns the number that the head of a float holds. What is not a number breaks the document: nothing can be meant by it.
func (s *cborSource) float(h head) float64 {
	var f float64
	switch h.info {
	case infoHalf:
		f = halfFloat(uint16(h.arg))
	case infoSingle:
		f = float64(math.Float32frombits(uint32(h.arg)))
	default:
		f = math.Float64frombits(h.arg)
	}
	if math.IsNaN(f) {
		s.fail()
		return 0
	}
	return f
}

// halfFloat returns a number of IEEE 754 binary16: a sign, 5 bits of exponent and 10 of fraction.
func halfFloat(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	var f float64
	switch {
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	case exponent < 31:
		f = math.Ldexp(fraction+1024, exponent-25)
	case fraction == 0:
		f = math.Inf(1)
	default:
		f = math.NaN()
	}
	if bits>>15 != 0 {
		return -f
	}
	return f
}
