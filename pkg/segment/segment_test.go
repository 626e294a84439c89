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

func unpack(b []byte) ([]segment.Record, error) { return new(segment.Packer).Unpack(b) }

// sum puts the right checksum behind a body.
func sum(body []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecords(t)
		got, err := unpack(segment.Encode(want))
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
	if want := sum(raw); !bytes.Equal(got, want) {
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
	got, err := unpack(packed)
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

func TestUnpackRefuses(t *testing.T) {
	good := segment.Encode([]segment.Record{{PartitionKey: "key", Data: []byte("data")}})
	resum := func(b []byte) []byte { return sum(b[:len(b)-4]) }
	set := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return resum(b)
	}
	var version segment.VersionError
	if _, err := unpack(set(0, 2)); !errors.As(err, &version) || version != 2 || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("version 2: %v", err)
	}
	var codec segment.CodecError
	if _, err := unpack(set(1, 7)); !errors.As(err, &codec) || codec != 7 || !strings.Contains(err.Error(), "codec 7") {
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
		if _, err := unpack(b); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// TestDamageIsSeen: any single flipped bit, and any missing end, be the segment compressed or not.
func TestDamageIsSeen(t *testing.T) {
	packer := segment.Packer{Compress: true}
	for _, good := range [][]byte{
		packer.Pack([]segment.Record{{PartitionKey: "key", Data: []byte("data")}}),
		packer.Pack(orders(10, 100)),
	} {
		if _, err := packer.Unpack(good); err != nil {
			t.Fatal(err)
		}
		for bit := range len(good) * 8 {
			b := bytes.Clone(good)
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := packer.Unpack(b); err == nil {
				t.Errorf("codec %d: with bit %d flipped it unpacks", good[1], bit)
			}
		}
		for n := range good {
			if _, err := packer.Unpack(good[:n]); err == nil {
				t.Errorf("codec %d: cut to %d bytes it unpacks", good[1], n)
			}
		}
	}
}

// FuzzUnpack feeds bytes with a right checksum, so that the fuzzer reaches the records.
func FuzzUnpack(f *testing.F) {
	packer := segment.Packer{Compress: true}
	for _, records := range [][]segment.Record{
		{{PartitionKey: "key", Data: []byte("data")}},
		{{PartitionKey: "key", ExplicitHash: &hashkey.Key{Hi: 1}}, {Data: bytes.Repeat([]byte("x"), 200)}},
		{{PartitionKey: "key", Data: bytes.Repeat([]byte("x"), 300_000)}},
		orders(20, 100),
	} {
		packed := packer.Pack(records)
		f.Add(packed[:len(packed)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := packer.Unpack(sum(body))
		if err != nil {
			return
		}
		again, err := packer.Unpack(packer.Pack(records))
		if err != nil || !reflect.DeepEqual(again, records) {
			t.Errorf("what was unpacked does not survive a round trip: %v", err)
		}
	})
}

// TestHashKeys: together records have the keys that they have each by itself.
func TestHashKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t)
		for i, key := range segment.HashKeys(records) {
			if want := records[i].HashKey(); key != want {
				t.Fatalf("of %d records, the hash key of number %d is %s; want %s", len(records), i, key, want)
			}
		}
	})
}
