package segment_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
	"millrace/pkg/segment"
)

func drawRecords(t *rapid.T) []segment.Record {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) segment.Record {
		r := segment.Record{
			PartitionKey: rapid.String().Draw(t, "key"),
			Data:         rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
		}
		if rapid.Bool().Draw(t, "explicit") {
			r.ExplicitHash = &hashkey.Key{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		}
		return r
	}), 1, segment.MaxRecords).Draw(t, "records")
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecords(t)
		got, err := segment.Decode(segment.Encode(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, or the records differ", err)
		}
	})
}

// TestLayout pins version 1 byte by byte: stored segments must stay readable.
func TestLayout(t *testing.T) {
	got := segment.Encode([]segment.Record{
		{PartitionKey: "k", Data: []byte("hi")},
		{PartitionKey: "", ExplicitHash: &hashkey.Key{Hi: 1, Lo: 2}},
	})
	body := "01" + "00" + "0002" + "00" + "01" + "6b" + "02" + "6869" + "01" + "00" + "0000000000000001" + "0000000000000002" + "00"
	raw, err := hex.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	want := binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli)))
	if !bytes.Equal(got, want) {
		t.Errorf("encoded as %x, want %x", got, want)
	}
}

func TestLargest(t *testing.T) {
	records := make([]segment.Record, 5)
	for i := range records {
		records[i] = segment.Record{PartitionKey: strings.Repeat("k", 256), Data: bytes.Repeat([]byte{byte(i)}, 1<<20)}
	}
	packed := segment.Encode(records)
	if overhead := len(packed) - 5<<20 - 5*256; overhead > 50 {
		t.Errorf("%d bytes of overhead on 5 records", overhead)
	}
	got, err := segment.Decode(packed)
	if err != nil || !reflect.DeepEqual(got, records) {
		t.Errorf("%v, or the records differ", err)
	}
}

func TestEncodePanics(t *testing.T) {
	for _, n := range []int{0, segment.MaxRecords + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Encode of %d records returned", n)
				}
			}()
			segment.Encode(make([]segment.Record, n))
		}()
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := segment.Encode([]segment.Record{{PartitionKey: "key", Data: []byte("data")}})
	resum := func(b []byte) []byte {
		body := b[:len(b)-4]
		return binary.BigEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	}
	set := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return resum(b)
	}
	var version segment.VersionError
	if _, err := segment.Decode(set(0, 2)); !errors.As(err, &version) || version != 2 || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("version 2: %v", err)
	}
	var codec segment.CodecError
	if _, err := segment.Decode(set(1, 7)); !errors.As(err, &codec) || codec != 7 || !strings.Contains(err.Error(), "codec 7") {
		t.Errorf("codec 7: %v", err)
	}
	for name, b := range map[string][]byte{
		"empty":                nil,
		"header alone":         good[:4],
		"no records":           set(3, 0),
		"more than 512":        set(2, 3),
		"one more than it has": set(3, 2),
		"flags":                set(4, 0x80),
		"key runs out":         set(5, 200),
		"data runs out":        set(9, 5),
		"bytes left over":      set(9, 3),
		"endless varint":       resum(append(bytes.Clone(good[:5]), bytes.Repeat([]byte{0xff}, 20)...)),
	} {
		if _, err := segment.Decode(b); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	for bit := range len(good) * 8 { // any single flipped bit is seen
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := segment.Decode(b); err == nil {
			t.Errorf("with bit %d flipped it decodes", bit)
		}
	}
	for n := range good {
		if _, err := segment.Decode(good[:n]); err == nil {
			t.Errorf("cut to %d bytes it decodes", n)
		}
	}
}

// FuzzDecode feeds bytes with a right checksum, so that the fuzzer reaches the records.
func FuzzDecode(f *testing.F) {
	for _, records := range [][]segment.Record{
		{{PartitionKey: "key", Data: []byte("data")}},
		{{PartitionKey: "key", ExplicitHash: &hashkey.Key{Hi: 1}}, {Data: bytes.Repeat([]byte("x"), 200)}},
	} {
		packed := segment.Encode(records)
		f.Add(packed[:len(packed)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.BigEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		records, err := segment.Decode(b)
		if err != nil {
			return
		}
		again, err := segment.Decode(segment.Encode(records))
		if err != nil || !reflect.DeepEqual(again, records) {
			t.Errorf("what was decoded does not survive a round trip: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	records := make([]segment.Record, 500)
	for i := range records {
		records[i] = segment.Record{PartitionKey: "customer-1234", Data: bytes.Repeat([]byte("x"), 100)}
	}
	b.ReportAllocs()
	b.SetBytes(500 * 113)
	for b.Loop() {
		segment.Encode(records)
	}
}

func BenchmarkDecode(b *testing.B) {
	records := make([]segment.Record, 500)
	for i := range records {
		records[i] = segment.Record{PartitionKey: "customer-1234", Data: bytes.Repeat([]byte("x"), 100)}
	}
	packed := segment.Encode(records)
	b.ReportAllocs()
	b.SetBytes(int64(len(packed)))
	for b.Loop() {
		if _, err := segment.Decode(packed); err != nil {
			b.Fatal(err)
		}
	}
}
