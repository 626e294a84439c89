package dynamostore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

func FuzzParseLogSK(f *testing.F) {
	for _, seed := range []string{slotSK(1), partSK(1, 1), partSK(1<<64-1, 99), "", "#01", slotSK(1) + "#00", slotSK(1) + "#", "+0000000000000000001", slotSK(1) + "#+1", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sk string) {
		slot, part, err := parseLogSK(sk)
		if err != nil {
			if !errors.Is(err, errItem) {
				t.Fatalf("%q: error %v does not wrap errItem", sk, err)
			}
			return
		}
		again := slotSK(slot)
		if part > 0 {
			again = partSK(slot, part)
		}
		if again != sk {
			t.Fatalf("%q is read as slot %d part %d, which is written %q", sk, slot, part, again)
		}
	})
}

// TestKeysSort: keys have the order of the slots, a segment item before its parts, and those before the next slot.
func TestKeysSort(t *testing.T) {
	var keys []string
	for _, slot := range []uint64{0, 1, 9, 10, 99, 1 << 55, 1<<64 - 1} {
		keys = append(keys, slotSK(slot), partSK(slot, 1), partSK(slot, 9), partSK(slot, 10), partSK(slot, maxParts))
	}
	if !slices.IsSorted(keys) {
		t.Errorf("keys do not sort: %q", keys)
	}
}

// TestItemsFit holds partSize against DynamoDB's way to count: names and values of all attributes, numbers taken as text at most.
func TestItemsFit(t *testing.T) {
	shard := shardlog.Shard{StreamID: strings.Repeat("z", 32), Index: 1<<32 - 1}
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	c := shardlog.Content{Packed: make([]byte, (maxParts+1)*partSize), Count: 512, Arrival: far, Expires: far}
	first, parts, err := layOut(shard, 1<<64-1, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range append(parts, first) {
		if size := sizeOf(i, func(digits int) int { return digits }); size > 400*1024 {
			t.Fatalf("item %v has %d bytes", i[attrSK], size)
		}
	}
}

// sizeOf counts an item's bytes as DynamoDB does, with numbers by their digits.
func sizeOf(i item, ofNumber func(digits int) int) int {
	size := 0
	for name, v := range i {
		size += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += ofNumber(len(v.Value))
		case *types.AttributeValueMemberB:
			size += len(v.Value)
		case *types.AttributeValueMemberM:
			size += 3 + len(v.Value) + sizeOf(v.Value, ofNumber)
		}
	}
	return size
}

// TestCountersCostOneUnit: whatever a shard lives through, its counter fits 1 KB, and is read back as it was.
func TestCountersCostOneUnit(t *testing.T) {
	shard := shardlog.Shard{StreamID: strings.Repeat("z", 32), Index: 1<<32 - 1}
	const mostMarks = 49
	numberSize := func(digits int) int { return (digits+1)/2 + 1 }
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_600_000_000, 9_000_000_000).Draw(t, "start"), 0)
		c := shardlog.NewCounter(now, 8760*time.Hour)
		c.Next = 1<<55 - 1000
		for range rapid.IntRange(0, 200).Draw(t, "allocations") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(300*time.Hour)).Draw(t, "wait")))
			c, _ = c.Charge(now, shardlog.Usage{Records: rapid.IntRange(0, 2000).Draw(t, "records"), Bytes: rapid.IntRange(0, 1<<20+256).Draw(t, "bytes")})
			c = c.Allocate(now)
			if rapid.IntRange(0, 20).Draw(t, "change") == 0 {
				c.Retention = time.Duration(rapid.Int64Range(24, 8760).Draw(t, "retention")) * time.Hour
			}
		}
		c.Open = rapid.Bool().Draw(t, "open")
		i := counterItem(shard, c)
		if size := sizeOf(i, numberSize); size > 1024 || len(c.Marks) > mostMarks {
			t.Fatalf("%d marks, %d bytes", len(c.Marks), size)
		}
		got, err := readCounter(i)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("read %+v, error %v, want %+v", got, err, c)
		}
	})
	largest := shardlog.NewCounter(time.Unix(9_000_000_000, 0), 8760*time.Hour)
	largest.Open, largest.Next = false, 1<<55-1
	largest.Marks = make([]shardlog.Mark, mostMarks)
	for n := range mostWindows {
		usage := shardlog.Usage{Records: 999, Bytes: 1<<20 + 256}
		largest.Windows = append(largest.Windows, shardlog.Window{Second: time.Unix(9_000_000_000+int64(n), 0), Usage: usage})
	}
	if size := sizeOf(counterItem(shard, largest), numberSize); size != 772+231 {
		t.Errorf("the largest counter has %d bytes, want 772 + 231 as counterItem counts them", size)
	}
}

