package kinesis_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/kinesis"
)

func outputs() []kinesis.Output {
	return []kinesis.Output{
		new(kinesis.PutRecordsOutput), new(kinesis.PutRecordOutput), new(kinesis.GetRecordsOutput), new(kinesis.GetShardIteratorOutput),
		new(kinesis.ListShardsOutput), new(kinesis.DescribeStreamOutput), new(kinesis.DescribeStreamSummaryOutput),
		new(kinesis.ListStreamsOutput), new(kinesis.DescribeLimitsOutput), new(kinesis.UpdateShardCountOutput),
		new(kinesis.ListTagsForStreamOutput), new(kinesis.ListTagsForResourceOutput),
	}
}

// javaLike writes v as the SDK for Java does: maps and lists of indefinite length, points in time as tagged milliseconds. Unlike
// it, it writes what is nil as null and long texts and bytes in chunks.
func javaLike(dst []byte, v reflect.Value) []byte {
	switch value := v.Interface().(type) {
	case time.Time:
		if value.IsZero() {
			return append(dst, 0xf6)
		}
		return javaLike(append(dst, 0xc1), reflect.ValueOf(value.UnixMilli()))
	case []byte:
		return chunked(dst, 0x40, value, value == nil)
	case string:
		return chunked(dst, 0x60, []byte(value), false)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, 0xf6)
		}
		return javaLike(dst, v.Elem())
	case reflect.Int, reflect.Int64:
		major, n := byte(0), v.Int()
		if n < 0 {
			major, n = 0x20, ^n
		}
		return binary.BigEndian.AppendUint64(append(dst, major|27), uint64(n))
	case reflect.Bool:
		if v.Bool() {
			return append(dst, 0xf5)
		}
		return append(dst, 0xf4)
	case reflect.Struct:
		dst = append(dst, 0xbf)
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				dst = javaLike(chunked(dst, 0x60, []byte(field.Name), false), v.Field(i))
			}
		}
		return append(dst, 0xff)
	}
	if v.IsNil() {
		return append(dst, 0xf6)
	}
	if m, ok := v.Interface().(map[string]string); ok {
		dst = append(dst, 0xbf)
		for _, key := range slices.Sorted(maps.Keys(m)) {
			dst = chunked(chunked(dst, 0x60, []byte(key), false), 0x60, []byte(m[key]), false)
		}
		return append(dst, 0xff)
	}
	dst = append(dst, 0x9f)
	for i := range v.Len() {
		dst = javaLike(dst, v.Index(i))
	}
	return append(dst, 0xff)
}

// chunked writes a text or bytes, in chunks of some runes where they are more than 30 bytes.
func chunked(dst []byte, major byte, b []byte, null bool) []byte {
	whole := func(dst, b []byte) []byte {
		return append(binary.BigEndian.AppendUint16(append(dst, major|25), uint16(len(b))), b...)
	}
	switch {
	case null:
		return append(dst, 0xf6)
	case len(b) <= 30:
		return whole(dst, b)
	}
	dst = append(dst, major|31)
	for len(b) > 0 {
		n := min(7, len(b))
		for major == 0x60 && n < len(b) && b[n]&0xc0 == 0x80 {
			n++
		}
		dst, b = whole(dst, b[:n]), b[n:]
	}
	return append(dst, 0xff)
}

// plainCBOR reads what the package writes as encoding/json reads the JSON of it: bytes as base64, numbers as floats, tagged
// milliseconds as seconds.
func plainCBOR(b []byte) (value any, rest []byte) {
	major, info, b := b[0]>>5, b[0]&31, b[1:]
	arg := uint64(info)
	if info >= 24 && info < 28 {
		n := 1 << (info - 24)
		arg = 0
		for _, c := range b[:n] {
			arg = arg<<8 | uint64(c)
		}
		b = b[n:]
	}
	switch major {
	case 0:
		return float64(arg), b
	case 1:
		return -1 - float64(arg), b
	case 2:
		return base64.StdEncoding.EncodeToString(b[:arg]), b[arg:]
	case 3:
		return string(b[:arg]), b[arg:]
	case 4:
		list := []any{}
		for b[0] != 0xff {
			value, b = plainCBOR(b)
			list = append(list, value)
		}
		return list, b[1:]
	case 5:
		members := map[string]any{}
		for b[0] != 0xff {
			var name any
			name, b = plainCBOR(b)
			value, b = plainCBOR(b)
			members[name.(string)] = value
		}
		return members, b[1:]
	case 6:
		value, b = plainCBOR(b)
		return value.(float64) / 1000, b
	}
	return info == 21, b
}

