package boltstore

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/shardlog"
)

func anyShard(t *rapid.T) shardlog.Shard {
	return shardlog.Shard{
		StreamID: rapid.StringMatching("[0-9a-z]{1,32}").Draw(t, "id"),
		Index:    rapid.Uint32().Draw(t, "index"),
	}
}

func TestKeysOrderBySlot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shard, other := anyShard(t), anyShard(t)
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		ka, kb := slotKey(shard, a), slotKey(shard, b)
		if got, want := bytes.Compare(ka, kb), cmp.Compare(a, b); got != want {
			t.Fatalf("keys of slots %d and %d compare as %d", a, b, got)
		}
		if slot, err := decodeSlotKey(ka, shardKey(shard)); err != nil || slot != a {
			t.Fatalf("slot %d comes back as %d, %v", a, slot, err)
		}
		if back, err := decodeShardKey(shardKey(shard)); err != nil || back != shard {
			t.Fatalf("shard %v comes back as %v, %v", shard, back, err)
		}
		if shard != other && bytes.HasPrefix(slotKey(other, b), shardKey(shard)) {
			t.Fatalf("a key of %v begins as those of %v", other, shard)
		}
	})
}

func TestEntryComesBack(t *testing.T) {
	for _, size := range []int{0, 1, placeSize, maxInline - 1, maxInline, maxInline + 1, 5 << 20} {
		c := shardlog.Content{
			Nonce: shardlog.Nonce{1, 2, 15: 9}, Count: size % 513,
			Arrival: time.UnixMilli(1_700_000_000_123).UTC(), Expires: time.Unix(1_700_086_400, 0).UTC(),
		}
		want := entry{Content: c, length: size}
		c.Packed = bytes.Repeat([]byte{7, 8, 9}, size/3+1)[:size]
		raw, err := encodeEntry(c)
		if err != nil {
			t.Fatal(err)
		}
		if size > maxInline {
			if e, err := decodeEntry(raw); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d bytes without a place: %+v, %v, want ErrCorrupt", size, e, err)
			}
			want.place = place{blob: 1 << 40, offset: 15 << 20}
			setPlace(raw, want.place)
		} else {
			want.inline = c.Packed
		}
		if got, err := decodeEntry(raw); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: error %v, equal %v", size, err, reflect.DeepEqual(got, want))
		}
		if _, err := decodeEntry(raw[:len(raw)-1]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes cut short: %v, want ErrCorrupt", size, err)
		}
	}
}

func TestContentTooLarge(t *testing.T) {
	for name, c := range map[string]shardlog.Content{
		"bytes":            {Count: 1, Packed: make([]byte, maxPacked+1)},
		"records":          {Count: math.MaxUint16 + 1},
		"negative records": {Count: -1},
	} {
		if _, err := encodeEntry(c); !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	for _, size := range []int{0, placeSize, 100, maxInline, maxInline + 1} {
		raw, err := encodeEntry(shardlog.Content{Count: 3, Packed: make([]byte, size), Arrival: time.UnixMilli(1_700_000_000_000)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(raw[:len(raw)-1])
		if size > maxInline {
			setPlace(raw, place{blob: 7, offset: 9})
			f.Add(raw)
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decodeEntry(raw)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		e.Packed = e.inline
		if e.inline == nil {
			e.Packed = make([]byte, e.length)
		}
		if large := e.length > maxInline; large != (e.blob != 0) {
			return // a threshold that is not this one's
		}
		again, err := encodeEntry(e.Content)
		if err != nil {
			t.Fatal(err)
		}
		if e.blob != 0 {
			setPlace(again, e.place)
		}
		if !bytes.Equal(again, raw) {
			t.Fatalf("%x decodes to %+v, which encodes to %x", raw, e, again)
		}
	})
}

// FuzzSegments reads segments out of a blob of 100 bytes.
func FuzzSegments(f *testing.F) {
	f.Add(uint32(0), uint32(100))
	f.Add(uint32(90), uint32(11))
	f.Add(uint32(1<<32-1), uint32(1))
	f.Add(uint32(7), uint32(0))
	f.Fuzz(func(t *testing.T, offset, length uint32) {
		whole := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 20)
		reader := segments{id: 7, blob: whole}
		got, err := reader.read(entry{length: int(length), place: place{blob: 7, offset: int(offset)}})
		fits := uint64(offset)+uint64(length) <= uint64(len(whole))
		switch {
		case length == 0:
			if got != nil || err != nil {
				t.Fatalf("an empty segment is %x, %v", got, err)
			}
		case !fits && !errors.Is(err, ErrCorrupt):
			t.Fatalf("%d bytes from %d on: %v, want ErrCorrupt", length, offset, err)
		case fits && (err != nil || !bytes.Equal(got, whole[offset:][:length])):
			t.Fatalf("%d bytes from %d on: %x, %v", length, offset, got, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(slotKey(shardlog.Shard{StreamID: "a1", Index: 7}, 9))
	f.Add(shardKey(shardlog.Shard{StreamID: "a1", Index: 7}))
	f.Fuzz(func(t *testing.T, k []byte) {
		if shard, err := decodeShardKey(k); err == nil && !bytes.Equal(shardKey(shard), k) {
			t.Fatalf("%x decodes to %v", k, shard)
		}
		if len(k) < 8 {
			return
		}
		shard, err := decodeShardKey(k[:len(k)-8])
		if err != nil {
			return
		}
		slot, err := decodeSlotKey(k, shardKey(shard))
		if err != nil || !bytes.Equal(slotKey(shard, slot), k) {
			t.Fatalf("%x decodes to %v, slot %d, %v", k, shard, slot, err)
		}
	})
}
