package kinesis

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// source reads the values of one document in order. The document is broken once something in it violates its format: from then on a
// source answers kindBroken and zero values, and has no more members or elements.
type source interface {
	// kind returns what the next value is and leaves it there.
	kind() kind
	// skip passes over the next value with all that it holds.
	skip()

	// enter goes into the map or list that is next.
	enter()
	// member returns the next member's name, which is good until the next call, or ends the map.
	member() (name []byte, ok bool)
	// element tells whether the list has another element, or ends it.
	element() bool

	// The next four read a value of the kind they are for. An integer is cut at the decimal point and at the limits of 32 bits.
	text() string
	boolean() bool
	integer() int
	timestamp() time.Time

	// blob reads bytes, or a text as base64, or tells why AWS would not read it as a blob.
	blob() (b []byte, complaint string)

	// left returns how many bytes of the document were not read yet.
	left() int
	// end tells whether the document is whole and nothing follows it.
	end() bool
}

// kind is what a value is, whatever its format.
type kind byte

const (
	kindBroken kind = iota
	kindNull
	kindBoolean
	kindNumber
	kindText
	kindBytes // JSON has none
	kindList
	kindMap
)

// class returns what AWS's errors call a scalar.
func (k kind) class() string {
	switch k {
	case kindBoolean:
		return "class java.lang.Boolean"
	case kindNumber:
		return "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
	case kindBytes:
		return "class java.nio.ByteBuffer"
	default:
		return "class java.lang.String"
	}
}

// What AWS's errors say where a scalar stands for something else.
const (
	noText      = " can not be converted to an String"
	noInteger   = " can not be converted to an Integer"
	noBoolean   = " can not be converted to an Boolean"
	noTimestamp = " can not be converted to milliseconds since epoch"
	noBlob      = " can not be converted to a Blob"
	noList      = "Expected list or null"
	noMap       = "Expected map or null"
	noStructure = "Expected null"
)

// maxReserved is for how many elements room is made at most before they were read.
const maxReserved = MaxRecords + 1

// maxQuoted is how many bytes of a value an error quotes at most.
const maxQuoted = 1024

// decode reads the one structure of a document. It reads on after a member of the wrong type, because a document that is broken
// further on is refused as that.
func decode(src source, in structure) *Error {
	if src.kind() != kindMap {
		return serialization("")
	}
	d := decoder{src: src}
	d.members(in)
	if !src.end() {
		return serialization("")
	}
	if d.mismatch != "" {
		return serialization(d.mismatch)
	}
	return nil
}

// decoder is the visitor that reads a member. For each member of the document it visits the whole structure, and the
// method that is called with the member's name reads the value.
type decoder struct {
	src      source
	mismatch string // about the first value of a wrong type

	name  []byte    // of the member at hand
	given *presence // of the structure at hand
	place int       // in the schema, of the member visited
	taken bool      // the member at hand was read
}

// members reads the map that is next into a zero structure.
func (d *decoder) members(in structure) {
	d.src.enter()
	for name, ok := d.src.member(); ok; name, ok = d.src.member() {
		d.name, d.given, d.place, d.taken = name, in.given(), 0, false
		in.members(d)
		if !d.taken {
			d.src.skip()
		}
	}
	d.taken = true // as seen by the structure around this one
}

// at tells whether the member visited is the one at hand, which the caller then reads.
func (d *decoder) at(name string) bool {
	if d.taken {
		return false
	}
	if string(d.name) != name {
		d.place++
		return false
	}
	d.taken = true
	d.given.set(d.place, false)
	return true
}

// accept tells whether the member at hand is of the kind that is wanted, and if so records that it is there.
func (d *decoder) accept(want kind, refusal string) bool {
	if !d.fits(want, refusal) {
		return false
	}
	d.given.set(d.place, true)
	return true
}

// fits tells whether the next value is of the kind that is wanted. It passes over any other, and remembers it unless it is null.
func (d *decoder) fits(want kind, refusal string) bool {
	got := d.src.kind()
	if got == want {
		return true
	}
	d.src.skip()
	switch got {
	case kindNull:
	case kindList:
		d.refuse("Start of list found where not expected")
	case kindMap:
		d.refuse("Start of structure or map found where not expected.")
	default:
		if want != kindList && want != kindMap {
			refusal = got.class() + refusal
		}
		d.refuse(refusal)
	}
	return false
}

func (d *decoder) refuse(message string) {
	if d.mismatch == "" {
		d.mismatch = message
	}
}

