package boltstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

func TestCounterComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "created"), 0)
		c := shardlog.NewCounter(now, time.Duration(rapid.Int64Range(0, 8760*3600).Draw(t, "retention"))*time.Second)
		for range rapid.IntRange(0, 200).Draw(t, "allocations") {
			now = now.Add(time.Duration(rapid.Int64Range(-30, 200_000).Draw(t, "later")) * time.Second)
			c = c.Allocate(now)
			c.Next += rapid.Uint64Range(0, 1_000_000).Draw(t, "others")
		}
		c.Open = rapid.Bool().Draw(t, "open")
		raw := encodeCounter(c)
		if got, err := decodeCounter(raw); err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v comes back as %+v, %v", c, got, err)
		}
		if most := 24 + 9*len(c.Marks); len(raw) > most {
			t.Fatalf("a counter with %d marks takes %d bytes, want at most %d", len(c.Marks), len(raw), most)
		}
	})
}

func TestCorruptCounter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	whole := encodeCounter(shardlog.NewCounter(now, 24*time.Hour).Allocate(now.Add(5 * time.Hour)))
	changed := func(i int, b byte) []byte {
		raw := bytes.Clone(whole)
		raw[i] = b
		return raw
	}
	for name, raw := range map[string][]byte{
		"empty":                 {},
		"cut":                   whole[:len(whole)-1],
		"later version":         changed(0, recordVersion+1),
		"unknown state":         changed(1, 3),
		"next slot 0":           changed(2, 0),
		"retention of 584 e":    append([]byte{recordVersion, stateOpen, 1}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0),
		"number of 11 bytes":    append(bytes.Clone(whole), bytes.Repeat([]byte{0xff}, 10)...),
		"mark without its time": append(bytes.Clone(whole), 2),
	} {
		if c, err := decodeCounter(raw); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %+v, %v, want ErrCorrupt", name, c, err)
		}
	}
}

func FuzzCounter(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	c := shardlog.NewCounter(now, 24*time.Hour)
	f.Add(encodeCounter(c))
	for range 5 {
		now = now.Add(2 * time.Hour)
		c = c.Allocate(now)
	}
	f.Add(encodeCounter(c))
	f.Add(encodeCounter(shardlog.Counter{Next: math.MaxUint64}))
	f.Add([]byte{2, 1, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCounter(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		if back, err := decodeCounter(encodeCounter(c)); err != nil || !reflect.DeepEqual(back, c) {
			t.Fatalf("%x decodes to %+v, which comes back as %+v, %v", b, c, back, err)
		}
	})
}

func FuzzStream(f *testing.F) {
	r := streamRecord{ID: "a1", Created: time.Unix(1_700_000_000, 0), Revision: 3}
	r.set(shardlog.Settings{
		Retention: 24 * time.Hour, RetainedSince: time.Unix(1_700_000_000, 0), Mode: shardlog.OnDemand, Tags: map[string]string{"team": "a"},
	})
	raw, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"id":"A"}`))
	f.Add([]byte(`{"id":"a","created":"9999-12-31T23:59:59-01:00","tags":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeStream(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeStream(again); err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%+v comes back as %+v, %v", r, back, err)
		}
	})
}

func FuzzShard(f *testing.F) {
	raw, err := encodeShard(shardlog.ShardInfo{
		Keys: hashkey.Range{End: hashkey.Max()}, Created: time.Unix(1_700_000_000, 0), Parents: []uint32{4, 2},
		Closed: time.Unix(1_700_000_100, 0), Sealed: true, Final: math.MaxUint64,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"start":"0","end":"-1"}`))
	f.Add([]byte(`{"start":"0","end":"1","parents":[],"closed":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeShard(3, b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v is not ErrCorrupt", err)
			}
			return
		}
		again, err := encodeShard(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeShard(3, again); err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v comes back as %+v, %v", s, back, err)
		}
	})
}
