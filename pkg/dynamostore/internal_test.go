package dynamostore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
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
		size := 0
		for name, v := range i {
			size += len(name)
			switch v := v.(type) {
			case *types.AttributeValueMemberS:
				size += len(v.Value)
			case *types.AttributeValueMemberN:
				size += len(v.Value)
			case *types.AttributeValueMemberB:
				size += len(v.Value)
			}
		}
		if size > 400*1024 {
			t.Fatalf("item %v has %d bytes", i[attrSK], size)
		}
	}
}

func anyKey(t *rapid.T, name string) hashkey.Key {
	return hashkey.Key{Hi: rapid.Uint64().Draw(t, name+" hi"), Lo: rapid.Uint64().Draw(t, name+" lo")}
}

func TestItemsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.Int64Range(0, 1<<36-1)
		stream := shardlog.Stream{
			Name:      rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_.-]{0,127}`).Draw(t, "name"),
			ID:        rapid.StringMatching(`[0-9a-z]{1,32}`).Draw(t, "id"),
			Created:   time.UnixMilli(rapid.Int64Range(0, 1<<46).Draw(t, "created")).UTC(),
			Retention: time.Duration(rapid.Int64Range(0, 1<<32).Draw(t, "retention")) * time.Second,
			Mode:      rapid.SampledFrom([]shardlog.Mode{shardlog.Provisioned, shardlog.OnDemand}).Draw(t, "mode"),
		}
		head, err := readStream(stream.Name, streamItem(stream))
		if err != nil || head.ID != stream.ID || head.Created != stream.Created || head.Retention != stream.Retention || head.Mode != stream.Mode || head.status != statusActive {
			t.Fatalf("read %+v, error %v, want %+v", head, err, stream)
		}
		info := shardlog.ShardInfo{
			Index:   rapid.Uint32().Draw(t, "index"),
			Keys:    hashkey.Range{Start: anyKey(t, "start"), End: anyKey(t, "end")},
			Created: time.Unix(second.Draw(t, "shard created"), 0).UTC(),
		}
		if got, err := readShard(shardItem(stream, info)); err != nil || got != info {
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
		return binary(rapid.SliceOfN(rapid.Byte(), 0, 17).Draw(t, name))
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
			i := item{attrNonce: binary(nonce[:]), attrCount: number(1), attrArrival: number(1), attrExpires: number(1 << 40), attrData: binary([]byte{1}), attrParts: number(1), attrSize: number(2)}
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
	for name, change := range map[string]struct {
		attr  string
		value types.AttributeValue
	}{
		"no id":           {attrID, nil},
		"created as text": {attrCreated, text("1")},
		"fraction":        {attrCreated, &types.AttributeValueMemberN{Value: "1.5"}},
		"no start":        {attrStart, nil},
		"end too large":   {attrEnd, text("340282366920938463463374607431768211456")},
		"closed":          {attrState, text("closed")},
	} {
		t.Run(name, func(t *testing.T) {
			s, sh := streamItem(stream), shardItem(stream, shardlog.ShardInfo{})
			_, inStream := s[change.attr]
			_, inShard := sh[change.attr]
			s[change.attr], sh[change.attr] = change.value, change.value
			if _, err := readStream("orders", s); inStream && !errors.Is(err, errItem) {
				t.Errorf("stream: error %v, want errItem", err)
			}
			if _, err := readShard(sh); inShard && !errors.Is(err, errItem) {
				t.Errorf("shard: error %v, want errItem", err)
			}
		})
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
