package main

import (
	"fmt"
	"math/rand/v2"

	"millrace/pkg/kinesis"
)

// shards is how many shards each stream has that is measured.
const shards = 4

// kind is what records are made of.
type kind string

const (
	kindJSON   kind = "JSON"
	kindRandom kind = "random"
)

// shape is how a producer sends records.
type shape struct {
	records int // in a request
	size    int // bytes of data in a record
	kind    kind
}

func (s shape) String() string {
	return fmt.Sprintf("%d × %s %s", s.records, sizeName(s.size), s.kind)
}

func sizeName(size int) string {
	if size%1024 == 0 {
		return fmt.Sprintf("%d KB", size/1024)
	}
	return fmt.Sprintf("%d B", size)
}

// shapes are those that are measured.
func shapes() []shape {
	var all []shape
	for _, k := range []kind{kindJSON, kindRandom} {
		for _, size := range []int{100, 1024, 10 * 1024} {
			for _, records := range []int{1, 10, 100, 500} {
				all = append(all, shape{records, size, k})
			}
		}
	}
	return all
}

// requests is how many requests of the shape are measured: some 100 records at least, in two requests at least, but one of
// several megabytes.
func (s shape) requests() int {
	if s.records*s.size > 1<<20 {
		return 1
	}
	return max(2, 100/s.records)
}

// request returns the records of the shape's n-th request. The same shape and number give the same records.
func (s shape) request(n int) []kinesis.PutRecordsEntry {
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	r := rand.New(source)
	entries := make([]kinesis.PutRecordsEntry, s.records)
	for i := range entries {
		e := &entries[i]
		customer := r.IntN(5000)
		e.PartitionKey = fmt.Sprintf("customer-%04d", customer)
		if s.kind == kindJSON {
			e.Data = order(r, customer, s.size)
			continue
		}
		e.Data = make([]byte, s.size)
		source.Read(e.Data) // never fails
	}
	return entries
}

// order returns an order of exactly so many bytes, 100 at least, as a shop's producer would send it: the names are the
// same in each; ids, amounts and times are not, and take up half of it. Those of 100 bytes are like
//
//	{"order":"9f86d081884c7d65","customer":4711,"total":129.90,"at":"2026-11-24T12:34:56.789Z","n":38012}
func order(r *rand.Rand, customer, size int) []byte {
	b := fmt.Appendf(nil, `{"order":"%016x","customer":%04d,"total":%d.%02d,"at":"2026-11-24T%02d:%02d:%02d.%03dZ"`,
		r.Uint64(), customer, 100+r.IntN(900), r.IntN(100), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000))
	for line := 0; len(b) < size; line++ {
		b = fmt.Appendf(b, `,"n":%d,"item":"%08x","quantity":%d,"price":%d.%02d`,
			r.IntN(100_000), r.Uint32(), 1+r.IntN(9), r.IntN(200), r.IntN(100))
	}
	b = b[:size]
	b[size-1] = '}'
	return b
}
