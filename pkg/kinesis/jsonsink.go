package kinesis

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

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
	case '{', '[', ':', ',':
	default:
		s.buf = append(s.buf, ',')
	}
}

func (s *jsonSink) again(from, to int) { s.buf = append(s.buf, s.buf[from:to]...) }

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
	s.buf = append(s.buf, '"')
	start := len(s.buf)
	s.buf = append(s.buf, t...)
	if plain(s.buf[start:]) {
		s.buf = append(s.buf, '"')
		return
	}
	s.buf, _ = jsontext.AppendQuote(s.buf[:start-len(`"`)], t)
}

// plain tells whether a text stands in JSON as it is: it is ASCII, without control characters, quotes and backslashes. It looks at eight
// bytes at a time: in a byte of x^ones*c minus 1 the top bit comes up where the byte is c. Bytes from 0x80 on are not plain anyway, and a
// borrow goes only from a byte that is not.
func plain(t []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(t) >= 8; t = t[8:] {
		x := binary.LittleEndian.Uint64(t)
		control, quote, backslash := x-ones*' ', x^ones*'"'-ones, x^ones*'\\'-ones
		if (x|control|quote|backslash)&tops != 0 {
			return false
		}
	}
	for _, c := range t {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
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

func (s *jsonSink) written() int { return len(s.buf) }

func (s *jsonSink) reserve(n int) { s.buf = slices.Grow(s.buf, n) }

func (s *jsonSink) bytes() []byte { return s.buf }
