// Package seqnum writes and reads sequence numbers: 56 decimal digits in the layout that Kinesis uses, which clients
// parse and compare as integers.
//
// In hexadecimal a number has 47 digits:
//
//	2 | shard created, s (9) | shard index, low digit (1) | sequence index (16) | 00 | arrival, s (9) | shard index (8) | 2
//
// The sequence index is slot*512 + index in the segment, so numbers of one shard order by slot and then by place in the
// segment, whatever the clocks of the writers said.
package seqnum

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"time"
)

// PerSlot is how many sequence numbers a slot has, and so how many records a segment holds at most.
const PerSlot = 512

// MaxSlot is the largest slot whose sequence index fits its 16 hexadecimal digits.
const MaxSlot = 1<<(64-9) - 1

// Digits is the length of every sequence number in decimal.
const Digits = 56

// ErrInvalid is returned by [Parse] for text that is not a sequence number of this layout.
var ErrInvalid = errors.New("not a sequence number")

const (
	secondsBits = 36 // 9 hexadecimal digits
	version     = 2
)

// Number is a sequence number in its parts.
type Number struct {
	ShardCreated time.Time // whole seconds
	Shard        uint32    // index of the shard in its stream
	Slot         uint64    // at most MaxSlot
	Index        int       // place in the segment, 0 to PerSlot-1
	Arrival      time.Time // whole seconds
}

// String returns the number's 56 decimal digits. It panics where a part is outside its field.
func (n Number) String() string {
	var room [Digits]byte
	return string(n.Append(room[:0]))
}

// Append appends what String returns to b.
func (n Number) Append(b []byte) []byte {
	first, middle, last := n.limbs()
	b = append(b, zeros...)
	putDigits(b[len(b)-Digits:][:18], first)
	putDigits(b[len(b)-38:][:19], middle)
	putDigits(b[len(b)-19:], last)
	return b
}

// tenTo19 is the largest power of ten in 64 bits.
const tenTo19 = 1e19

// limbs returns the number's first 18 digits, the 19 in the middle, and the last 19: what long division by 10^19, twice, leaves. The high
// word is less than 10^19, and so is what is left of it.
func (n Number) limbs() (first, middle, last uint64) {
	high, mid, low := n.words()
	mid, rest := bits.Div64(high, mid, tenTo19)
	low, last = bits.Div64(rest, low, tenTo19)
	first, middle = bits.Div64(mid, low, tenTo19)
	return first, middle, last
}

const zeros = "00000000000000000000000000000000000000000000000000000000"

// putDigits fills b with v, right-aligned, two digits at a time.
func putDigits(b []byte, v uint64) {
	i := len(b)
	for i >= 2 {
		pair := v % 100 * 2
		v /= 100
		i -= 2
		b[i], b[i+1] = pairs[pair], pairs[pair+1]
	}
	if i > 0 {
		b[0] = '0' + byte(v)
	}
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// Compare orders numbers as clients do, as integers: -1, 0 or 1 as n is below, equal to or above o.
func (n Number) Compare(o Number) int {
	high, mid, low := n.words()
	otherHigh, otherMid, otherLow := o.words()
	return cmp.Or(cmp.Compare(high, otherHigh), cmp.Compare(mid, otherMid), cmp.Compare(low, otherLow))
}

// words lays the 47 digits out right-aligned in 192 bits, the first digit being the low half of the first byte.
func (n Number) words() (high, mid, low uint64) {
	created, arrival := n.ShardCreated.Unix(), n.Arrival.Unix()
	if !fits(created) || !fits(arrival) || n.Slot > MaxSlot || n.Index < 0 || n.Index >= PerSlot {
		panic(fmt.Sprintf("seqnum: part out of range: shard created %d s, slot %d, index %d, arrival %d s", created, n.Slot, n.Index, arrival))
	}
	// Digits from the right: version 1, shard 8, arrival 9, zero 2, sequence index 16, low digit 1, created 9, version 1.
	low = version | uint64(n.Shard)<<4 | uint64(arrival)<<36 // arrival's top 8 bits fall off
	arrivalTop := uint64(arrival) >> 28
	seq := n.Slot*PerSlot + uint64(n.Index)
	mid = arrivalTop | seq<<16 // 8 bits of arrival, 8 zero bits, the low 48 bits of the sequence index
	high = seq>>48 | uint64(n.Shard&0xf)<<16 | uint64(created)<<20 | version<<56
	return high, mid, low
}

// Parse reads a sequence number that [Number.String] wrote. Any other text gives [ErrInvalid].
func Parse(s string) (Number, error) {
	if len(s) != Digits || s[0] == '0' {
		return Number{}, ErrInvalid
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return Number{}, ErrInvalid
		}
	}
	b, ok := new(big.Int).SetString(s, 10)
	if !ok || b.BitLen() > 24*8 {
		return Number{}, ErrInvalid
	}
	var raw [24]byte
	b.FillBytes(raw[:])
	high, mid, low := binary.BigEndian.Uint64(raw[0:]), binary.BigEndian.Uint64(raw[8:]), binary.BigEndian.Uint64(raw[16:])
	shard := uint32(low >> 4)
	seq := high<<48 | mid>>16
	n := Number{
		ShardCreated: time.Unix(int64(high>>20&(1<<secondsBits-1)), 0).UTC(),
		Shard:        shard,
		Slot:         seq / PerSlot,
		Index:        int(seq % PerSlot),
		Arrival:      time.Unix(int64(mid&0xff<<28|low>>36), 0).UTC(),
	}
	if h, m, l := n.words(); h != high || m != mid || l != low { // a digit that must be 2 or 0, or the shard's low digit, differs
		return Number{}, ErrInvalid
	}
	return n, nil
}

func fits(seconds int64) bool { return seconds >= 0 && seconds < 1<<secondsBits }
