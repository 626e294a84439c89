package kinesis

import (
	"slices"
	"time"
)

// Input is what an operation takes. A [Codec] fills the zero value of one, Validate checks it.
type Input interface {
	structure

	// Validate returns nil, or an *Error with code InvalidArgumentException that tells of every limit broken, in the
	// order of the schema, ten at most. It must pass before any other method or field of the input is relied on.
	Validate() error

	// Stream returns the name of the stream that the input speaks of, whether it came as StreamName or in an ARN. It is
	// "" for an input that names none: of the account as a whole, or where an iterator or token tells the stream.
	Stream() string
}

// Output is what an operation answers. A nil Output is the empty body of an operation that answers nothing.
type Output interface {
	structure
}

// structure is a wire type: it embeds presence and declares its members.
type structure interface {
	// members calls one method of v for each member, in the order of the schema. The members and their order are
	// the same at each call: presence counts on it.
	members(v visitor)
	given() *presence
}

// visitor is what members declares a type to: a decoder, a validator or an encoder. Names are those of the wire.
// A nil shape declares no limit.
type visitor interface {
	text(name string, v *string, n need, s *shape)
	integer(name string, v *int, n need, s *shape)
	boolean(name string, v *bool, n need)
	timestamp(name string, v *time.Time, n need)
	blob(name string, v *[]byte, n need, s *shape)
	texts(name string, v *[]string, n need, s *shape)
	textMap(name string, v *map[string]string, n need, s *shape)
	structure(name string, r ref, n need)
	list(name string, l list, n need, s *shape)

	// alike declares a required list of an output.
	alike(name string, l alike)

	// check declares a limit that spans members. It stands where its violation is to be reported.
	check(func(*violations))
}

// need tells whether a member must be there. An input without a required member breaks a limit; an output is written
// with its required members whatever their values, and with the optional ones that are not zero.
type need bool

const (
	optional need = false
	required need = true
)

// presence records which members of a decoded structure were there, by their place in the schema. It tells a member that is
// empty or zero from one that is absent; on a structure that was not decoded, members that are zero count as absent.
type presence struct {
	bits uint32
}

func (p *presence) given() *presence { return p }

func (p *presence) has(member int) bool { return p.bits&(1<<member) != 0 }

func (p *presence) set(member int, there bool) {
	p.bits &^= 1 << member
	if there {
		p.bits |= 1 << member
	}
}

// pointerTo says that P is *T and a structure.
type pointerTo[T any] interface {
	*T
	structure
}

// ref is a member that is a structure.
type ref interface {
	get() structure   // nil where absent
	fresh() structure // makes it the zero structure
	clear()           // makes it absent
}

// within refers to a structure kept by value. It is never absent, and so suits outputs.
func within[T any, P pointerTo[T]](v *T) ref { return valueRef[T, P]{v} }

// behind refers to a structure kept by pointer, nil where absent.
func behind[T any, P pointerTo[T]](v **T) ref { return pointerRef[T, P]{v} }

// alike is a list of structures of which many are written the same, but for one text that is as long in each.
type alike interface {
	len() int
	kinds() int
	// kind returns, from 0 on, of which kind element i is: those of a kind differ in that text alone.
	kind(i int) int
	// at returns element i, and what its text is: "" where those of its kind do not differ.
	at(i int) (element structure, text string)
	// put writes the text of element i to the start of dst, as it stands in a document of any format.
	put(dst []byte, i int)
}

type valueRef[T any, P pointerTo[T]] struct{ v *T }

func (r valueRef[T, P]) get() structure { return P(r.v) }
func (r valueRef[T, P]) clear()         { *r.v = *new(T) }
func (r valueRef[T, P]) fresh() structure {
	r.clear()
	return P(r.v)
}

type pointerRef[T any, P pointerTo[T]] struct{ v **T }

func (r pointerRef[T, P]) clear() { *r.v = nil }
func (r pointerRef[T, P]) get() structure {
	if *r.v == nil {
		return nil
	}
	return P(*r.v)
}
func (r pointerRef[T, P]) fresh() structure {
	*r.v = new(T)
	return P(*r.v)
}

// list is a member that is a list of structures.
type list interface {
	present() bool
	len() int
	at(i int) structure

	clear() // makes it absent
	open()  // makes it present and empty

	reserve(n int) // makes room for so many more elements

	// next returns a zero structure at the list's end: a new one, or the last one again where the list has keep of them.
	next(keep int) structure
}

// listOf refers to a list kept as a slice, nil where absent.
func listOf[T any, P pointerTo[T]](v *[]T) list { return sliceList[T, P]{v} }

// listOrOne refers to such a list that is shown with one zero element where it is empty.
func listOrOne[T any, P pointerTo[T]](v *[]T) list { return oneList[T, P]{sliceList[T, P]{v}} }

type oneList[T any, P pointerTo[T]] struct{ sliceList[T, P] }

func (l oneList[T, P]) present() bool { return true }
func (l oneList[T, P]) len() int      { return max(len(*l.v), 1) }
func (l oneList[T, P]) at(i int) structure {
	if len(*l.v) == 0 {
		return P(new(T))
	}
	return l.sliceList.at(i)
}

type sliceList[T any, P pointerTo[T]] struct{ v *[]T }

func (l sliceList[T, P]) present() bool      { return *l.v != nil }
func (l sliceList[T, P]) len() int           { return len(*l.v) }
func (l sliceList[T, P]) at(i int) structure { return P(&(*l.v)[i]) }
func (l sliceList[T, P]) clear()             { *l.v = nil }
func (l sliceList[T, P]) open()              { *l.v = []T{} }
func (l sliceList[T, P]) reserve(n int)      { *l.v = slices.Grow(*l.v, n) }
func (l sliceList[T, P]) next(keep int) structure {
	if len(*l.v) < keep {
		*l.v = append(*l.v, *new(T))
	} else {
		(*l.v)[keep-1] = *new(T)
	}
	return P(&(*l.v)[len(*l.v)-1])
}
