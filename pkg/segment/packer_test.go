package segment_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"millrace/pkg/segment"
)

const (
	plain      = 0
	compressed = 1
)

// orders returns records of JSON as producers send it: the same members in each, and what differs from order to order.
func orders(n, size int) []segment.Record {
	r := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	records := make([]segment.Record, n)
	for i := range records {
		customer := r.IntN(5000)
		b := fmt.Appendf(nil, `{"order":"%08x","customer":%d,"status":"%s","total":%d.%02d`, r.Uint32(), customer,
			[]string{"placed", "paid", "sent"}[r.IntN(3)], r.IntN(500), r.IntN(100))
		for line := 0; len(b) < size-1; line++ {
			b = fmt.Appendf(b, `,"item%d":{"sku":"%05d","quantity":%d}`, line, r.IntN(100_000), r.IntN(20))
		}
		records[i] = segment.Record{PartitionKey: fmt.Sprintf("customer-%d", customer), Data: append(b[:size-1], '}')}
	}
	return records
}

// noise returns records of bytes that no compressor makes smaller.
func noise(n, size int) []segment.Record {
	r := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	records := make([]segment.Record, n)
	for i := range records {
		records[i] = segment.Record{PartitionKey: fmt.Sprintf("%08x", r.Uint32()), Data: make([]byte, size)}
		for j := range records[i].Data {
			records[i].Data[j] = byte(r.Uint32())
		}
	}
	return records
}

func base64Of(records []segment.Record) []segment.Record {
	for i, r := range records {
		records[i].Data = []byte(base64.StdEncoding.EncodeToString(r.Data))
	}
	return records
}

// TestPack: what is packed comes back, and takes no more than it would as it is.
func TestPack(t *testing.T) {
	packer := segment.Packer{Compress: true}
	for name, c := range map[string]struct {
		records  []segment.Record
		codec    byte
		smallest float64 // how many times smaller it gets at least
	}{
		"one small record":              {orders(1, 100), plain, 1},
		"too little to save a kilobyte": {orders(7, 100), plain, 1},
		"10 records":                    {orders(10, 100), compressed, 2.5},
		"125 records":                   {orders(125, 100), compressed, 3.5},
		"125 larger ones":               {orders(125, 1000), compressed, 3},
		"512 records":                   {orders(512, 100), compressed, 3.5},
		"text without repetitions":      {base64Of(noise(10, 10_000)), compressed, 1.3},
		"noise":                         {noise(1, 1000), plain, 1},
		"much noise":                    {noise(10, 100_000), plain, 1},
		"5 MB of zeros":                 {[]segment.Record{{PartitionKey: "k", Data: make([]byte, 5<<20-1)}}, compressed, 4000},
		"5 MB of noise":                 {noise(5, 1<<20-8), plain, 1},
		"more than a request":           {[]segment.Record{{PartitionKey: "k", Data: make([]byte, 5<<20+20_000)}}, plain, 1},
	} {
		asItIs := segment.Encode(c.records)
		packed := packer.Pack(c.records)
		if packed[1] != c.codec || float64(len(asItIs))/float64(len(packed)) < c.smallest {
			t.Errorf("%s: %d bytes become %d with codec %d; want codec %d, and %.1f times fewer",
				name, len(asItIs), len(packed), packed[1], c.codec, c.smallest)
		}
		if c.codec == plain && !bytes.Equal(packed, asItIs) {
			t.Errorf("%s: packed otherwise than as it is", name)
		}
		for from, b := range map[string][]byte{"packed": packed, "as it is": asItIs} {
			if got, err := packer.Unpack(b); err != nil || !reflect.DeepEqual(got, c.records) {
				t.Errorf("%s, %s: %v, or the records differ", name, from, err)
			}
		}
	}
}

// TestPackAndUnpackAgree has records of any kind round the loop, by packers that compress and by others that read them.
func TestPackAndUnpackAgree(t *testing.T) {
	packers := []*segment.Packer{{Compress: true}, {}}
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecords(t)
		asItIs := segment.Encode(want)
		for _, writer := range packers {
			packed := writer.Pack(want)
			if len(packed) > len(asItIs) {
				t.Fatalf("%d bytes became %d", len(asItIs), len(packed))
			}
			for _, reader := range packers {
				got, err := reader.Unpack(packed)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%v, or the records differ", err)
				}
			}
		}
	})
}

