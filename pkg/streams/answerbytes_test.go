package streams_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"millrace/pkg/apigw"
	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// through sends a GetRecords through API Gateway's event in a payload format, from a browser for the most headers, and returns
// the answer's size and content.
func (f *fixture) through(t testing.TB, v2 bool, iterator string) (size int, out recordsAnswer) {
	t.Helper()
	const header = `"headers":{"content-type":"application/x-amz-json-1.1","x-amz-target":"Kinesis_20131202.GetRecords","origin":"https://shop.example"}`
	event := `{"version":"2.0","rawPath":"/",` + header + `,"requestContext":{"http":{"method":"POST"}},"body":` + quote(askRecords(iterator)) + `}`
	if !v2 {
		event = `{"path":"/","httpMethod":"POST",` + header + `,"body":` + quote(askRecords(iterator)) + `}`
	}
	answer, err := apigw.New(f.handler).Invoke(t.Context(), []byte(event))
	var wrapped struct {
		StatusCode int
		Body       string
	}
	if err == nil {
		err = json.Unmarshal(answer, &wrapped)
	}
	if err == nil {
		err = json.Unmarshal([]byte(wrapped.Body), &out)
	}
	if err != nil || wrapped.StatusCode != 200 {
		t.Fatalf("answer %.500s, %v", answer, err)
	}
	return len(answer), out
}

type recordsAnswer struct {
	Records []struct {
		PartitionKey string
		Data         []byte
	}
	NextShardIterator  string
	MillisBehindLatest int
	ChildShards        []struct{}
}

// entries draws records whose keys and data are as awkward as the wire lets them be.
func entries() *rapid.Generator[[]kinesis.PutRecordsEntry] {
	character := rapid.SampledFrom([][]rune{
		{'"'}, {'\\'}, {'\x01'}, {'\x1f', '\x7f'}, {'\n', '\t'}, {'😀'}, {'é'}, {'\u2028'}, {'<', '&'}, {'a'}, {0xfffd},
		{'"', '\\', '\x02', '😀', 'a', '\u0800'},
	})
	entry := rapid.Custom(func(t *rapid.T) kinesis.PutRecordsEntry {
		key := rapid.StringOfN(rapid.SampledFrom(character.Draw(t, "characters")), 1, kinesis.MaxPartitionKey, -1).Draw(t, "key")
		if rapid.Bool().Draw(t, "long key") {
			short := []rune(key)
			for len(short) < kinesis.MaxPartitionKey {
				short = append(short, short[0])
			}
			key = string(short)
		}
		size := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 2000)).Draw(t, "data")
		return kinesis.PutRecordsEntry{PartitionKey: key, Data: slices.Repeat([]byte{0xa5}, size), ExplicitHashKey: "0"}
	})
	return rapid.SliceOfN(entry, 1, 60)
}

// TestAnswerBytes: no answer is larger than AnswerBytes once API Gateway's event carries it, and none of the records is
// lost to that.
func TestAnswerBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bound := rapid.IntRange(10_000, 40_000).Draw(rt, "AnswerBytes") // more than the largest record takes
		f := overStore(memstore.New(), nil, streams.Config{AnswerBytes: bound})
		f.create(t, "orders", 1)
		var want []kinesis.PutRecordsEntry
		for range rapid.IntRange(1, 3).Draw(rt, "requests") {
			in := &kinesis.PutRecordsInput{StreamName: "orders", Records: entries().Draw(rt, "records")}
			do(t, f.PutRecords, in)
			want = append(want, in.Records...)
		}
		if rapid.Bool().Draw(rt, "closed") {
			f.split(t, 0, half())
		}
		iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
		for len(want) > 0 {
			size, out := f.through(t, rapid.Bool().Draw(rt, "v2"), iterator)
			if size > bound {
				rt.Fatalf("%d records in an answer of %d bytes, above %d", len(out.Records), size, bound)
			}
			if len(out.Records) == 0 || len(out.Records) > len(want) {
				rt.Fatalf("%d records, %d left", len(out.Records), len(want))
			}
			for i, r := range out.Records {
				if r.PartitionKey != want[i].PartitionKey || len(r.Data) != len(want[i].Data) {
					rt.Fatalf("record %d is %q with %d bytes", i, r.PartitionKey, len(r.Data))
				}
			}
			want, iterator = want[len(out.Records):], out.NextShardIterator
		}
	})
}

