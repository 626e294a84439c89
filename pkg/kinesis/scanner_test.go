package kinesis

import (
	"bytes"
	"encoding/base64"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// checkScanner fails where the scanner and jsontext differ about a document: whether it is one, what is wrong with it, what it says.
func checkScanner(t rapid.TB, body []byte) {
	t.Helper()
	got, want := new(sample), new(sample)
	gotErr, wantErr := decode(newJSONSource(bytes.Clone(body)), got), decode(newJSONTextSource(bytes.Clone(body)), want)
	if !reflect.DeepEqual(gotErr, wantErr) {
		t.Fatalf("%q: error %v, jsontext has %v", body, gotErr, wantErr)
	}
	if gotErr == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is\n%+v, jsontext has\n%+v", body, got, want)
	}
}

// TestScannerAgrees draws documents, whole ones and some with a few bytes changed.
func TestScannerAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(drawDocument(t, 4))
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			body[at] = rapid.SampledFrom([]byte("{}[]:,\"\\ 0-.eE+tnu\n\x00\x1f\x7f\x80\xff")).Draw(t, "byte")
		}
		checkScanner(t, body)
	})
}

// drawDocument draws an object, most of whose members are known to [sample], with values of any type.
func drawDocument(t *rapid.T, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		if i > 0 {
			b.WriteString(",")
		}
		name := rapid.SampledFrom([]string{"Text", "Integer", "Boolean", "Timestamp", "Blob", "Texts", "Map", "Nested", "List", "Last", "Unknown", `Te\u0078t`}).Draw(t, "name")
		b.WriteString(drawSpace(t) + `"` + name + `"` + drawSpace(t) + ":" + drawSpace(t) + drawValue(t, depth) + drawSpace(t))
	}
	return b.String() + "}" + drawSpace(t)
}

func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\r\n\t"}).Draw(t, "space")
}

func drawValue(t *rapid.T, depth int) string {
	kinds := 3
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", "truex", "nul"}).Draw(t, "word")
	case 1:
		return rapid.SampledFrom([]string{"0", "-0", "7", "-12.50", "1e3", "1E+400", "-2.5e-1", "2147483648", "01", "1.", ".5", "-", "1e", "+1", "9223372036854775808"}).Draw(t, "number")
	case 2:
		return `"` + rapid.SampledFrom([]string{
			"", "a", "QQ==", "QUJD", "QR==", "QQ=", "Q\\u0051==", "YES", "0", "é", "\\\"", "\\\\", "\\u00e9\\n\\/", "\\ud83d\\ude00", "\\ud800", "\\ud83dx", "\\x", "\xff", "\xc3", "a\nb", "QU\\nJD",
			"QUJDREVGR0hJSktM", "+/+/", "\x7f", "\u2028",
		}).Draw(t, "text") + `"`
	case 3:
		var elements []string
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			elements = append(elements, drawSpace(t)+drawValue(t, depth-1)+drawSpace(t))
		}
		return "[" + strings.Join(elements, ",") + "]"
	case 4:
		return "[" + drawDocument(t, depth-1) + "," + drawDocument(t, depth-1) + "]"
	default:
		return drawDocument(t, depth-1)
	}
}

// TestScannerDepth: as deep as jsontext goes, and no deeper, for what is read and for what is passed over.
func TestScannerDepth(t *testing.T) {
	for _, depth := range []int{maxJSONDepth - 2, maxJSONDepth - 1, maxJSONDepth} {
		for _, body := range []string{
			`{"Unknown":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`,
			`{"Unknown":` + strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) + `}`,
			strings.Repeat(`{"Nested":`, depth) + "{}" + strings.Repeat("}", depth),
		} {
			checkScanner(t, []byte(body))
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"Text":"a\u00e9","Integer":-1.5e3,"Boolean":"yes","Timestamp":1459799926.48,"Blob":"QUI=","Texts":["a",null,"b"],"Map":{"a":"b"}}`,
		`{"Nested":{"Nested":null,"List":[{},{"Last":"x"},null]},"Unknown":[1,{"a":[true,false,null]}] , "Last":"\ud83d\ude00"} `,
		`{"Blob":"Q\u0051==","Blob":"23456","Text":["a"]}`, `{"Integer":01}`, `{"Text":"\ud800"}`, "{\"Text\":\"\xff\"}", `{"a":[1,}`, `[{}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkScanner(t, body) })
}

// jsontextSource is a source over another decoder of JSON, which the scanner must agree with in everything.
type jsontextSource struct {
	dec     *jsontext.Decoder
	broken  bool   // no more of it can be read
	scratch []byte // text whose escapes were resolved
}

func newJSONTextSource(body []byte) source {
	return &jsontextSource{
		dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
	}
}

func (s *jsontextSource) peek() jsontext.Kind {
	if s.broken {
		return jsontext.KindInvalid
	}
	return s.dec.PeekKind()
}

func (s *jsontextSource) kind() kind {
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
func (s *jsontextSource) token() {
	if s.broken {
		return
	}
	_, err := s.dec.ReadToken()
	s.broken = err != nil
}

// raw reads the next value as it stands in the document. It is good until the next call.
func (s *jsontextSource) raw() []byte {
	if s.broken {
		return nil
	}
	v, err := s.dec.ReadValue()
	s.broken = err != nil
	return v
}

// unquoted reads a string without its quotes and escapes. It is good until the next call.
func (s *jsontextSource) unquoted() []byte {
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

func (s *jsontextSource) skip() {
	if s.broken {
		return
	}
	s.broken = s.dec.SkipValue() != nil
}

func (s *jsontextSource) enter() { s.token() }

func (s *jsontextSource) member() ([]byte, bool) {
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

func (s *jsontextSource) element() bool {
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

func (s *jsontextSource) left() int { return 0 }

func (s *jsontextSource) end() bool {
	if s.broken {
		return false
	}
	_, err := s.dec.ReadToken()
	return err == io.EOF
}

func (s *jsontextSource) text() string { return string(s.unquoted()) }

func (s *jsontextSource) boolean() bool { return string(s.raw()) == "true" }

func (s *jsontextSource) integer() int {
	raw := string(s.raw())
	n, err := strconv.ParseInt(raw, 10, 64)
	if err == nil {
		return int(min(max(n, math.MinInt32), math.MaxInt32))
	}
	f, _ := strconv.ParseFloat(raw, 64) // beyond its range it is an infinity
	return int(min(max(f, math.MinInt32), math.MaxInt32))
}

func (s *jsontextSource) timestamp() time.Time {
	seconds, _ := strconv.ParseFloat(string(s.raw()), 64)
	return atSeconds(seconds)
}

func (s *jsontextSource) blob() ([]byte, string) {
	text := s.unquoted()
	b, err := strictBase64.DecodeString(string(text))
	if err != nil || len(b) != base64.StdEncoding.DecodedLen(len(text))-padding(text) {
		return nil, base64Complaint(string(text))
	}
	return b, ""
}

// TestPlain: each byte at each place of a text, alone among plain ones.
func TestPlain(t *testing.T) {
	for length := range 18 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte("!"), length)
				text[at] = byte(c)
				want := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
				if got := plain(text); got != want {
					t.Fatalf("plain(%q) is %v", text, got)
				}
				quoted := newJSONSink(nil)
				quoted.text(string(text))
				if wanted, _ := jsontext.AppendQuote(nil, text); string(quoted.bytes()) != string(wanted) {
					t.Fatalf("%q is written %s, want %s", text, quoted.bytes(), wanted)
				}
			}
		}
	}
}
