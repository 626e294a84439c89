package streams_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

func unpack(t testing.TB, token string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pack(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func askRecords(iterator string) string { return `{"ShardIterator":` + quote(iterator) + `}` }

func askShards(token string) string { return `{"NextToken":` + quote(token) + `}` }

// quote writes any text as JSON; what is not UTF-8 in it is replaced.
func quote(text string) string {
	b, _ := json.Marshal(text) // a string always encodes
	return string(b)
}

// wantSomeRefusal checks that an answer refuses its request by one of the wire's client errors.
func wantSomeRefusal(t testing.TB, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	var refused struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || w.Code != 400 || (refused.Type != invalidArgument && refused.Type != notFound) {
		t.Errorf("%s: %d %s", what, w.Code, w.Body)
	}
}

// twoStreams returns a service with the streams orders and events, a record in each, and an iterator of orders.
func twoStreams(t testing.TB) (f *fixture, iterator string) {
	t.Helper()
	f = newStream(t, 1)
	f.create(t, "events", 1)
	f.put(t, hashkey.Key{}, "mine")
	do(t, f.PutRecord, &kinesis.PutRecordInput{StreamName: "events", PartitionKey: "k", Data: []byte("theirs")})
	return f, f.iterator(t, 0, kinesis.IteratorTrimHorizon)
}

func TestIteratorLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, iterator := twoStreams(t)
		f.wantRead(t, iterator, "mine")
		time.Sleep(5 * time.Minute)
		f.wantRead(t, iterator, "mine")
		time.Sleep(time.Millisecond)
		f.wantRefusal(t, "GetRecords", askRecords(iterator), "ExpiredIteratorException",
			"Iterator expired. The iterator was created at time Sat Jan 01 00:00:00 UTC 2000 while right now it is Sat Jan 01 00:05:00 UTC 2000 "+
				"which is further in the future than the tolerated delay of 300000 milliseconds.")
		f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "mine")
	})
}

func TestIteratorsThatAreNone(t *testing.T) {
	f, iterator := twoStreams(t)
	for name, text := range map[string]string{
		"garbage":           "garbage",
		"base64 of garbage": pack([]byte("garbage")),
		"one byte":          pack([]byte{1}),
		"no name":           pack([]byte{1, 'i', 0}),
		"a long name":       pack([]byte{1, 'i', 255}),
		"a line break":      iterator[:8] + "\n" + iterator[8:],
		"spare bits":        iterator[:len(iterator)-2] + string(iterator[len(iterator)-2]+1) + "=",
		"twice":             iterator + iterator,
		"another version":   pack(append([]byte{2}, unpack(t, iterator)[1:]...)),
		"a token of shards": pack(append([]byte{1, 's'}, unpack(t, iterator)[2:]...)),
	} {
		t.Log(name)
		f.wantRefusal(t, "GetRecords", askRecords(text), invalidArgument, invalidIterator)
	}
	f.wantRefusal(t, "GetRecords", askRecords(strings.Repeat("A", 513)), invalidArgument,
		violation("shardIterator", "Member must have length less than or equal to 512"))
	for cut := 1; cut < len(iterator); cut++ {
		f.wantRefusal(t, "GetRecords", askRecords(iterator[:cut]), invalidArgument, invalidIterator)
	}
	// The longest name leaves the iterator within what GetRecords takes.
	long := strings.Repeat("s", kinesis.MaxStreamName)
	f.create(t, long, 1)
	in := &kinesis.GetShardIteratorInput{StreamName: long, ShardId: "0", ShardIteratorType: kinesis.IteratorLatest}
	f.get(t, do(t, f.GetShardIterator, in).ShardIterator, 0)
}

// TestEveryBitOfAnIterator flips each bit of an iterator, of its text and of what the text stands for: none is taken.
func TestEveryBitOfAnIterator(t *testing.T) {
	f, iterator := twoStreams(t)
	raw := unpack(t, iterator)
	for bit := range 8 * len(raw) {
		flipped := bytes.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		wantSomeRefusal(t, fmt.Sprintf("bit %d of the content", bit), f.send("GetRecords", askRecords(pack(flipped))))
	}
	for bit := range 8 * len(iterator) {
		flipped := []byte(iterator)
		flipped[bit/8] ^= 1 << (bit % 8)
		wantSomeRefusal(t, fmt.Sprintf("bit %d of the text", bit), f.send("GetRecords", askRecords(string(flipped))))
	}
	f.wantRead(t, iterator, "mine")
}

// TestIteratorsOfOtherStreams: an iterator is good for the stream that it was made for, at the endpoint that made it.
func TestIteratorsOfOtherStreams(t *testing.T) {
	f, iterator := twoStreams(t)
	gone := func(name, stream string) string {
		return "Shard shardId-000000000000 in stream " + stream + " under account 111111111111 does not exist"
	}
	renamed := pack(bytes.Replace(unpack(t, iterator), []byte("orders"), []byte("events"), 1))
	f.wantRefusal(t, "GetRecords", askRecords(renamed), notFound, gone("renamed", "events"))

	elsewhere, _ := twoStreams(t)
	elsewhere.wantRefusal(t, "GetRecords", askRecords(iterator), notFound, gone("of another endpoint", "orders"))

	other := overStore(f.mem, nil, streams.Config{})
	other.wantRead(t, iterator, "mine")

	do(t, f.DeleteStream, &kinesis.DeleteStreamInput{StreamName: "orders"})
	f.wantRefusal(t, "GetRecords", askRecords(iterator), notFound, gone("deleted", "orders"))
	f.create(t, "orders", 1)
	f.put(t, hashkey.Key{}, "new")
	f.wantRefusal(t, "GetRecords", askRecords(iterator), notFound, gone("created again", "orders"))
	// Another process still has the map of the old stream: it finds nothing.
	w := other.send("GetRecords", askRecords(iterator))
	if strings.Contains(w.Body.String(), pack([]byte("new"))) || w.Code == 500 {
		t.Errorf("an old iterator where the map is old: %d %s", w.Code, w.Body)
	}
	f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "new")
}

