package kinesis

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxViolations is how many broken limits one answer tells.
const maxViolations = 10

const notNull = "Member must not be null"

// validate returns nil, or the InvalidArgumentException that tells of every limit that in breaks.
func validate(in structure) error {
	v := validator{given: in.given()}
	in.members(&v)
	if len(v.found) == 0 {
		return nil
	}
	return InvalidArgument(v.violations.message())
}

// violations is the broken limits found so far, and where in the input the search is.
type violations struct {
	path  []step
	found []string
	own   bool // among them is a text of its own, which AWS sends without a count where it is alone
}

// step leads from a structure to one inside it.
type step struct {
	member string
	index  int // from 1 in a list, 0 elsewhere
}

// member adds a declared constraint that a member of the structure at hand breaks.
func (vs *violations) member(name, constraint string) {
	if vs.full() {
		return
	}
	var at strings.Builder
	for _, s := range vs.path {
		at.WriteString(lowerFirst(s.member))
		if s.index > 0 {
			at.WriteString("." + strconv.Itoa(s.index) + ".member")
		}
		at.WriteByte('.')
	}
	at.WriteString(lowerFirst(name))
	vs.found = append(vs.found, fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", at.String(), constraint))
}

// text adds the violation of a limit that has a text of its own.
func (vs *violations) text(text string) {
	if vs.full() {
		return
	}
	vs.own = true
	vs.found = append(vs.found, text)
}

// alone adds the violation of a limit that AWS looks at only where all those before it are kept.
func (vs *violations) alone(text string) {
	if len(vs.found) == 0 {
		vs.text(text)
	}
}

func (vs *violations) full() bool { return len(vs.found) >= maxViolations }

func (vs *violations) message() string {
	switch n := len(vs.found); {
	case n == 1 && vs.own:
		return vs.found[0]
	case n == 1:
		return "1 validation error detected: " + vs.found[0]
	default:
		return strconv.Itoa(n) + " validation errors detected: " + strings.Join(vs.found, "; ")
	}
}

// lowerFirst makes a member's name what AWS's errors call it.
func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// validator is the visitor that finds the limits broken by the structure whose members it is shown.
type validator struct {
	violations
	given *presence // of the structure at hand
	place int       // of the next member in its schema
}

// present passes over a member and tells whether it is there. One that is not but should be is a violation.
func (v *validator) present(name string, nonzero bool, n need) bool {
	there := nonzero || v.given.has(v.place)
	v.place++
	if !there && n == required {
		v.member(name, notNull)
	}
	return there
}

func (v *validator) text(name string, t *string, n need, s *shape) {
	if !v.present(name, *t != "", n) || s == nil {
		return
	}
	broken := s.text(*t)
	for _, constraint := range broken {
		v.member(name, constraint)
	}
	if len(broken) == 0 && s.also != nil {
		if text := s.also(*t); text != "" {
			v.violations.text(text)
		}
	}
}

func (v *validator) integer(name string, i *int, n need, s *shape) {
	if v.present(name, *i != 0, n) && s != nil {
		v.constrain(name, s.value(*i))
	}
}

func (v *validator) boolean(name string, b *bool, n need) { v.present(name, *b, n) }

func (v *validator) timestamp(name string, t *time.Time, n need) { v.present(name, !t.IsZero(), n) }

func (v *validator) blob(name string, b *[]byte, n need, s *shape) {
	if v.present(name, *b != nil, n) && s != nil {
		v.constrain(name, s.length(len(*b)))
	}
}

func (v *validator) texts(name string, ts *[]string, n need, s *shape) {
	if !v.present(name, *ts != nil, n) || s == nil {
		return
	}
	v.constrain(name, s.length(len(*ts)))
	for _, t := range *ts {
		if s.each != nil && len(s.each.text(t)) > 0 {
			v.member(name, "Member must satisfy constraint: "+s.each.all())
			return
		}
	}
}

func (v *validator) textMap(name string, m *map[string]string, n need, s *shape) {
	if !v.present(name, *m != nil, n) || s == nil {
		return
	}
	v.constrain(name, s.length(len(*m)))
	keysKept, valuesKept := true, true
	for key, value := range *m {
		keysKept = keysKept && (s.keys == nil || len(s.keys.text(key)) == 0)
		valuesKept = valuesKept && (s.each == nil || len(s.each.text(value)) == 0)
	}
	if !keysKept {
		v.member(name, "Map keys must satisfy constraint: "+s.keys.all())
	}
	if !valuesKept {
		v.member(name, "Map value must satisfy constraint: "+s.each.all())
	}
}

func (v *validator) structure(name string, r ref, n need) {
	in := r.get()
	if v.present(name, in != nil, n) {
		v.inside(step{member: name}, in)
	}
}

func (v *validator) list(name string, l list, n need, s *shape) {
	if !v.present(name, l.present(), n) {
		return
	}
	if s != nil {
		v.constrain(name, s.length(l.len()))
	}
	for i := 0; i < l.len() && !v.full(); i++ {
		element := l.at(i)
		if e, ok := element.(sounder); ok && e.sound() {
			continue
		}
		v.inside(step{member: name, index: i + 1}, element)
	}
}

// sounder is a structure that can tell at a glance that it breaks no limit, as most do. One that does not tell so is looked at. It is for those that
// come by the hundred: 500 records take a fifth of the time so (BenchmarkValidate).
type sounder interface {
	sound() bool
}

func (v *validator) alike(string, alike) {}

func (v *validator) check(limit func(*violations)) { limit(&v.violations) }

// constrain adds a constraint that a member breaks, "" being none.
func (v *validator) constrain(name, constraint string) {
	if constraint != "" {
		v.member(name, constraint)
	}
}

// inside looks at a structure within the one at hand.
func (v *validator) inside(s step, in structure) {
	given, place := v.given, v.place
	v.path = append(v.path, s)
	v.given, v.place = in.given(), 0
	in.members(v)
	v.path = v.path[:len(v.path)-1]
	v.given, v.place = given, place
}