// TestAnswerBytesOfFewRecords: few large records leave little room to hide what stands around them.
func TestAnswerBytesOfFewRecords(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		for records := 2; records <= 4; records++ {
			mem := memstore.New()
			wide := overStore(mem, nil, streams.Config{AnswerBytes: 1 << 20})
			wide.create(t, "orders", 1)
			wide.put(t, hashkey.Key{}, slices.Repeat([]string{strings.Repeat("x", 10_000)}, records)...)
			iterator := wide.iterator(t, 0, kinesis.IteratorTrimHorizon)
			size, _ := wide.through(t, v2, iterator)
			for slack := -1500; slack <= 1500; slack += 150 {
				f := overStore(mem, nil, streams.Config{AnswerBytes: size + slack})
				if got, out := f.through(t, v2, iterator); got > size+slack {
					t.Errorf("%d records in %d bytes, above %d", len(out.Records), got, size+slack)
				}
			}
			f := overStore(mem, nil, streams.Config{AnswerBytes: size + 4000})
			if _, out := f.through(t, v2, iterator); len(out.Records) != records {
				t.Errorf("%d records where %d fit", len(out.Records), records)
			}
		}
	}
}

// TestAnswerBytesOfManyRecords puts 10,000 records of a byte through the bound that the Lambda has.
func TestAnswerBytesOfManyRecords(t *testing.T) {
	const bound = 6_000_000
	f := overStore(memstore.New(), nil, streams.Config{AnswerBytes: bound})
	f.create(t, "orders", 1)
	for range 20 {
		f.put(t, hashkey.Key{}, numbered("", 500)...)
	}
	size, out := f.through(t, true, f.iterator(t, 0, kinesis.IteratorTrimHorizon))
	if size > bound || len(out.Records) != 10_000 || out.MillisBehindLatest != 0 {
		t.Errorf("%d records in %d bytes, %d ms behind", len(out.Records), size, out.MillisBehindLatest)
	}
	awkward := &kinesis.PutRecordsInput{StreamName: "orders"}
	for range 500 {
		key := strings.Repeat(string(rune(1+rand.IntN(8))), kinesis.MaxPartitionKey)
		awkward.Records = append(awkward.Records, kinesis.PutRecordsEntry{PartitionKey: key, Data: []byte{}, ExplicitHashKey: "0"})
	}
	iterator := f.iterator(t, 0, kinesis.IteratorLatest)
	for range 7 {
		do(t, f.PutRecords, awkward)
	}
	for read := 0; read < 3500; {
		size, out := f.through(t, false, iterator)
		if size > bound || len(out.Records) == 0 {
			t.Fatalf("%d records in %d bytes", len(out.Records), size)
		}
		read, iterator = read+len(out.Records), out.NextShardIterator
	}
}

// TestAnswerBytesOfOneRecord: a record is returned even where it alone is above the bound, so that readers get past it.
func TestAnswerBytesOfOneRecord(t *testing.T) {
	f := overStore(memstore.New(), nil, streams.Config{AnswerBytes: 5000})
	f.create(t, "orders", 1)
	f.put(t, hashkey.Key{}, "small", strings.Repeat("x", 10_000), "last")
	iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
	sizes := ""
	for range 3 {
		out := f.get(t, iterator, 0)
		for _, r := range out.Records {
			sizes += fmt.Sprintf("%d ", len(r.Data))
		}
		iterator = out.NextShardIterator
	}
	if sizes != "5 10000 4 " {
		t.Errorf("read records of %sbytes", sizes)
	}
}
