package kinesis

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// unhex returns bytes written in hexadecimal, with spaces for the reader.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// read reads the next value as text that shows its kind; list and map in full.
func read(src source) string {
	switch k := src.kind(); k {
	case kindNull:
		src.skip()
		return "null"
	case kindBoolean:
		return fmt.Sprint(src.boolean())
	case kindNumber:
		return fmt.Sprint(src.integer())
	case kindText:
		return fmt.Sprintf("%q", src.text())
	case kindBytes:
		b, _ := src.blob()
		return fmt.Sprintf("h'%x'", b)
	case kindList:
		src.enter()
		var all []string
		for src.element() {
			all = append(all, read(src))
		}
		return "[" + strings.Join(all, ",") + "]"
	case kindMap:
		src.enter()
		var all []string
		for name, ok := src.member(); ok; name, ok = src.member() {
			n := string(name)
			all = append(all, n+":"+read(src))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	return "broken"
}

// Examples of RFC 8949, appendix A. Numbers are read as integers of 32 bits.
func TestCBORVectors(t *testing.T) {
	const most, least = "2147483647", "-2147483648"
	for document, want := range map[string]string{
		"00": "0", "01": "1", "0a": "10", "17": "23", "1818": "24", "1819": "25", "1864": "100", "1903e8": "1000",
		"1a000f4240": "1000000", "1b000000e8d4a51000": most, "1bffffffffffffffff": most, "3bffffffffffffffff": least,
		"20": "-1", "29": "-10", "3863": "-100", "3903e7": "-1000",
		"f90000": "0", "f98000": "0", "f93c00": "1", "fb3ff199999999999a": "1", "f93e00": "1", "f97bff": "65504",
		"fa47c35000": "100000", "fa7f7fffff": most, "fb7e37e43c8800759c": most, "f90001": "0", "f90400": "0", "f9c400": "-4",
		"fbc010666666666666": "-4", "f97c00": most, "f9fc00": least, "fa7f800000": most, "faff800000": least,
		"fb7ff0000000000000": most, "fbfff0000000000000": least,
		"f4": "false", "f5": "true", "f6": "null", "f7": "null",
		"c249010000000000000000": "h'010000000000000000'", "c349010000000000000000": "h'010000000000000000'",
		"c074323031332d30332d32315432303a30343a30305a": `"2013-03-21T20:04:00Z"`, "c11a514b67b0": "1363896240",
		"c1fb41d452d9ec200000": "1363896240", "d74401020304": "h'01020304'", "d818456449455446": "h'6449455446'",
		"d82076687474703a2f2f7777772e6578616d706c652e636f6d": `"http://www.example.com"`,
		"40": "h''", "4401020304": "h'01020304'", "60": `""`, "6161": `"a"`, "6449455446": `"IETF"`, "62225c": `"\"\\"`,
		"62c3bc": `"ü"`, "63e6b0b4": `"水"`, "64f0908591": `"𐅑"`,
		"80": "[]", "83010203": "[1,2,3]", "8301820203820405": "[1,[2,3],[4,5]]",
		"98190102030405060708090a0b0c0d0e0f101112131415161718181819": "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]",
		"a0": "{}", "a26161016162820203": "{a:1,b:[2,3]}", "826161a161626163": `["a",{b:"c"}]`,
		"a56161614161626142616361436164614461656145": `{a:"A",b:"B",c:"C",d:"D",e:"E"}`,
		"5f42010243030405ff":                         "h'0102030405'", "7f657374726561646d696e67ff": `"streaming"`,
		"9fff": "[]", "9f018202039f0405ffff": "[1,[2,3],[4,5]]", "9f01820203820405ff": "[1,[2,3],[4,5]]",
		"83018202039f0405ff": "[1,[2,3],[4,5]]", "83019f0203ff820405": "[1,[2,3],[4,5]]",
		"bf61610161629f0203ffff": "{a:1,b:[2,3]}", "826161bf61626163ff": `["a",{b:"c"}]`, "bf6346756ef563416d7421ff": "{Fun:true,Amt:-2}",

		// Beyond the appendix: longer forms than needed, no chunks, tagged keys, the tag of a CBOR document.
		"1800": "0", "1b0000000000000001": "1", "780161": `"a"`, "5b000000000000000101": "h'01'", "9b000000000000000101": "[1]",
		"5fff": "h''", "7fff": `""`, "7f60ff": `""`, "a1c1616101": "{a:1}", "d9d9f7a0": "{}", "bbffffffffffffffff": "broken",
	} {
		src := newCBORSource(unhex(document))
		got := read(src)
		if got != want || src.end() != (want != "broken") {
			t.Errorf("%s: %s, end %t, want %s", document, got, src.end(), want)
		}
		if want == "broken" {
			continue
		}
		src = newCBORSource(append(unhex(document), 0x01))
		if src.skip(); src.end() || src.kind() != kindNumber || src.integer() != 1 || !src.end() {
			t.Errorf("%s: not passed over as one value", document)
		}
		// Cut short anywhere it is no document.
		for cut := range len(document) / 2 {
			src := newCBORSource(unhex(document)[:cut])
			if src.skip(); src.end() {
				t.Errorf("%s: cut to %d bytes it is a document", document, cut)
			}
		}
	}
}

// malformed has documents that are broken, by themselves and as the value of a member.
var malformed = map[string][]string{
	"nothing":                 {""},
	"reserved length":         {"1c", "1d", "1e", "3c", "5c00", "5d", "7e", "9c", "bd", "dc00", "fc", "fd", "fe"},
	"number without end":      {"1f", "3f", "1f00ff"},
	"tag without end":         {"df00", "dfff"},
	"number cut short":        {"18", "19", "1900", "1a000000", "1b00000000000000", "f900", "fa000000", "fb00000000000000"},
	"tag of nothing":          {"c1", "d9d9", "d9d9f7", "81c1"},
	"break alone":             {"ff", "81ff", "a16161ff", "9fc1ffff", "bf6161c1ffff", "bfffff", "9fffff"},
	"bytes that lie":          {"41", "4201", "5803ffff", "59ffff00", "5affffffff00", "5b7fffffffffffffff", "5bffffffffffffffff00"},
	"text that lies":          {"61", "6261", "7803ffff", "79ffff61", "7affffffff61", "7b7fffffffffffffff61", "7bffffffffffffffff"},
	"list that lies":          {"81", "8201", "98ff01", "99ffff01", "9affffffff", "9b7fffffffffffffff01", "9bffffffffffffffff01"},
	"map that lies":           {"a1", "a16161", "a2616101", "b8ff616101", "b9ffff", "baffffffff616101", "bb7fffffffffffffff", "bb8000000000000000616101"},
	"list without end":        {"9f", "9f01", "9f9fff", "9f8101"},
	"map without end":         {"bf", "bf616101", "bf6161bfff"},
	"map without last value":  {"bf6161ff", "bf6161016162ff"},
	"chunks without end":      {"5f", "5f4101", "7f", "7f6161"},
	"chunks of another type":  {"5f6161ff", "7f4161ff", "5f01ff", "7f01ff", "5f80ff", "5ff6ff", "7fa0ff", "5fc14101ff", "7fc16161ff"},
	"chunks within chunks":    {"5f5f4101ffff", "7f7f6161ffff", "5f5fff", "7f7fff", "5f5f4101ff"},
	"chunk that lies":         {"5f4201ff", "7f6261ff", "5f5bffffffffffffffffff", "7f7b7fffffffffffffffff"},
	"text that is not UTF-8":  {"61ff", "62c328", "63eda080", "64f4908080", "62c080", "7f61ffff", "7f61c361bcff"},
	"key that is no text":     {"a10001", "a12001", "a1416101", "a1f601", "a1f501", "a1f9000001", "a1800001", "a1a001", "bf0001ff", "bf5f4161ff01ff"},
	"key that is not UTF-8":   {"a161ff01", "bf7f61ffff01ff"},
	"simple without meaning":  {"e0", "f0", "f3", "f800", "f814", "f818", "f8ff", "f81f", "81f0"},
	"nested too deep":         {strings.Repeat("81", 65) + "01", strings.Repeat("9f", 65), strings.Repeat("a16161", 65) + "01", strings.Repeat("81", 1<<20), strings.Repeat("9f", 1<<20), strings.Repeat("bf6161", 1<<18)},
	"tags and nothing":        {strings.Repeat("c1", 1<<20)},
	"list and what is not it": {"8101ff", "80ff"},
}

func TestCBORMalformed(t *testing.T) {
	for name, documents := range malformed {
		for _, document := range documents {
			body := unhex(document)
			for how, run := range map[string]func(source){
				"read": func(src source) { read(src) },
				"skip": func(src source) { src.skip() },
			} {
				src := newCBORSource(body)
				if run(src); src.end() {
					t.Errorf("%s: %.60s: %s as a document", name, document, how)
				}
			}
			for _, member := range []string{"Unknown", "Text", "Integer", "Boolean", "Timestamp", "Blob", "Texts", "Map", "Nested", "List"} {
				s := newCBORSink(nil).(*cborSink)
				s.head(majorMap, 1)
				s.text(member)
				err := decode(newCBORSource(append(s.bytes(), body...)), new(sample))
				if err == nil || err.Code != codeSerialization || err.Message != "" {
					t.Errorf("%s: %s of %.60s: %v", name, member, document, err)
				}
			}
		}
	}
}

// What a broken source answers, whatever it is asked.
func TestCBORBrokenStaysBroken(t *testing.T) {
	src := newCBORSource(unhex("820affff"))
	src.enter()
	for src.element() {
		src.skip()
	}
	_, member := src.member()
	b, complaint := src.blob()
	src.enter()
	if src.kind() != kindBroken || member || src.element() || src.text() != "" || src.boolean() || src.integer() != 0 ||
		src.timestamp().UnixMilli() != 0 || len(b) != 0 || complaint != "" || src.end() {
		t.Error("a broken source goes on")
	}
}

// A document does not end at a value that was only looked at, nor inside of a list.
func TestCBOREnd(t *testing.T) {
	src := newCBORSource(unhex("00"))
	if src.kind() != kindNumber || src.end() || src.integer() != 0 || !src.end() {
		t.Error("the number was not read")
	}
	src = newCBORSource(unhex("80"))
	if src.enter(); src.end() || src.element() || !src.end() {
		t.Error("the list was not left")
	}
}

func TestCBORDepth(t *testing.T) {
	for _, unit := range []string{"81", "9f"} {
		body := unhex(strings.Repeat(unit, maxCBORDepth))
		body = append(body, 0x01)
		if unit == "9f" {
			body = append(body, unhex(strings.Repeat("ff", maxCBORDepth))...)
		}
		src := newCBORSource(body)
		if src.skip(); !src.end() {
			t.Errorf("%s nested %d deep is refused", unit, maxCBORDepth)
		}
	}
}

// sampleCBOR is a map of one member with a value in hexadecimal.
func sampleCBOR(member, value string) []byte {
	s := newCBORSink(nil)
	s.openMap()
	s.member(member)
	return append(append(s.bytes(), unhex(value)...), cborBreak)
}

func TestDecodeEveryTypeCBOR(t *testing.T) {
	const (
		list   = "Start of list found where not expected"
		object = "Start of structure or map found where not expected."

		boolean = "class java.lang.Boolean"
		number  = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
		text    = "class java.lang.String"
		bytes   = "class java.nio.ByteBuffer"
		padded  = "'23'" + noBlob + ": Base64 encoded length is expected a multiple of 4 bytes but found: 2"
	)
	values := []string{"f5", "17", "fb4037000000000000", "623233", "7f61326133ff", "423233", "5f413241 33ff", "9fff", "bfff"}
	tests := map[string][9]string{ // what is said of each value; "" where it converts
		"Text":      {boolean + noText, number + noText, number + noText, "", "", bytes + noText, bytes + noText, list, object},
		"Integer":   {boolean + noInteger, "", "", text + noInteger, text + noInteger, bytes + noInteger, bytes + noInteger, list, object},
		"Boolean":   {"", number + noBoolean, number + noBoolean, "'23'" + noBoolean, "'23'" + noBoolean, bytes + noBoolean, bytes + noBoolean, list, object},
		"Timestamp": {boolean + noTimestamp, "", "", text + noTimestamp, text + noTimestamp, bytes + noTimestamp, bytes + noTimestamp, list, object},
		"Blob":      {boolean + noBlob, number + noBlob, number + noBlob, padded, padded, "", "", list, object},
		"Texts":     {noList, noList, noList, noList, noList, noList, noList, "", object},
		"List":      {noList, noList, noList, noList, noList, noList, noList, "", object},
		"Map":       {noMap, noMap, noMap, noMap, noMap, noMap, noMap, list, ""},
		"Nested":    {noStructure, noStructure, noStructure, noStructure, noStructure, noStructure, noStructure, list, ""},
	}
	for member, messages := range tests {
		for i, value := range values {
			message := ""
			if err := decode(newCBORSource(sampleCBOR(member, value)), new(sample)); err != nil {
				if message = err.Message; message == "" {
					message = "no document"
				}
			}
			if message != messages[i] {
				t.Errorf("%s of %s: %q, want %q", member, value, message, messages[i])
			}
		}
		for _, null := range []string{"f6", "f7", "c1f6"} {
			in := new(sample)
			if err := decode(newCBORSource(sampleCBOR(member, null)), in); err != nil || !reflect.DeepEqual(in, new(sample)) {
				t.Errorf("%s of %s: %+v, %v", member, null, in, err)
			}
		}
	}
	for _, root := range []string{"80", "f6", "00", "6161", "4161", "f5", "9fff"} {
		if err := decode(newCBORSource(unhex(root)), new(sample)); err == nil || err.Message != "" {
			t.Errorf("document %s: %v", root, err)
		}
	}
}

func TestDecodeNumbersCBOR(t *testing.T) {
	for value, want := range map[string]int64{
		"00": 0, "1b0000018bcfe5687b": 1700000000123, "c11b0000018bcfe5687b": 1700000000123, "c10a": 10, "29": -10,
		"fb41d954fc401f7cee": 1700000000492, "c1fb3ff8000000000000": 1500, "fa3fc00000": 1500, "f93e00": 1500, "f9be00": -1500,
		"1bffffffffffffffff": maxTimestamp, "3bffffffffffffffff": -maxTimestamp, "f97c00": maxTimestamp, "f9fc00": -maxTimestamp,
	} {
		in := new(sample)
		err := decode(newCBORSource(sampleCBOR("Timestamp", value)), in)
		if err != nil || in.Timestamp.UnixMilli() != want || !in.has(3) {
			t.Errorf("%s: %d, %v, want %d", value, in.Timestamp.UnixMilli(), err, want)
		}
	}
	for _, nan := range []string{"f97e00", "fa7fc00000", "fb7ff8000000000000", "f9fe00", "f97c01"} {
		for _, member := range []string{"Integer", "Timestamp"} {
			if err := decode(newCBORSource(sampleCBOR(member, nan)), new(sample)); err == nil || err.Message != "" {
				t.Errorf("%s of %s: %v", member, nan, err)
			}
		}
		if err := decode(newCBORSource(sampleCBOR("Unknown", nan)), new(sample)); err != nil {
			t.Errorf("%s where nobody reads it: %v", nan, err)
		}
	}
}

func TestHalfFloat(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0x0000: 0, 0x3c00: 1, 0x3e00: 1.5, 0x7bff: 65504, 0x0001: 5.960464477539063e-8, 0x0400: 0.00006103515625, 0xc400: -4,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := halfFloat(bits); got != want {
			t.Errorf("%04x: %g, want %g", bits, got, want)
		}
	}
}

func TestDecodeValuesCBOR(t *testing.T) {
	s := newCBORSink(nil).(*cborSink)
	s.openMap()
	for _, member := range []string{"Text", "Blob", "Map", "Text", "Blob", "Map"} { // the last counts
		again := len(s.buf) > 40
		s.member(member)
		switch {
		case member == "Map":
			s.head(majorMap, 2)
			s.text("k")
			s.text("first")
			s.text("k")
			s.buf = append(s.buf, unhex("7f61 32 61 6e 62 6473 ff")...)
		case member == "Text" && again:
			s.buf = append(s.buf, unhex("c0 7f 61 61 60 62 c3bc ff")...)
		case member == "Text":
			s.text("first")
		case again:
			s.buf = append(s.buf, unhex("d7 5f 41 01 40 42 0203 ff")...)
		default:
			s.blob([]byte("first, which is so long that what follows is again"))
		}
	}
	s.closeMap()
	in := new(sample)
	if err := decode(newCBORSource(s.bytes()), in); err != nil {
		t.Fatal(err)
	}
	if in.Text != "aü" || string(in.Blob) != "\x01\x02\x03" || !reflect.DeepEqual(in.Map, map[string]string{"k": "2nds"}) {
		t.Errorf("%+v", in)
	}
}

// A text where bytes are expected is base64, as in JSON.
func TestDecodeTextAsBlobCBOR(t *testing.T) {
	for value, want := range map[string]string{"60": "", "6451513d3d": "A", "7f62515162 3d3dff": "A"} {
		in := new(sample)
		if err := decode(newCBORSource(sampleCBOR("Blob", value)), in); err != nil || string(in.Blob) != want || in.Blob == nil {
			t.Errorf("%s: %x, %v", value, in.Blob, err)
		}
	}
}

func TestEncodeEveryTypeCBOR(t *testing.T) {
	whole := &sample{
		Text: "a😀\xff\xff", Integer: -500, Boolean: true, Timestamp: time.UnixMilli(1700000000123), Blob: []byte{0, 1, 2, 3},
		Texts: []string{"a", ""}, Map: map[string]string{"b": "2", "a": "1"}, Nested: &sample{Texts: []string{}, Blob: []byte{}},
		List: []sample{{}, {Timestamp: time.UnixMilli(-1500)}},
	}
	want := "bf" +
		"6454657874" + "6b61f09f9880efbfbdefbfbd" +
		"67496e7465676572" + "3901f3" +
		"67426f6f6c65616e" + "f5" +
		"6954696d657374616d70" + "c11b0000018bcfe5687b" +
		"64426c6f62" + "4400010203" +
		"655465787473" + "9f 6161 60 ff" +
		"634d6170" + "bf 6161 6131 6162 6132 ff" +
		"664e6573746564" + "bf 64426c6f62 40 655465787473 9fff ff" +
		"644c697374" + "9f bfff bf 6954696d657374616d70 c13905db ff ff" +
		"ff"
	if got := encode(newCBORSink(nil), whole); !reflect.DeepEqual(got, unhex(want)) {
		t.Errorf("%x\nwant\n%x", got, unhex(want))
	}
	if got := encode(newCBORSink([]byte("x")), new(sample)); string(got) != "x\xbf\xff" {
		t.Errorf("zero sample: %x", got)
	}
	read := new(sample)
	if err := decode(newCBORSource(unhex(want)), read); err != nil || read.Integer != -500 || !read.Timestamp.Equal(whole.Timestamp) {
		t.Errorf("read again as %+v, %v", read, err)
	}
}

// Heads take the shortest form, up to its last value and from the next one's first.
func TestCBORSinkNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "00", 23: "17", 24: "1818", 255: "18ff", 256: "190100", 65535: "19ffff", 65536: "1a00010000",
		4294967295: "1affffffff", 4294967296: "1b0000000100000000", math.MaxInt64: "1b7fffffffffffffff",
		-1: "20", -24: "37", -25: "3818", -256: "38ff", -257: "390100", math.MinInt64: "3b7fffffffffffffff",
	} {
		s := cborSink{}
		if s.number(n); hex.EncodeToString(s.bytes()) != want {
			t.Errorf("%d: %x, want %s", n, s.bytes(), want)
		}
	}
	s := cborSink{}
	if s.boolean(false); string(s.bytes()) != "\xf4" {
		t.Errorf("false: %x", s.bytes())
	}
}

