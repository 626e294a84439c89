package streams

import (
	"strings"

	"millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
)

// naming writes the sequence numbers and shard ids of one answer. The numbers share one piece of memory, and each shard's id is
// written once: otherwise these texts are most of what an answer of small records costs.
type naming struct {
	numbers strings.Builder
	shards  map[uint32]string
}

// newNaming returns one for an answer of so many records.
func newNaming(records int) *naming {
	n := &naming{shards: map[uint32]string{}}
	n.numbers.Grow(records * seqnum.Digits)
	return n
}

func (n *naming) number(number seqnum.Number) string {
	var room [seqnum.Digits]byte
	start := n.numbers.Len()
	n.numbers.Write(number.Append(room[:0]))
	return n.numbers.String()[start:]
}

func (n *naming) shard(index uint32) string {
	id, known := n.shards[index]
	if !known {
		id = kinesis.ShardID(index)
		n.shards[index] = id
	}
	return id
}
