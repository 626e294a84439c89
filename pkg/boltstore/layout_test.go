package boltstore

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
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
		pa, pb := rapid.IntRange(0, math.MaxUint16).Draw(t, "pa"), rapid.IntRange(0, math.MaxUint16).Draw(t, "pb")
		ka, kb := slotKey(shard, a, pa), slotKey(shard, b, pb)
		if got, want := bytes.Compare(ka, kb), slices.Compare([]uint64{a, uint64(pa)}, []uint64{b, uint64(pb)}); got != want {
			t.Fatalf("keys of slots %d/%d and %d/%d compare as %d", a, pa, b, pb, got)
		}
		slot, piece, err := decodeSlotKey(ka, shardKey(shard))
		if err != nil || slot != a || piece != pa {
			t.Fatalf("slot %d piece %d comes back as %d, %d, %v", a, pa, slot, piece, err)
		}
		if back, err := decodeShardKey(shardKey(shard)); err != nil || back != shard {
			t.Fatalf("shard %v comes back as %v, %v", shard, back, err)
		}
		if shard != other && bytes.HasPrefix(slotKey(other, b, pb), shardKey(shard)) {
			t.Fatalf("a key of %v begins as those of %v", other, shard)
		}
	})
}

// cut cuts a content as a put does and returns its first key and value, and the others one by one.
func cut(shard shardlog.Shard, slot uint64, value []byte) (k, v []byte, following func() (k, v []byte)) {
	parts, n := slices.Collect(slices.Chunk(value, pieceSize)), 0
	following = func() ([]byte, []byte) {
		n++
		if n >= len(parts) {
			return nil, nil
		}
		return slotKey(shard, slot, n), parts[n]
	}
	if len(parts) == 0 {
		return slotKey(shard, slot, 0), nil, following
	}
	return slotKey(shard, slot, 0), parts[0], following
}

func TestContentComesBack(t *testing.T) {
	shard := shardlog.Shard{StreamID: "a1", Index: 7}
	for _, size := range []int{0, 1, pieceSize - headSize - 1, pieceSize - headSize, pieceSize - headSize + 1, 2*pieceSize - headSize, 5 << 20} {
		want := shardlog.Content{
			Nonce: shardlog.Nonce{1, 2, 15: 9}, Count: size % 513,
			Arrival: time.UnixMilli(1_700_000_000_123).UTC(), Expires: time.Unix(1_700_086_400, 0).UTC(),
		}
		if size > 0 {
			want.Packed = bytes.Repeat([]byte{7, 8, 9}, size/3+1)[:size]
		}
		value, err := encodeContent(want)
		if err != nil {
			t.Fatal(err)
		}
		k, v, following := cut(shard, 5, value)
		slot, got, err := readContent(k, v, shardKey(shard), following)
		if n := len(slices.Collect(slices.Chunk(value, pieceSize))); n != pieces(size) {
			t.Errorf("%d bytes take %d pieces, expected %d", size, n, pieces(size))
		}
		if err != nil || slot != 5 || !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: slot %d, error %v, equal %v", size, slot, err, reflect.DeepEqual(got, want))
		}
		if len(value) <= pieceSize {
			continue
		}
		k, v, _ = cut(shard, 5, value)
		if _, _, err := readContent(k, v, shardKey(shard), func() (k, v []byte) { return nil, nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes without their second piece: %v, want ErrCorrupt", size, err)
		}
	}
}

func TestContentTooLarge(t *testing.T) {
	for name, c := range map[string]shardlog.Content{
		"bytes":            {Count: 1, Packed: make([]byte, maxPacked+1)},
		"records":          {Count: math.MaxUint16 + 1},
		"negative records": {Count: -1},
	} {
		if _, err := encodeContent(c); !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func FuzzContent(f *testing.F) {
	shard := shardlog.Shard{StreamID: "a1", Index: 7}
	for _, size := range []int{0, 100, pieceSize - headSize, pieceSize, 3 * pieceSize} {
		value, err := encodeContent(shardlog.Content{Count: 3, Packed: make([]byte, size), Arrival: time.UnixMilli(1_700_000_000_000)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(value[:len(value)-1])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		k, v, following := cut(shard, 5, value)
		_, c, err := readContent(k, v, shardKey(shard), following)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		again, err := encodeContent(c)
		if err != nil {
			t.Fatal(err)
		}
		// Bytes after the segment would be the next slot's, and are not read.
		if !bytes.Equal(again, value[:len(again)]) {
			t.Fatalf("%x decodes to %+v, which encodes to %x", value, c, again)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(slotKey(shardlog.Shard{StreamID: "a1", Index: 7}, 9, 1))
	f.Add(shardKey(shardlog.Shard{StreamID: "a1", Index: 7}))
	f.Fuzz(func(t *testing.T, k []byte) {
		if shard, err := decodeShardKey(k); err == nil && !bytes.Equal(shardKey(shard), k) {
			t.Fatalf("%x decodes to %v", k, shard)
		}
		if len(k) < 10 {
			return
		}
		shard, err := decodeShardKey(k[:len(k)-10])
		if err != nil {
			return
		}
		slot, piece, err := decodeSlotKey(k, shardKey(shard))
		if err != nil || !bytes.Equal(slotKey(shard, slot, piece), k) {
			t.Fatalf("%x decodes to %v, slot %d, piece %d, %v", k, shard, slot, piece, err)
		}
	})
}