func FuzzReadUsed(f *testing.F) {
	f.Add("r1700000000", "7", "b1700000000", "300")
	f.Add("b1700000000", "7", "b1700000001", "300")
	f.Add("r", "", "r+1", "1")
	f.Add("r0", "-1", "b0", "1e3")
	f.Fuzz(func(t *testing.T, name, n, other, m string) {
		v := &types.AttributeValueMemberM{Value: item{
			name: &types.AttributeValueMemberN{Value: n}, other: &types.AttributeValueMemberN{Value: m},
		}}
		windows, err := readUsed(v)
		if err != nil {
			if !errors.Is(err, errItem) {
				t.Fatal(err)
			}
			return
		}
		if again, err := readUsed(used(windows)); err != nil || !reflect.DeepEqual(again, windows) || len(windows) != 1 {
			t.Fatalf("%+v of %v, then %+v, %v", windows, v.Value, again, err)
		}
	})
}

func FuzzUnpackMarks(f *testing.F) {
	f.Add([]byte{})
	f.Add(packMarks([]shardlog.Mark{{Slot: 1, Before: time.Unix(1, 0)}, {Slot: 1<<64 - 1, Before: time.Unix(-1, 0)}}))
	f.Add(make([]byte, markSize+1))
	f.Fuzz(func(t *testing.T, packed []byte) {
		marks, err := unpackMarks(packed)
		if err != nil {
			if !errors.Is(err, errItem) || len(packed)%markSize == 0 {
				t.Fatalf("%d bytes: %v", len(packed), err)
			}
			return
		}
		if again := packMarks(marks); !bytes.Equal(again, packed) {
			t.Fatalf("%x is read as %v, which is written %x", packed, marks, again)
		}
	})
}

func anyKey(t *rapid.T, name string) hashkey.Key {
	return hashkey.Key{Hi: rapid.Uint64().Draw(t, name+" hi"), Lo: rapid.Uint64().Draw(t, name+" lo")}
}

func TestItemsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.Int64Range(0, 1<<36-1)
		stream := shardlog.Stream{
			Name:    rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_.-]{0,127}`).Draw(t, "name"),
			ID:      rapid.StringMatching(`[0-9a-z]{1,32}`).Draw(t, "id"),
			Created: time.UnixMilli(rapid.Int64Range(0, 1<<46).Draw(t, "created")).UTC(),
			Settings: shardlog.Settings{
				Retention: time.Duration(rapid.Int64Range(0, 1<<32).Draw(t, "retention")) * time.Second,
				Mode:      rapid.SampledFrom([]shardlog.Mode{shardlog.Provisioned, shardlog.OnDemand}).Draw(t, "mode"),
				Tags:      rapid.MapOfN(rapid.String(), rapid.String(), 1, 50).Draw(t, "tags"),
			},
			Revision: uint64(rapid.Int64Range(0, 1<<62).Draw(t, "revision")),
		}
		if rapid.Bool().Draw(t, "extended") {
			stream.RetainedSince = time.Unix(rapid.Int64Range(1, 1<<36).Draw(t, "retained since"), 0).UTC()
		}
		if rapid.Bool().Draw(t, "untagged") {
			stream.Tags = nil
		}
		head, err := readStream(stream.Name, streamItem(stream))
		if err != nil || !reflect.DeepEqual(head.Stream, stream) || head.status != statusActive || head.shards != 0 {
			t.Fatalf("read %+v, error %v, want %+v", head, err, stream)
		}
		listed := shardlog.Stream{Name: stream.Name, ID: stream.ID, Created: stream.Created, Settings: shardlog.Settings{Mode: stream.Mode}}
		if got, err := readName(nameItem(stream)); err != nil || !reflect.DeepEqual(got, listed) {
			t.Fatalf("name read as %+v, error %v, want %+v", got, err, listed)
		}
		info := shardlog.ShardInfo{
			Index:   rapid.Uint32().Draw(t, "index"),
			Keys:    hashkey.Range{Start: anyKey(t, "start"), End: anyKey(t, "end")},
			Created: time.Unix(second.Draw(t, "shard created"), 0).UTC(),
		}
		if n := rapid.IntRange(0, 2).Draw(t, "parents"); n > 0 {
			info.Parents = rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "parent")
		}
		if rapid.Bool().Draw(t, "is closed") {
			info.Closed = time.Unix(second.Draw(t, "closed"), 0).UTC()
			if info.Sealed = rapid.Bool().Draw(t, "is sealed"); info.Sealed {
				info.Final = uint64(rapid.Int64Range(0, 1<<55).Draw(t, "final"))
			}
		}
		if got, err := readShard(shardItem(stream, info)); err != nil || !reflect.DeepEqual(got, info) {
			t.Fatalf("read %+v, error %v, want %+v", got, err, info)
		}
		c := shardlog.Content{
			Nonce:   shardlog.Nonce(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "nonce")),
			Packed:  make([]byte, rapid.IntRange(1, 3*partSize).Draw(t, "size")),
			Count:   rapid.IntRange(1, 512).Draw(t, "count"),
			Arrival: time.UnixMilli(rapid.Int64Range(0, 1<<46).Draw(t, "arrival")).UTC(),
			Expires: time.Unix(second.Draw(t, "expires"), 0).UTC(),
		}
		c.Packed[len(c.Packed)-1] = 1
		slot := rapid.Uint64().Draw(t, "slot")
		first, parts, err := layOut(stream.Shard(info.Index), slot, c)
		if err != nil {
			t.Fatal(err)
		}
		a := assembly{maxBytes: 1}
		if err := a.take(append([]item{first}, parts...), true); err != nil || len(a.contents) != 1 {
			t.Fatalf("%d contents, error %v", len(a.contents), err)
		}
		got := a.contents[0]
		if got.Slot != slot || got.Nonce != c.Nonce || got.Count != c.Count || got.Arrival != c.Arrival || got.Expires != c.Expires || !bytes.Equal(got.Packed, c.Packed) {
			t.Fatal("content differs from what was laid out")
		}
	})
}

func anyValue(t *rapid.T, name string) types.AttributeValue {
	switch rapid.IntRange(0, 4).Draw(t, name+" kind") {
	case 0:
		return nil
	case 1:
		return text(rapid.String().Draw(t, name))
	case 2:
		return &types.AttributeValueMemberN{Value: rapid.SampledFrom([]string{"0", "1", "-1", "2", "5", "1e3", "9223372036854775807", "99999999999999999999"}).Draw(t, name)}
	case 3:
		return bin(rapid.SliceOfN(rapid.Byte(), 0, 17).Draw(t, name))
	default:
		return &types.AttributeValueMemberNULL{Value: true}
	}
}

// TestForeignItems: whatever items a table holds, they give an error or a content, and never a panic.
func TestForeignItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := assembly{maxBytes: 100}
		nonce := shardlog.Nonce{1}
		for n := range rapid.IntRange(1, 5).Draw(t, "items") {
			i := item{attrNonce: bin(nonce[:]), attrCount: number(1), attrArrival: number(1), attrExpires: number(1 << 40), attrData: bin([]byte{1}), attrParts: number(1), attrSize: number(2)}
			i[attrSK] = text(rapid.SampledFrom([]string{slotSK(1), slotSK(2), partSK(1, 1), partSK(2, 1), partSK(1, 2), "x"}).Draw(t, "sk"))
			if rapid.Bool().Draw(t, "foreign") {
				name := rapid.SampledFrom([]string{attrSK, attrNonce, attrCount, attrArrival, attrExpires, attrData, attrParts, attrSize}).Draw(t, "attribute")
				i[name] = anyValue(t, name)
			}
			err := a.take([]item{i}, n == 4)
			if err != nil && !errors.Is(err, errItem) && !errors.Is(err, errFull) {
				t.Fatalf("error %v is of no known kind", err)
			}
			if err != nil {
				return
			}
		}
	})
}

func TestForeignStreamAndShard(t *testing.T) {
	stream := shardlog.Stream{Name: "orders", ID: "a1"}
	closed := shardlog.ShardInfo{Parents: []uint32{1}, Closed: time.Unix(1, 0), Sealed: true}
	fraction := &types.AttributeValueMemberN{Value: "1.5"}
	for name, change := range map[string]struct {
		attr  string
		value types.AttributeValue
	}{
		"no id":              {attrID, nil},
		"created as text":    {attrCreated, text("1")},
		"fraction":           {attrCreated, fraction},
		"no start":           {attrStart, nil},
		"end too large":      {attrEnd, text("340282366920938463463374607431768211456")},
		"unknown state":      {attrState, text("frozen")},
		"no closed":          {attrClosed, nil},
		"no final":           {attrFinal, nil},
		"parents as text":    {attrParents, text("1")},
		"parent as text":     {attrParents, &types.AttributeValueMemberL{Value: []types.AttributeValue{text("1")}}},
		"parent as fraction": {attrParents, &types.AttributeValueMemberL{Value: []types.AttributeValue{fraction}}},
		"tags as text":       {attrTags, text("1")},
		"tag as number":      {attrTags, &types.AttributeValueMemberM{Value: item{"a": number(1)}}},
		"no revision":        {attrRevision, nil},
		"no mode":            {attrMode, nil},
		"no mark due":        {attrMarkDue, nil},
		"half a mark":        {attrMarks, bin(make([]byte, markSize+1))},
		"marks as text":      {attrMarks, text("1")},
	} {
		t.Run(name, func(t *testing.T) {
			held := false
			for what, read := range map[string]struct {
				item item
				read func(item) error
			}{
				"stream":  {streamItem(stream), func(i item) error { _, err := readStream("orders", i); return err }},
				"name":    {nameItem(stream), func(i item) error { _, err := readName(i); return err }},
				"shard":   {shardItem(stream, closed), func(i item) error { _, err := readShard(i); return err }},
				"counter": {counterItem(stream.Shard(0), shardlog.Counter{}), func(i item) error { _, err := readCounter(i); return err }},
			} {
				if err := read.read(read.item); err != nil {
					t.Fatalf("%s as it is written: %v", what, err)
				}
				if _, ok := read.item[change.attr]; !ok {
					continue
				}
				held = true
				read.item[change.attr] = change.value
				if err := read.read(read.item); !errors.Is(err, errItem) {
					t.Errorf("%s: error %v, want errItem", what, err)
				}
			}
			if !held {
				t.Errorf("no item has the attribute %s", change.attr)
			}
		})
	}
}

func TestCoverAllKeys(t *testing.T) {
	at := func(start, end uint64) shardlog.ShardInfo {
		return shardlog.ShardInfo{Keys: hashkey.Range{Start: hashkey.Key{Hi: start}, End: hashkey.Key{Hi: end, Lo: 1<<64 - 1}}}
	}
	const last = 1<<64 - 1
	for name, c := range map[string]struct {
		open []shardlog.ShardInfo
		want bool
	}{
		"one":       {[]shardlog.ShardInfo{at(0, last)}, true},
		"three":     {[]shardlog.ShardInfo{at(0, 4), at(5, 9), at(10, last)}, true},
		"none":      {nil, false},
		"low":       {[]shardlog.ShardInfo{at(1, last)}, false},
		"high":      {[]shardlog.ShardInfo{at(0, last-1)}, false},
		"gap":       {[]shardlog.ShardInfo{at(0, 4), at(6, last)}, false},
		"overlap":   {[]shardlog.ShardInfo{at(0, 5), at(5, last)}, false},
		"all twice": {[]shardlog.ShardInfo{at(0, last), at(0, last)}, false},
	} {
		if got := coverAllKeys(c.open); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// doer records what was sent.
type doer struct{ sent *http.Request }

func (d *doer) Do(r *http.Request) (*http.Response, error) {
	d.sent = r
	return &http.Response{}, nil
}

// sdkBody behaves as the SDK's request bodies do once they were closed.
type sdkBody struct {
	io.Reader
	closed bool
}

func (b *sdkBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }
func (b *sdkBody) Close() error                     { b.closed = true; return nil }

func TestTransportKeepsBodiesInMemory(t *testing.T) {
	const content = "the request"
	body := &sdkBody{Reader: strings.NewReader(content)}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len(content))
	d := &doer{}
	if _, err := (transport{d}).Do(r); err != nil {
		t.Fatal(err)
	}
	if !body.closed {
		t.Error("the SDK's body stays open")
	}
	again, err := d.sent.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []io.Reader{d.sent.Body, again} {
		if got, err := io.ReadAll(b); err != nil || string(got) != content {
			t.Errorf("sent %q, error %v", got, err)
		}
	}
	r.ContentLength = int64(len(content)) + 1
	r.Body = &sdkBody{Reader: strings.NewReader(content)}
	if _, err := (transport{d}).Do(r); err == nil {
		t.Error("a body that ends early is sent")
	}
}