// plainJSON reads JSON as encoding/json does.
func plainJSON(t rapid.TB, body []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value
}

func TestDecodeCBORReadsWhatJavaWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		fromJSON, fromCBOR := zeroOf(in), zeroOf(in)
		if err := kinesis.JSON.Decode(marshal(t, in), fromJSON); err != nil {
			t.Fatal(err)
		}
		body := javaLike(nil, reflect.ValueOf(in))
		if err := kinesis.CBOR.Decode(body, fromCBOR); err != nil {
			t.Fatalf("%x: %v", body, err)
		}
		if !reflect.DeepEqual(fromCBOR, fromJSON) {
			t.Fatalf("%x\nread as\n%+v\nwant\n%+v", body, fromCBOR, fromJSON)
		}
	})
}

func TestEncodeCBORSaysWhatJSONSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := rapid.SampledFrom(outputs()).Draw(t, "type")
		drawInto(t, reflect.ValueOf(out).Elem(), "")
		want := plainJSON(t, kinesis.JSON.Encode(nil, out))
		body := kinesis.CBOR.Encode(nil, out)
		if got, rest := plainCBOR(body); len(rest) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%x\nsays %v\nwant %v", body, got, want)
		}
	})
}

func TestCBORContentType(t *testing.T) {
	if got := kinesis.CBOR.ContentType(); got != "application/x-amz-cbor-1.1" {
		t.Error(got)
	}
}

func TestEncodeCBOR(t *testing.T) {
	text := func(s string) string { return fmt.Sprintf("%02x%x", 0x60+len(s), s) }
	long := func(s string) string { return fmt.Sprintf("78%02x%x", len(s), s) }
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"nothing", kinesis.CBOR.Encode(nil, nil), ""},
		{"appended", kinesis.CBOR.Encode([]byte("x"), &kinesis.ListTagsForResourceOutput{}), "78 bf" + text("Tags") + "9fff ff"},
		{"PutRecords", kinesis.CBOR.Encode(nil, &kinesis.PutRecordsOutput{Records: twoResults()}),
			"bf" + text("EncryptionType") + text("NONE") + text("FailedRecordCount") + "00" + text("Records") +
				"9f bf" + text("SequenceNumber") + long(firstNumber) + text("ShardId") + text("s") + "ff" +
				"bf" + text("SequenceNumber") + long(secondNumber) + text("ShardId") + text("s") + "ff ff ff"},
		{"GetRecords", kinesis.CBOR.Encode(nil, &kinesis.GetRecordsOutput{Records: []kinesis.Record{{
			SequenceNumber: "49", ApproximateArrivalTimestamp: time.UnixMilli(1700000000123), Data: []byte{0, 255}, PartitionKey: "k"}}}),
			"bf" + text("Records") + "9f bf" + text("SequenceNumber") + text("49") + "78 1b" + hex.EncodeToString([]byte("ApproximateArrivalTimestamp")) +
				"c11b0000018bcfe5687b" + text("Data") + "4200ff" + text("PartitionKey") + text("k") + "ff ff" + text("MillisBehindLatest") + "00 ff"},
		{"an error", kinesis.CBOR.EncodeError(nil, kinesis.InvalidArgument("no")),
			"bf" + text("__type") + "7818" + hex.EncodeToString([]byte("InvalidArgumentException")) + text("message") + text("no") + "ff"},
		{"an error without message", kinesis.CBOR.EncodeError(nil, kinesis.UnknownOperation()),
			"bf" + text("__type") + "7819" + hex.EncodeToString([]byte("UnknownOperationException")) + "ff"},
	}
	for _, test := range tests {
		if got, want := hex.EncodeToString(test.got), strings.ReplaceAll(test.want, " ", ""); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, want)
		}
	}
}

