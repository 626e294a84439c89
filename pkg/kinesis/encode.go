package kinesis

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// sink writes the values of one document in order.
type sink interface {
	openMap()
	closeMap()
	openList()
	closeList()
	// separate writes what stands before a map or list that is opened next, where the format has something there.
	separate()
	// again writes once more the map or list that stands from one place to another in the bytes written, after separate.
	again(from, to int)
	member(name string) // in a map, before each value

	text(string)
	integer(int)
	boolean(bool)
	timestamp(time.Time) // to the millisecond
	blob([]byte)

	// written returns how many bytes the document has so far, what the sink was opened on included.
	written() int
	// reserve makes room for so many bytes more.
	reserve(bytes int)

	// bytes returns the document, after what the sink was opened on.
	bytes() []byte
}

// encode writes a structure as a document.
func encode(s sink, out structure) []byte {
	e := &encoder{s}
	e.members(out)
	return s.bytes()
}

// encoder is the visitor that writes members.
type encoder struct {
	sink sink
}

func (e *encoder) members(out structure) {
	e.sink.openMap()
	out.members(e)
	e.sink.closeMap()
}

// begin writes the member's name if the member is to be written.
func (e *encoder) begin(name string, nonzero bool, n need) bool {
	if !nonzero && n == optional {
		return false
	}
	e.sink.member(name)
	return true
}

func (e *encoder) text(name string, v *string, n need, s *shape) {
	t := *v
	if t == "" && s != nil {
		t = s.fallback
	}
	if e.begin(name, t != "", n) {
		e.sink.text(t)
	}
}

func (e *encoder) integer(name string, v *int, n need, _ *shape) {
	if e.begin(name, *v != 0, n) {
		e.sink.integer(*v)
	}
}

func (e *encoder) boolean(name string, v *bool, n need) {
	if e.begin(name, *v, n) {
		e.sink.boolean(*v)
	}
}

func (e *encoder) timestamp(name string, v *time.Time, n need) {
	if e.begin(name, !v.IsZero(), n) {
		e.sink.timestamp(*v)
	}
}

func (e *encoder) blob(name string, v *[]byte, n need, _ *shape) {
	if e.begin(name, *v != nil, n) {
		e.sink.blob(*v)
	}
}

func (e *encoder) texts(name string, v *[]string, n need, _ *shape) {
	if !e.begin(name, *v != nil, n) {
		return
	}
	e.sink.openList()
	for _, t := range *v {
		e.sink.text(t)
	}
	e.sink.closeList()
}

func (e *encoder) textMap(name string, v *map[string]string, n need, _ *shape) {
	if !e.begin(name, *v != nil, n) {
		return
	}
	e.sink.openMap()
	for _, key := range slices.Sorted(maps.Keys(*v)) {
		e.sink.member(key)
		e.sink.text((*v)[key])
	}
	e.sink.closeMap()
}

// structure leaves out an absent one even where it is required: there is nothing to write.
func (e *encoder) structure(name string, r ref, _ need) {
	if out := r.get(); out != nil {
		e.sink.member(name)
		e.members(out)
	}
}

func (e *encoder) list(name string, l list, n need, _ *shape) {
	if !e.begin(name, l.present(), n) {
		return
	}
	e.sink.openList()
	for i := range l.len() {
		start := e.sink.written()
		e.members(l.at(i))
		if i == 0 { // the others are about as long, as a rule
			e.sink.reserve(l.len() * (e.sink.written() - start + len(",")))
		}
	}
	e.sink.closeList()
}

// model is where the first element of its kind stands in the document, and where its text in that.
type model struct{ from, to, text int }

// alike writes the first element of a kind as any other, and the others of its kind by a copy of that.
func (e *encoder) alike(name string, l alike) {
	e.sink.member(name)
	e.sink.openList()
	models := make([]model, l.kinds())
	for i := range l.len() {
		e.sink.separate()
		start := e.sink.written()
		m := &models[l.kind(i)]
		if m.to == 0 {
			*m = e.model(l, i)
		} else {
			e.sink.again(m.from, m.to)
			if m.text > 0 {
				l.put(e.sink.bytes()[start+m.text:], i)
			}
		}
		if i == 0 { // the others are about as long, as a rule
			e.sink.reserve(l.len() * (e.sink.written() - start + len(",")))
		}
	}
	e.sink.closeList()
}

// model writes element i.
func (e *encoder) model(l alike, i int) model {
	from := e.sink.written()
	element, text := l.at(i)
	e.members(element)
	m := model{from: from, to: e.sink.written()}
	if text != "" {
		m.text = bytes.Index(e.sink.bytes()[m.from:], []byte(text))
	}
	return m
}

func (e *encoder) check(func(*violations)) {}
