package seqnum

import (
	"fmt"
	"math/bits"
)

// Run is the numbers of a segment's records, which differ in their index alone, from one of them on. To write one of them costs a fraction
// of what [Number.Append] does.
type Run struct {
	digits [Digits]byte // of the first number
	middle uint64       // the 9 digits of it that stand before the last 19
	last   uint64       // the last 19
	left   int          // how many numbers there are
}

// Run returns n and the numbers after it in its slot. It panics where a part of n is outside its field.
func (n Number) Run() Run {
	r := Run{left: PerSlot - n.Index}
	_, middle, last := n.limbs()
	r.middle, r.last = middle%tenTo9, last
	n.Append(r.digits[:0])
	return r
}

const (
	tenTo9  = 1e9
	tenTo10 = 1e10

	// One index is 2^80, the weight of the sequence index's lowest digit.
	indexMiddle = 120892              // 2^80 / 10^19
	indexLast   = 5819614629174706176 // 2^80 % 10^19
)

// Put writes the number that is i after the first, [Digits] long, to the start of b. It panics where the slot has no such number.
func (r *Run) Put(b []byte, i int) {
	if i < 0 || i >= r.left {
		panic(fmt.Sprintf("seqnum: number %d of a run of %d", i, r.left))
	}
	high, low := bits.Mul64(indexLast, uint64(i))
	low, carry := bits.Add64(low, r.last, 0)
	over, last := bits.Div64(high+carry, low, tenTo19)
	middle := r.middle + indexMiddle*uint64(i) + over // below 2 * 10^9
	b = b[:Digits]
	top := b[:copy(b, r.digits[:Digits-28])]
	if middle >= tenTo9 {
		middle -= tenTo9
		increment(top)
	}
	putDigits(b[Digits-28:Digits-19], middle)
	putDigits(b[Digits-19:Digits-10], last/tenTo10)
	putDigits(b[Digits-10:], last%tenTo10)
}

// increment adds 1 to a number that is not all nines.
func increment(digits []byte) {
	i := len(digits) - 1
	for ; digits[i] == '9'; i-- {
		digits[i] = '0'
	}
	digits[i]++
}
