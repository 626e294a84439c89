package dynamostore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

const (
	log0  = "log#a1#000000000000"
	slot1 = "00000000000000000001"
)

// TestItemLayout holds the items against the table in the package comment, which other releases rely on.
func TestItemLayout(t *testing.T) {
	f := open(t)
	stream := storetest.NewStream("orders", "a1", 3)
	stream.Created = time.UnixMilli(1700000000123).UTC()
	stream.RetainedSince = time.Unix(1600000000, 0)
	stream.Tags = map[string]string{"team": "red", "a": ""}
	for i := range stream.Shards {
		stream.Shards[i].Created = time.Unix(1700000000, 0).UTC()
	}
	if err := f.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	c := segmentOf(9, 3)
	c.Arrival, c.Expires = time.UnixMilli(4000000000123), time.Unix(4000086400, 0)
	filler := c
	filler.Packed, filler.Count = nil, 0
	if _, err := f.Allocate(t.Context(), stream.Shard(0), time.Unix(1700000001, 0), shardlog.Usage{Records: 7, Bytes: 300}); err != nil {
		t.Fatal(err)
	}
	for slot, content := range []shardlog.Content{c, filler} {
		f.allocate(t, stream.Shard(1), time.Unix(1700003600+int64(slot), 999_000_000)) // the first sets a mark
		if err := f.PutOnce(t.Context(), stream.Shard(1), uint64(slot+1), content); err != nil {
			t.Fatal(err)
		}
	}
	change := shardlog.Merge(stream.Shards[2], stream.Shards[1])
	change.Opening[0].Index, change.Opening[0].Created = 3, time.Unix(1700007200, 0)
	if err := f.Reshard(t.Context(), stream, change.Closing, change.Opening); err != nil {
		t.Fatal(err)
	}
	if err := f.SealShard(t.Context(), stream.Shard(1), 2); err != nil {
		t.Fatal(err)
	}
	updated := f.load(t, "orders")
	updated.Mode, updated.Retention = shardlog.OnDemand, 48*time.Hour
	if err := f.UpdateStream(t.Context(), updated); err != nil {
		t.Fatal(err)
	}

	want := []string{
		`counter#a1#000000000000 counter last=1700000001 markDue=1700003600 marks= nextSlot=2 retention=86400 state=open used=map[b1700000001:300 r1700000001:7]`,
		`counter#a1#000000000001 counter last=1700003601 markDue=1700007200 marks=0000000000000001006553f100 nextSlot=3 retention=86400 state=closed used=map[]`,
		`counter#a1#000000000002 counter last=1700000000 markDue=1700003600 marks= nextSlot=1 retention=86400 state=closed used=map[]`,
		`counter#a1#000000000003 counter last=1700007200 markDue=1700010800 marks= nextSlot=1 retention=86400 state=open used=map[]`,
		`log#a1#000000000001 00000000000000000001 arrival=4000000000123 count=7 data=09080b expires=4000086400 nonce=09010203000000000000000000000000`,
		`log#a1#000000000001 00000000000000000002 arrival=4000000000123 count=0 expires=4000086400 nonce=09010203000000000000000000000000`,
		`shards#a1 000000000000 created=1700000000 end=113427455640312821154458202477256070484 start=0 state=open`,
		`shards#a1 000000000001 closed=1700007200 created=1700000000 end=226854911280625642308916404954512140969 final=2 start=113427455640312821154458202477256070485 state=sealed`,
		`shards#a1 000000000002 closed=1700007200 created=1700000000 end=340282366920938463463374607431768211455 start=226854911280625642308916404954512140970 state=closed`,
		`shards#a1 000000000003 created=1700007200 end=340282366920938463463374607431768211455 parents=[2 1] start=113427455640312821154458202477256070485 state=open`,
		`stream#orders stream created=1700000000123 id=a1 mode=ON_DEMAND retainedSince=1600000000 retention=172800 revision=1 shards=4 status=active tags=map[a: team:red]`,
		`streams orders created=1700000000123 id=a1 mode=ON_DEMAND`,
	}
	var got []string
	for _, i := range f.items(t, "") {
		got = append(got, show(i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("items are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func show(i map[string]types.AttributeValue) string {
	s := str(i["pk"]) + " " + str(i["sk"])
	for _, name := range slices.Sorted(maps.Keys(i)) {
		switch v := i[name].(type) {
		case *types.AttributeValueMemberB:
			s += fmt.Sprintf(" %s=%x", name, v.Value)
		case *types.AttributeValueMemberL:
			var elements []string
			for _, e := range v.Value {
				elements = append(elements, str(e))
			}
			s += fmt.Sprintf(" %s=%v", name, elements)
		case *types.AttributeValueMemberM:
			elements := map[string]string{}
			for k, e := range v.Value {
				elements[k] = str(e)
			}
			s += fmt.Sprintf(" %s=%v", name, elements)
		default:
			if name != "pk" && name != "sk" {
				s += " " + name + "=" + str(v)
			}
		}
	}
	return s
}

// TestPartSizes writes segments around every size where a part begins, up to more than a PutRecords can hold.
func TestPartSizes(t *testing.T) {
	const part = 399 * 1024
	f := open(t)
	stream := f.create(t, "orders", strings.Repeat("z", 32), 1) // the longest key
	var want []shardlog.Placed
	for i, size := range []int{1, part - 1, part, part + 1, 2 * part, 2*part + 1, 5<<20 + 150_000} {
		c := segmentOf(byte(i), size)
		slot := f.append(t, stream.Shard(0), c)
		want = append(want, shardlog.Placed{Slot: slot, Content: c})
		items := f.items(t, "log#"+stream.ID+"#000000000000")
		items = slices.DeleteFunc(items, func(i map[string]types.AttributeValue) bool {
			return !strings.HasPrefix(str(i["sk"]), fmt.Sprintf("%020d", slot))
		})
		parts := (size - 1) / part
		if len(items) != 1+parts {
			t.Fatalf("%d bytes stand in %d items, want %d", size, len(items), 1+parts)
		}
		if parts > 0 && (str(items[0]["parts"]) != strconv.Itoa(parts) || str(items[0]["size"]) != strconv.Itoa(size)) {
			t.Errorf("%d bytes: parts %s, size %s", size, str(items[0]["parts"]), str(items[0]["size"]))
		}
		for n, i := range items[1:] {
			if sk := fmt.Sprintf("%020d#%02d", slot, n+1); str(i["sk"]) != sk || str(i["expires"]) != str(items[0]["expires"]) {
				t.Errorf("part %d is at %s, expires %s", n+1, str(i["sk"]), str(i["expires"]))
			}
		}
	}
	expectLog(t, f, stream.Shard(0), want)
}

func TestSegmentOfTooManyParts(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	f.spy.reset(nil)
	err := f.PutOnce(t.Context(), shard, 1, segmentOf(1, 100*399*1024+1))
	if !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("error %v, want ErrRefused", err)
	}
	if n := f.spy.total(); n != 0 {
		t.Errorf("%d requests were made for it", n)
	}
}

// TestOrphanParts: parts whose segment was never committed are passed over, whatever stands at their slot.
func TestOrphanParts(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	dead := segmentOf(66, 1_000_000)
	var want []shardlog.Placed
	for slot, commit := range []*shardlog.Content{nil, {Nonce: shardlog.Nonce{5}, Arrival: dead.Arrival, Expires: dead.Expires}, ptr(segmentOf(1, 10)), nil} {
		slot := uint64(slot + 1)
		f.spy.reset(func(n int) fault { // the parts are written, then the writer dies
			if n == 3 {
				return lost
			}
			return none
		})
		if err := f.PutOnce(t.Context(), shard, slot, dead); !errors.Is(err, errLost) {
			t.Fatalf("the writer did not die: %v", err)
		}
		f.spy.reset(nil)
		if commit != nil {
			if err := f.PutOnce(t.Context(), shard, slot, *commit); err != nil {
				t.Fatal(err)
			}
			want = append(want, shardlog.Placed{Slot: slot, Content: *commit})
		}
	}
	if n := len(f.items(t, log0)); n != 4*2+2 {
		t.Fatalf("%d items, want 10: 8 orphans and 2 segments", n)
	}
	expectLog(t, f, shard, want)
}

func ptr[T any](v T) *T { return &v }

// TestOnlyOrphans: a log of nothing but orphans is empty, though it fills several answers of DynamoDB.
func TestOnlyOrphans(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	if err := f.PutOnce(t.Context(), shard, 1, segmentOf(1, 3_000_000)); err != nil {
		t.Fatal(err)
	}
	f.remove(t, log0, slot1)
	expectLog(t, f, shard, nil)
}

// TestForeignParts: parts of another writer are neither overwritten nor joined.
func TestForeignParts(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	first := segmentOf(1, 1_000_000)
	if err := f.PutOnce(t.Context(), shard, 1, first); err != nil {
		t.Fatal(err)
	}
	var taken *shardlog.SlotTakenError
	if err := f.PutOnce(t.Context(), shard, 1, segmentOf(2, 900_000)); !errors.As(err, &taken) || taken.Existing.Nonce != first.Nonce || taken.Existing.Count != first.Count {
		t.Fatalf("second writer: %v, want a SlotTakenError that names the first", err)
	}
	if err := f.PutOnce(t.Context(), shard, 1, first); !errors.As(err, &taken) || taken.Existing.Nonce != first.Nonce {
		t.Fatalf("first writer again: %v, want a SlotTakenError that names itself", err)
	}
	expectLog(t, f, shard, []shardlog.Placed{{Slot: 1, Content: first}})

	f.remove(t, log0, slot1)
	if err := f.PutOnce(t.Context(), shard, 1, segmentOf(2, 900_000)); !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("over orphans of another writer: %v, want ErrRefused", err)
	}
	expectLog(t, f, shard, nil)
}

// TestDamagedParts: a segment whose parts are not as it left them is never returned, and what stands before it is.
func TestDamagedParts(t *testing.T) {
	part := func(n int) string { return fmt.Sprintf("%s#%02d", "00000000000000000002", n) }
	for name, damage := range map[string]func(t *testing.T, f fixture, items map[string]map[string]types.AttributeValue){
		"first missing": func(t *testing.T, f fixture, _ map[string]map[string]types.AttributeValue) {
			f.remove(t, log0, part(1))
		},
		"middle missing": func(t *testing.T, f fixture, _ map[string]map[string]types.AttributeValue) {
			f.remove(t, log0, part(2))
		},
		"last missing": func(t *testing.T, f fixture, _ map[string]map[string]types.AttributeValue) {
			f.remove(t, log0, part(4))
		},
		"other writer": func(t *testing.T, f fixture, items map[string]map[string]types.AttributeValue) {
			i := items[part(3)]
			i["nonce"] = &types.AttributeValueMemberB{Value: make([]byte, 16)}
			f.put(t, i)
		},
		"shorter": func(t *testing.T, f fixture, items map[string]map[string]types.AttributeValue) {
			i := items[part(4)]
			i["data"] = &types.AttributeValueMemberB{Value: []byte{1}}
			f.put(t, i)
		},
		"absurd": func(t *testing.T, f fixture, items map[string]map[string]types.AttributeValue) {
			i := items["00000000000000000002"]
			i["size"] = &types.AttributeValueMemberN{Value: "9000000000000000000"}
			f.put(t, i)
		},
	} {
		for _, next := range []bool{false, true} { // whether a segment follows
			t.Run(fmt.Sprintf("%s, next %v", name, next), func(t *testing.T) {
				f := open(t)
				shard := f.create(t, "orders", "a1", 1).Shard(0)
				before := segmentOf(1, 100)
				f.append(t, shard, before)
				f.append(t, shard, segmentOf(2, 1_900_000))
				if next {
					f.append(t, shard, segmentOf(3, 100))
				}
				items := map[string]map[string]types.AttributeValue{}
				for _, i := range f.items(t, log0) {
					items[str(i["sk"])] = i
				}
				damage(t, f, items)
				page, err := f.Scan(t.Context(), shard, 1, 10<<20)
				if err != nil || len(page.Contents) != 1 || !page.More || !bytes.Equal(page.Contents[0].Packed, before.Packed) {
					t.Errorf("from the start: %d contents, more %v, error %v; want what stands before the damage", len(page.Contents), page.More, err)
				}
				if page, err := f.Scan(t.Context(), shard, 2, 10<<20); err == nil {
					t.Errorf("at the damage: %d contents, no error", len(page.Contents))
				}
			})
		}
	}
}

// TestExpired: expired content is returned as long as it stands, even in part, so that a reader passes its slot.
func TestExpired(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	small, large, after := segmentOf(1, 100), segmentOf(2, 1_000_000), segmentOf(3, 100)
	small.Expires, large.Expires = time.Unix(1, 0).UTC(), time.Unix(1, 0).UTC() // too long ago for DynamoDB to drop
	for _, c := range []shardlog.Content{small, large, after} {
		f.append(t, shard, c)
	}
	want := []shardlog.Placed{{Slot: 1, Content: small}, {Slot: 2, Content: large}, {Slot: 3, Content: after}}
	expectLog(t, f, shard, want)
	f.remove(t, log0, "00000000000000000002#02")
	want[1].Packed = nil
	expectLog(t, f, shard, want)
	f.remove(t, log0, "00000000000000000003")
	expectLog(t, f, shard, want[:2])
}

// expectLog pages through a shard with pages of several sizes.
func expectLog(t *testing.T, f fixture, shard shardlog.Shard, want []shardlog.Placed) {
	t.Helper()
	for _, maxBytes := range []int{1, 450_000, 64 << 20} {
		var got []shardlog.Placed
		for from, more := uint64(1), true; more; {
			page, err := f.Scan(t.Context(), shard, from, maxBytes)
			if err != nil {
				t.Fatalf("scan from %d: %v", from, err)
			}
			got = append(got, page.Contents...)
			if more = page.More; more {
				from = got[len(got)-1].Slot + 1
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d contents, want %d", len(got), len(want))
		}
		for i := range want {
			g, w := got[i], want[i]
			if g.Slot != w.Slot || g.Nonce != w.Nonce || g.Count != w.Count || !g.Expires.Equal(w.Expires) || !bytes.Equal(g.Packed, w.Packed) {
				t.Fatalf("content %d: slot %d nonce %x, %d bytes; want slot %d nonce %x, %d bytes, the same ones", i, g.Slot, g.Nonce, len(g.Packed), w.Slot, w.Nonce, len(w.Packed))
			}
		}
	}
}