// shardsPage returns the token of a page of one shard.
func (f *fixture) shardsToken(t testing.TB) string {
	t.Helper()
	out := do(t, f.ListShards, &kinesis.ListShardsInput{StreamName: "orders", MaxResults: 1})
	if out.NextToken == "" || len(out.Shards) != 1 {
		t.Fatalf("a page of shards: %+v", out)
	}
	return out.NextToken
}

func TestTokensOfListShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 2)
		f.create(t, "events", 2)
		token := f.shardsToken(t)
		for name, text := range map[string]string{
			"garbage":     "garbage",
			"an iterator": f.iterator(t, 0, kinesis.IteratorLatest),
			"cut":         token[:len(token)-4],
			"renamed":     pack(bytes.Replace(unpack(t, token), []byte("orders"), []byte("events"), 1)),
		} {
			t.Log(name)
			f.wantRefusal(t, "ListShards", askShards(text), invalidArgument, invalidNextToken)
		}
		raw := unpack(t, token)
		for bit := range 8 * len(raw) {
			flipped := bytes.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			wantSomeRefusal(t, fmt.Sprintf("bit %d", bit), f.send("ListShards", askShards(pack(flipped))))
		}
		f.wantRefusal(t, "ListShards", `{"StreamName":"orders","NextToken":"`+token+`"}`, invalidArgument,
			"NextToken and StreamName cannot be provided together.")

		time.Sleep(5 * time.Minute)
		if out := do(t, f.ListShards, &kinesis.ListShardsInput{NextToken: token}); ids(t, out.Shards) != "1" {
			t.Errorf("after 5 minutes: %+v", out)
		}
		time.Sleep(time.Millisecond)
		f.wantRefusal(t, "ListShards", askShards(token), "ExpiredNextTokenException",
			"NextToken expired. A token can be used for 300 seconds.")

		token = f.shardsToken(t)
		do(t, f.DeleteStream, &kinesis.DeleteStreamInput{StreamName: "orders"})
		f.wantRefusal(t, "ListShards", askShards(token), notFound, "Stream orders under account 111111111111 not found.")
		f.create(t, "orders", 2)
		f.wantRefusal(t, "ListShards", askShards(token), invalidArgument, invalidNextToken)
	})
}

// FuzzIterator: no text but the iterator itself is taken, and that yields the records of its own stream alone. The text is
// tried as it is, and as a change of the iterator's content from a place on.
func FuzzIterator(f *testing.F) {
	service, iterator := twoStreams(f)
	f.Add(iterator, []byte("events"), uint8(3))
	f.Add("garbage", []byte{6, 'e', 'v', 'e', 'n', 't', 's'}, uint8(2))
	f.Add(pack([]byte{1, 'i', 255}), []byte{0xff, 0xff, 0xff, 0xff}, uint8(9))
	f.Fuzz(func(t *testing.T, text string, change []byte, at uint8) {
		iterator := service.iterator(t, 0, kinesis.IteratorTrimHorizon)
		raw := unpack(t, iterator)
		copy(raw[min(int(at), len(raw)):], change)
		for _, candidate := range []string{text, pack(raw)} {
			w := service.send("GetRecords", askRecords(candidate))
			if candidate != iterator && w.Code != 200 {
				wantSomeRefusal(t, fmt.Sprintf("%q", candidate), w)
				continue
			}
			if w.Code != 200 || bytes.Count(w.Body.Bytes(), []byte(`"Data"`)) != 1 || !strings.Contains(w.Body.String(), `"`+pack([]byte("mine"))+`"`) {
				t.Errorf("%q: %d %s", candidate, w.Code, w.Body)
			}
		}
	})
}

// FuzzNextToken: any token of a page is answered by a page or a refusal, and that of shards only by the shards of its own stream.
func FuzzNextToken(f *testing.F) {
	service := newStream(f, 3)
	service.create(f, "events", 4)
	f.Add(service.shardsToken(f), []byte("events"), uint8(3))
	f.Add(pack([]byte("streams:events")), []byte{0xff}, uint8(20))
	f.Fuzz(func(t *testing.T, text string, change []byte, at uint8) {
		token := service.shardsToken(t)
		raw := unpack(t, token)
		copy(raw[min(int(at), len(raw)):], change)
		if w := service.send("ListShards", askShards(pack(raw))); pack(raw) != token {
			wantSomeRefusal(t, fmt.Sprintf("%q", pack(raw)), w)
		} else if w.Code != 200 || strings.Count(w.Body.String(), `"ShardId"`) != 2 {
			t.Errorf("the token itself: %d %s", w.Code, w.Body)
		}
		if w := service.send("ListShards", askShards(text)); w.Code != 200 {
			wantSomeRefusal(t, fmt.Sprintf("%q", text), w)
		}
		if w := service.send("ListStreams", askShards(text)); w.Code != 200 {
			wantSomeRefusal(t, fmt.Sprintf("%q", text), w)
		}
	})
}
