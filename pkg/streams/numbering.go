package streams

import (
	"strings"

	"millrace/pkg/seqnum"
)

// numbering writes the sequence numbers of one answer. They share one piece of memory: otherwise these texts are most of what an answer of
// small records costs.
type numbering struct {
	numbers strings.Builder
}

// newNumbering returns one for an answer of so many records.
func newNumbering(records int) *numbering {
	n := &numbering{}
	n.numbers.Grow(records * seqnum.Digits)
	return n
}

func (n *numbering) number(number seqnum.Number) string {
	var room [seqnum.Digits]byte
	start := n.numbers.Len()
	n.numbers.Write(number.Append(room[:0]))
	return n.numbers.String()[start:]
}