// TestTogether: places, encoders and buffers are not mixed up between goroutines, nor are results changed later.
func TestTogether(t *testing.T) {
	packer := segment.Packer{Compress: true}
	var wg sync.WaitGroup
	for writer := range 8 {
		wg.Go(func() {
			var made [][]byte
			for n := range 20 {
				made = append(made, packer.Pack(orders(10+writer, 100+n)))
			}
			for n, b := range made {
				if got, err := packer.Unpack(b); err != nil || !reflect.DeepEqual(got, orders(10+writer, 100+n)) {
					t.Errorf("writer %d, segment %d: %v, or the records differ", writer, n, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestNoGoroutines: in a Lambda nothing runs between requests.
func TestNoGoroutines(t *testing.T) {
	packer := segment.Packer{Compress: true}
	for _, records := range [][]segment.Record{orders(125, 100), orders(500, 10_000)} {
		if _, err := packer.Unpack(packer.Pack(records)); err != nil {
			t.Fatal(err)
		}
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if strings.Contains(string(stacks), "compress/zstd") {
		t.Errorf("the compressor has goroutines:\n%s", stacks)
	}
	runtime.KeepAlive(&packer)
}

// TestPackPanics: a place is given back even so.
func TestPackPanics(t *testing.T) {
	packer := segment.Packer{Compress: true}
	for range 2 * runtime.GOMAXPROCS(0) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Pack of 513 records returned")
				}
			}()
			packer.Pack(orders(513, 100))
		}()
	}
	packer.Pack(orders(100, 100))
}

// TestLyingFrames: what a segment claims to unpack to is not believed, and costs no memory.
func TestLyingFrames(t *testing.T) {
	frame := func(options ...zstd.EOption) []byte {
		e, err := zstd.NewWriter(nil, options...)
		if err != nil {
			t.Fatal(err)
		}
		record := segment.Encode([]segment.Record{{PartitionKey: "k", Data: bytes.Repeat([]byte("x"), 1000)}})
		return e.EncodeAll(record[4:len(record)-4], nil)
	}
	// The frame header of RFC 8878, section 3.1.1.1, with a content size of 8 bytes, and a block that repeats one byte.
	claiming := func(size uint64, block ...byte) []byte {
		b := binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000}, size)
		return append(b, block...)
	}
	rle := func(size uint32) []byte { // last block, type 1
		return binary.LittleEndian.AppendUint32(nil, 1|1<<1|size<<3)
	}
	good := frame()
	var stream bytes.Buffer
	e, err := zstd.NewWriter(&stream)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := e.Write(bytes.Repeat([]byte("x"), 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	packer := segment.Packer{}
	pack := func(frame []byte) []byte { return sum(append([]byte{1, compressed, 0, 1}, frame...)) }
	if _, err := packer.Unpack(pack(good)); err != nil { // so that the refusals are for their own reasons
		t.Fatal(err)
	}
	for name, frame := range map[string][]byte{
		"no frame":                   nil,
		"half a magic number":        good[:2],
		"another magic number":       append([]byte{0x29}, good[1:]...),
		"a frame without its end":    good[:len(good)-3],
		"the header alone":           good[:8],
		"a skippable frame":          {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4},
		"bytes behind the frame":     append(bytes.Clone(good), 0),
		"a second frame":             append(bytes.Clone(good), good...),
		"no content size":            stream.Bytes(),
		"16 EB":                      claiming(1<<64-1, rle(100)...),
		"more than a request":        claiming(6<<20, bytes.Repeat(rle(100), 50)...),
		"more than its blocks can":   claiming(5<<20, rle(100)...),
		"more than its block has":    claiming(100_000, rle(100)...),
		"less than its block has":    claiming(100, rle(100_000)...),
		"a block beyond 128 KB":      claiming(200_000, rle(200_000)...),
		"a block of an unknown type": claiming(100, 7, 0, 0),
		"no records, but zeros":      claiming(100, rle(100)...),
	} {
		b := pack(frame)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := packer.Unpack(b)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: %d bytes were allocated to refuse %d", name, took, len(b))
		}
	}
}
