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

	"millrace/pkg/journal"
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

func anyContent(t *rapid.T) shardlog.Content {
	return shardlog.Content{
		Nonce: shardlog.Nonce(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "nonce")), Count: rapid.IntRange(0, 1<<16-1).Draw(t, "count"),
		Arrival: time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "arrival")).UTC(),
		Expires: time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "expires"), 0).UTC(),
	}
}

func TestEntryComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := entry{Content: anyContent(t), length: rapid.IntRange(0, maxPacked).Draw(t, "length")}
		if want.length > 0 {
			want.place = journal.Place{File: rapid.Uint64Min(1).Draw(t, "file"), Offset: rapid.Int64Min(0).Draw(t, "offset")}
		}
		raw := encodeEntry(want)
		if got, err := decodeEntry(raw); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v comes back as %+v, %v", want, got, err)
		}
		if _, err := decodeEntry(raw[:len(raw)-1]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut short: %v, want ErrCorrupt", err)
		}
	})
}

// TestJournaledComesBack has records of each kind written to a journal and read from it.
func TestJournaledComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := journaled{shard: anyShard(t), kind: rapid.SampledFrom([]byte{kindCounter, kindContent, kindMove}).Draw(t, "kind")}
		segment := rapid.SliceOfN(rapid.Byte(), map[bool]int{true: 1}[want.kind == kindMove], 100).Draw(t, "segment")
		var r journal.Record
		switch want.kind {
		case kindCounter:
			want.counter = encodeCounter(shardlog.NewCounter(time.Unix(1_700_000_000, 0), time.Hour))
			r = counterRecord(want.shard, want.counter)
		case kindContent:
			want.slot, want.Content, want.length = rapid.Uint64().Draw(t, "slot"), anyContent(t), len(segment)
			c := want.Content
			c.Packed = segment
			r = contentRecord(want.shard, want.slot, c)
		case kindMove:
			want.slot, want.old, want.length = rapid.Uint64().Draw(t, "slot"), journal.Place{File: 7, Offset: 99}, len(segment)
			r = moveRecord(want.shard, want.slot, want.old, segment)
		}
		r.Place = journal.Place{File: 3, Offset: 1000}
		whole := append(bytes.Clone(r.Head), r.Body...)
		if want.kind != kindCounter {
			want.place = placeOf(&r)
		}
		if got, err := decodeJournaled(r.Place, whole); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v comes back as %+v, %v", want, got, err)
		}
		if want.length > 0 && !bytes.Equal(whole[want.place.Offset-1000:], segment) {
			t.Fatalf("the segment stands %d bytes on", want.place.Offset-1000)
		}
		if _, err := decodeJournaled(r.Place, whole[:len(r.Head)-1]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut short: %v, want ErrCorrupt", err)
		}
	})
}

func TestContentTooLarge(t *testing.T) {
	for name, c := range map[string]shardlog.Content{
		"bytes":            {Count: 1, Packed: make([]byte, maxPacked+1)},
		"records":          {Count: math.MaxUint16 + 1},
		"negative records": {Count: -1},
	} {
		if err := checkContent(c); !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func FuzzEntry(f *testing.F) {
	for _, e := range []entry{{}, {length: 100, place: journal.Place{File: 1, Offset: 24}}} {
		e.Arrival, e.Expires = time.UnixMilli(1_700_000_000_000), time.Unix(1_700_000_000, 0)
		f.Add(encodeEntry(e))
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
		if again := encodeEntry(e); !bytes.Equal(again, raw) {
			t.Fatalf("%x decodes to %+v, which encodes to %x", raw, e, again)
		}
	})
}

func FuzzJournaled(f *testing.F) {
	shard, c := shardlog.Shard{StreamID: "a1", Index: 7}, shardlog.Content{Packed: []byte("segment"), Count: 3, Arrival: time.UnixMilli(1_700_000_000_000)}
	for _, r := range []journal.Record{
		counterRecord(shard, encodeCounter(shardlog.NewCounter(time.Unix(1_700_000_000, 0), time.Hour))), contentRecord(shard, 9, c),
		contentRecord(shard, 9, shardlog.Content{}), moveRecord(shard, 9, journal.Place{File: 1, Offset: 24}, c.Packed),
	} {
		f.Add(append(bytes.Clone(r.Head), r.Body...))
	}
	f.Add([]byte{kindContent, 255, 'a'})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := decodeJournaled(journal.Place{File: 1, Offset: 24}, raw)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		segment := raw[len(raw)-r.length:]
		r.Packed = segment
		var again journal.Record
		switch r.kind {
		case kindCounter:
			again = counterRecord(r.shard, r.counter)
		case kindContent:
			again = contentRecord(r.shard, r.slot, r.Content)
		case kindMove:
			again = moveRecord(r.shard, r.slot, r.old, segment)
		}
		if !bytes.Equal(append(again.Head, again.Body...), raw) {
			t.Fatalf("%x decodes to %+v, which encodes to %x and %x", raw, r, again.Head, again.Body)
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