// allocated returns how many bytes are allocated while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// No document makes the decoder allocate much more than it is long.
func TestCBORAllocation(t *testing.T) {
	const size = 1 << 20
	repeated := func(member, unit string) []byte {
		s := newCBORSink(nil)
		s.openMap()
		s.member(member)
		return append(s.bytes(), []byte(strings.Repeat(string(unhex(unit)), size/len(unhex(unit))))...)
	}
	const fixed = 64 << 10
	for name, test := range map[string]struct {
		body  []byte
		most  uint64
		whole bool // it is a document
	}{
		"bytes that lie":     {repeated("Blob", "5b7fffffffffffffff"), fixed, false},
		"text that lies":     {repeated("Text", "7b00000000ffffffff"), fixed, false},
		"list that lies":     {repeated("List", "9b00000000ffffffff"), fixed, false},
		"texts that lie":     {repeated("Texts", "9b00000000ffffffff"), fixed, false},
		"map that lies":      {repeated("Map", "bb00000000ffffffff"), fixed, false},
		"lists in lists":     {repeated("List", "9f"), fixed, false},
		"maps in maps":       {repeated("Nested", "bf664e6573746564"), fixed, false},
		"tags":               {repeated("Blob", "d9ffff"), fixed, false},
		"unknown lists":      {repeated("Unknown", "9f"), fixed, false},
		"unknown chunks":     {append(unhex("bf 67556e6b6e6f776e 9f"), unhex(strings.Repeat("bf7f61616162ff6163ff", size/10)+"ffff")...), fixed, true},
		"lying chunks":       {append(unhex("bf 64426c6f62 5f"), unhex(strings.Repeat("5b7fffffffffffffff", size/9))...), fixed, false},
		"tiny chunks":        {append(unhex("bf 64426c6f62 5f"), unhex(strings.Repeat("4101", size/2)+"ffff")...), 4 * size, true},
		"empty chunks":       {append(unhex("bf 6454657874 7f"), unhex(strings.Repeat("60", size)+"ffff")...), fixed, true},
		"elements past most": {append(unhex("bf 644c697374 9f"), unhex(strings.Repeat("a0", size)+"ffff")...), fixed, true},
		"texts past most":    {append(unhex("bf 655465787473 9f"), unhex(strings.Repeat("6161", size/2)+"ffff")...), fixed, true},
	} {
		in := new(sample)
		if err := decode(newCBORSource(test.body), new(sample)); (err == nil) != test.whole {
			t.Errorf("%s: %v", name, err)
		}
		if got := allocated(func() { _ = decode(newCBORSource(test.body), in) }); got > test.most {
			t.Errorf("%s: %d bytes allocated, want %d at most", name, got, test.most)
		}
	}
}

// Data of definite length is a part of the body, and what is appended to it is not.
func TestCBORSharesTheBody(t *testing.T) {
	body := sampleCBOR("Blob", "43010203")
	in := new(sample)
	if err := decode(newCBORSource(body), in); err != nil {
		t.Fatal(err)
	}
	_ = append(in.Blob, 9)
	if at := len(body) - 4; &in.Blob[0] != &body[at] || body[len(body)-1] != cborBreak {
		t.Errorf("blob %x, body %x", in.Blob, body)
	}
}