func TestDecodeEmptyMapCBOR(t *testing.T) {
	if err := kinesis.CBOR.Decode(nil, new(kinesis.PutRecordsInput)); err == nil {
		t.Error("an empty body was decoded")
	}
	for _, body := range []string{"\xa0", "\xbf\xff", "\xd9\xd9\xf7\xa0", "\xa1\x67Unknown\x9f\xa1\x61a\xf6\x41\xff\xff", "\xa1\x6astreamname\x05"} {
		for i, in := range inputs() {
			if err := kinesis.CBOR.Decode([]byte(body), in); err != nil || !reflect.DeepEqual(in, inputs()[i]) {
				t.Errorf("%T of %x: %+v, %v", in, body, in, err)
			}
		}
	}
}

func FuzzDecodeCBOR(f *testing.F) {
	seeds := [][]byte{nil, {0xa0}, {0xbf, 0xff}, {0x9f, 0x9f, 0x9f}, {0xbf, 0x64, 'D', 'a', 't', 'a', 0x5b, 0xff}, {0xbf, 0x64, 'D', 'a', 't', 'a', 0x65, '2', '3', '4', '5', '6', 0xff}}
	for _, in := range []kinesis.Input{
		&kinesis.PutRecordsInput{StreamName: "orders", Records: []kinesis.PutRecordsEntry{
			{Data: []byte{0, 1, 2}, PartitionKey: "k", ExplicitHashKey: "1"}, {Data: make([]byte, 40), PartitionKey: strings.Repeat("é", 20)}}},
		&kinesis.GetShardIteratorInput{StreamName: "a", ShardId: "shardId-000000000001", ShardIteratorType: "AT_TIMESTAMP", Timestamp: time.UnixMilli(1459799926480)},
		&kinesis.CreateStreamInput{StreamName: "a", ShardCount: 1000},
		&kinesis.AddTagsToStreamInput{StreamName: "a", Tags: map[string]string{"k": "v", "": ";"}},
		&kinesis.RemoveTagsFromStreamInput{StreamName: "a", TagKeys: []string{"k", ""}},
	} {
		seeds = append(seeds, javaLike(nil, reflect.ValueOf(in)))
	}
	for _, seed := range seeds {
		for kind := range inputs() {
			f.Add(byte(kind), seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		in := inputs()[int(kind)%len(inputs())]
		before := string(body)
		err := kinesis.CBOR.Decode(body, in)
		if string(body) != before {
			t.Fatalf("%x became %x", before, body)
		}
		if err != nil {
			if e := new(kinesis.Error); !errors.As(err, &e) || e.Code != "SerializationException" || e.Status != 400 {
				t.Fatalf("error %#v", err)
			}
			return
		}
		// What was read is the same in each format.
		wire := marshal(t, in)
		fromJSON, fromCBOR := zeroOf(in), zeroOf(in)
		if err := kinesis.JSON.Decode(wire, fromJSON); err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		again := javaLike(nil, reflect.ValueOf(in))
		if err := kinesis.CBOR.Decode(again, fromCBOR); err != nil || !reflect.DeepEqual(fromCBOR, fromJSON) {
			t.Fatalf("%x read as\n%+v, %v\nwant\n%+v", again, fromCBOR, err, fromJSON)
		}
		if err := in.Validate(); err != nil {
			if e := new(kinesis.Error); !errors.As(err, &e) || e.Code != "InvalidArgumentException" {
				t.Fatalf("error %#v", err)
			}
		}
	})
}

func BenchmarkDecodePutRecordsCBOR(b *testing.B) {
	for _, size := range []struct {
		name        string
		count, data int
	}{{"1x100B", 1, 100}, {"500x100B", 500, 100}, {"5MB", 5, 1<<20 - 20}} {
		b.Run(size.name, func(b *testing.B) {
			random := rand.NewChaCha8([32]byte{})
			text := func(dst []byte, s string) []byte { return append(append(dst, 0x60|byte(len(s))), s...) }
			body := append(text(text([]byte{0xbf}, "StreamName"), "orders"), text(nil, "Records")...)
			body = append(body, 0x9f)
			for range size.count {
				data := make([]byte, size.data)
				_, _ = random.Read(data)
				body = append(text(append(body, 0xbf), "Data"), 0x5a)
				body = append(binary.BigEndian.AppendUint32(body, uint32(len(data))), data...)
				body = append(text(text(body, "PartitionKey"), "customer-1234567"), 0xff)
			}
			body = append(body, 0xff, 0xff)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var got kinesis.PutRecordsInput
				if err := kinesis.CBOR.Decode(body, &got); err != nil {
					b.Fatal(err)
				}
				if err := got.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