func (d *decoder) text(name string, v *string, _ need, _ *shape) {
	if !d.at(name) {
		return
	}
	*v = ""
	if d.accept(kindText, noText) {
		*v = d.src.text()
	}
}

func (d *decoder) integer(name string, v *int, _ need, _ *shape) {
	if !d.at(name) {
		return
	}
	*v = 0
	if d.accept(kindNumber, noInteger) {
		*v = d.src.integer()
	}
}

// boolean reads some texts too, as AWS does.
func (d *decoder) boolean(name string, v *bool, _ need) {
	if !d.at(name) {
		return
	}
	*v = false
	switch {
	case d.src.kind() == kindText:
		*v = d.textBoolean(d.src.text())
		d.given.set(d.place, true)
	case d.accept(kindBoolean, noBoolean):
		*v = d.src.boolean()
	}
}

func (d *decoder) textBoolean(t string) bool {
	switch upper := strings.ToUpper(t); upper {
	case "TRUE", "YES", "1":
		return true
	case "FALSE", "NO", "0":
	default:
		d.refuse(quoted(upper) + noBoolean)
	}
	return false
}

// maxTimestamp is where numbers stop being points in time: the end of the year 9999, in milliseconds of the epoch.
const maxTimestamp = 253402300799999

// atSeconds returns the point in time so many seconds after the epoch, to the millisecond.
func atSeconds(seconds float64) time.Time {
	return time.UnixMilli(int64(min(max(math.Round(seconds*1000), -maxTimestamp), maxTimestamp))).UTC()
}

func (d *decoder) timestamp(name string, v *time.Time, _ need) {
	if !d.at(name) {
		return
	}
	*v = time.Time{}
	if d.accept(kindNumber, noTimestamp) {
		*v = d.src.timestamp()
	}
}

func (d *decoder) blob(name string, v *[]byte, _ need, _ *shape) {
	if !d.at(name) {
		return
	}
	*v = nil
	want := kindText
	if d.src.kind() == kindBytes {
		want = kindBytes
	}
	if !d.accept(want, noBlob) {
		return
	}
	b, complaint := d.src.blob()
	if complaint != "" {
		d.refuse(complaint)
	}
	*v = b
}

func (d *decoder) texts(name string, v *[]string, _ need, s *shape) {
	if !d.at(name) {
		return
	}
	*v = nil
	if !d.accept(kindList, noList) {
		return
	}
	*v = []string{}
	d.src.enter()
	for d.src.element() {
		if !d.fits(kindText, noText) {
			continue
		}
		if t := d.src.text(); len(*v) < s.keep() {
			*v = append(*v, t)
		}
	}
}

func (d *decoder) textMap(name string, v *map[string]string, _ need, s *shape) {
	if !d.at(name) {
		return
	}
	*v = nil
	if !d.accept(kindMap, noMap) {
		return
	}
	m := map[string]string{}
	d.src.enter()
	for raw, ok := d.src.member(); ok; raw, ok = d.src.member() {
		key := string(raw)
		delete(m, key)
		if !d.fits(kindText, noText) {
			continue
		}
		if t := d.src.text(); len(m) < s.keep() {
			m[key] = t
		}
	}
	*v = m
}

func (d *decoder) structure(name string, r ref, _ need) {
	if !d.at(name) {
		return
	}
	r.clear()
	if d.accept(kindMap, noStructure) {
		d.members(r.fresh())
	}
}

// list reads a list of structures. An element that is null is one without members.
func (d *decoder) list(name string, l list, _ need, s *shape) {
	if !d.at(name) {
		return
	}
	l.clear()
	if !d.accept(kindList, noList) {
		return
	}
	l.open()
	d.src.enter()
	for first := true; d.src.element(); first = false {
		before := d.src.left()
		in := l.next(s.keep())
		if d.fits(kindMap, noStructure) {
			d.members(in)
		}
		if first { // the others are about as long, as a rule
			l.reserve(min(d.src.left()/max(before-d.src.left(), 1), s.keep(), maxReserved))
		}
	}
}

func (d *decoder) alike(string, alike) {}

func (d *decoder) check(func(*violations)) {}

// quoted returns a value as errors quote it, a long one cut short.
func quoted(value string) string {
	if len(value) > maxQuoted {
		cut := maxQuoted
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "..."
	}
	return fmt.Sprintf("'%s'", value)
}

// skipNested passes over a map or a list, whichever comes next.
func skipNested(s source, k kind) {
	s.enter()
	if k == kindList {
		for s.element() {
			s.skip()
		}
		return
	}
	for _, ok := s.member(); ok; _, ok = s.member() {
		s.skip()
	}
}
