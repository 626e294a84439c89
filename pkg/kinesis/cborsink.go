package kinesis

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// cborSink writes maps and lists of indefinite length, as the AWS SDKs for Java do, and everything else as short as it can be.
type cborSink struct {
	buf []byte
}

func newCBORSink(dst []byte) sink { return &cborSink{buf: dst} }

// head writes how a value starts, with the shortest form of its argument.
func (s *cborSink) head(major byte, arg uint64) {
	major <<= 5
	switch {
	case arg < infoOneByte:
		s.buf = append(s.buf, major|byte(arg))
	case arg <= math.MaxUint8:
		s.buf = append(s.buf, major|infoOneByte, byte(arg))
	case arg <= math.MaxUint16:
		s.buf = binary.BigEndian.AppendUint16(append(s.buf, major|(infoOneByte+1)), uint16(arg))
	case arg <= math.MaxUint32:
		s.buf = binary.BigEndian.AppendUint32(append(s.buf, major|(infoOneByte+2)), uint32(arg))
	default:
		s.buf = binary.BigEndian.AppendUint64(append(s.buf, major|infoEightBytes), arg)
	}
}

func (s *cborSink) openMap()   { s.buf = append(s.buf, majorMap<<5|infoIndefinite) }
func (s *cborSink) closeMap()  { s.buf = append(s.buf, cborBreak) }
func (s *cborSink) openList()  { s.buf = append(s.buf, majorList<<5|infoIndefinite) }
func (s *cborSink) closeList() { s.buf = append(s.buf, cborBreak) }

func (s *cborSink) separate() {}

func (s *cborSink) again(from, to int) { s.buf = append(s.buf, s.buf[from:to]...) }

func (s *cborSink) member(name string) { s.text(name) }

// text writes what is not UTF-8 in t as replacement characters.
func (s *cborSink) text(t string) {
	if !utf8.ValidString(t) {
		t = string([]rune(t))
	}
	s.head(majorText, uint64(len(t)))
	s.buf = append(s.buf, t...)
}

func (s *cborSink) integer(n int) { s.number(int64(n)) }

func (s *cborSink) number(n int64) {
	if n < 0 {
		s.head(majorNegative, uint64(^n))
		return
	}
	s.head(majorUnsigned, uint64(n))
}

func (s *cborSink) boolean(b bool) {
	info := byte(infoFalse)
	if b {
		info = infoTrue
	}
	s.buf = append(s.buf, majorSimple<<5|info)
}

// timestamp writes milliseconds of the epoch under the tag of seconds: the SDKs for Java take nothing but an integer, and for that.
func (s *cborSink) timestamp(t time.Time) {
	s.head(majorTag, 1)
	s.number(t.UnixMilli())
}

func (s *cborSink) blob(b []byte) {
	s.head(majorBytes, uint64(len(b)))
	s.buf = append(s.buf, b...)
}

func (s *cborSink) written() int { return len(s.buf) }

func (s *cborSink) reserve(n int) { s.buf = slices.Grow(s.buf, n) }

func (s *cborSink) bytes() []byte { return s.buf }
