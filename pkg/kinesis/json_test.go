package kinesis_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/kinesis"
)

func base64Of(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

// inputs returns a zero input of each type.
func inputs() []kinesis.Input {
	return []kinesis.Input{
		new(kinesis.PutRecordsInput), new(kinesis.PutRecordInput),
		new(kinesis.CreateStreamInput), new(kinesis.DescribeStreamSummaryInput),
		new(kinesis.GetShardIteratorInput), new(kinesis.GetRecordsInput),
		new(kinesis.ListShardsInput), new(kinesis.DescribeStreamInput), new(kinesis.ListStreamsInput),
		new(kinesis.DeleteStreamInput), new(kinesis.UpdateStreamModeInput), new(kinesis.DescribeLimitsInput),
		new(kinesis.IncreaseStreamRetentionPeriodInput), new(kinesis.DecreaseStreamRetentionPeriodInput),
		new(kinesis.AddTagsToStreamInput), new(kinesis.RemoveTagsFromStreamInput), new(kinesis.ListTagsForStreamInput),
		new(kinesis.TagResourceInput), new(kinesis.UntagResourceInput), new(kinesis.ListTagsForResourceInput),
		new(kinesis.SplitShardInput), new(kinesis.MergeShardsInput), new(kinesis.UpdateShardCountInput),
	}
}

// refusal returns the body of the answer to a body, "" where it decodes.
func refusal(t *testing.T, body []byte, in kinesis.Input) string {
	t.Helper()
	err := kinesis.JSON.Decode(body, in)
	if err == nil {
		return ""
	}
	var e *kinesis.Error
	if !errors.As(err, &e) || e.Code != "SerializationException" || e.Status != 400 {
		t.Fatalf("error %#v", err)
	}
	return string(kinesis.JSON.EncodeError(nil, e))
}

func TestDecodeBroken(t *testing.T) {
	bodies := []string{
		``, `{`, `}`, ` `, `nonsense`, `{"StreamName"}`, `{"StreamName":}`, `{"StreamName":"a",}`, `{"StreamName":"a"`,
		`{"StreamName":"a"} x`, `{"StreamName":"a"}{}`, `{"StreamName":"a"}]`, `{StreamName:"a"}`, `{'StreamName':'a'}`,
		`{"StreamName":"a" "b"}`, `{1:2}`, `{"StreamName":tru}`, `{"StreamName":01}`, `{"Unknown":[1,}`, `{"Unknown":[1}`,
		`{"Records":[}`, `{"Records":[{]}`, `{"Records":[{"Data":"}]}`, `{"Records":[{"Data":"QQ=="}`, `{"Records":[,]}`,
		"{\"StreamName\":\"\xff\"}", "{\"Unknown\":\"\xff\"}", "{\"\xff\":1}", `{"StreamName":"\ud800"}`, `{"StreamName":"\x"}`,
		"\xef\xbb\xbf{}", "{\"StreamName\":\"a\nb\"}",
		`{"Unknown":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
		`[]`, `[{}]`, `"text"`, `23`, `true`, `null`,
		// Broken wins over an earlier member of the wrong type.
		`{"StreamName":true,"Records":[}`, `{"StreamName":true} x`, `{"StreamName":true`, `{"Records":[{"Data":"2"}]`,
		`{"StreamName":{"a":[}}`, `{"ShardCount":"1","StreamModeDetails":5,`,
	}
	for _, body := range bodies {
		for _, in := range inputs() {
			if got := refusal(t, []byte(body), in); got != `{"__type":"SerializationException"}` {
				t.Errorf("%T of %.60q: %s", in, body, got)
			}
		}
	}
}

func TestDecodeEmptyObject(t *testing.T) {
	for _, body := range []string{`{}`, " {\n} ", `{"Unknown":{"a":[1,null,"x",{}]}}`, `{"streamname":5}`} {
		for i, in := range inputs() {
			if got := refusal(t, []byte(body), in); got != "" {
				t.Errorf("%T of %q: %s", in, body, got)
			}
			if !reflect.DeepEqual(in, inputs()[i]) {
				t.Errorf("%T of %q: %+v", in, body, in)
			}
		}
	}
}

// Conversions of the API's own inputs. TestDecodeEveryType has the types that none of them has.
func TestDecodeWrongType(t *testing.T) {
	const (
		boolean = "class java.lang.Boolean"
		number  = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
		text    = "class java.lang.String"
		list    = "Start of list found where not expected"
		object  = "Start of structure or map found where not expected."

		noString    = " can not be converted to an String"
		noInteger   = " can not be converted to an Integer"
		noTimestamp = " can not be converted to milliseconds since epoch"
		noBlob      = " can not be converted to a Blob"
	)
	record := func(member string) string { return `{"Records":[{` + member + `}]}` }
	tests := []struct {
		in            kinesis.Input
		body, message string
	}{
		{new(kinesis.PutRecordsInput), `{"StreamName":true}`, boolean + noString},
		{new(kinesis.PutRecordsInput), `{"StreamName":false}`, boolean + noString},
		{new(kinesis.PutRecordsInput), `{"StreamName":23}`, number + noString},
		{new(kinesis.PutRecordsInput), `{"StreamName":-2147483648}`, number + noString},
		{new(kinesis.PutRecordsInput), `{"StreamName":34.56}`, number + noString},
		{new(kinesis.PutRecordsInput), `{"StreamName":[]}`, list},
		{new(kinesis.PutRecordsInput), `{"StreamName":{}}`, object},
		{new(kinesis.PutRecordsInput), `{"StreamARN":1}`, number + noString},
		{new(kinesis.PutRecordsInput), `{"Records":true}`, "Expected list or null"},
		{new(kinesis.PutRecordsInput), `{"Records":23}`, "Expected list or null"},
		{new(kinesis.PutRecordsInput), `{"Records":"23"}`, "Expected list or null"},
		{new(kinesis.PutRecordsInput), `{"Records":{}}`, object},
		{new(kinesis.PutRecordsInput), `{"Records":["23"]}`, "Expected null"},
		{new(kinesis.PutRecordsInput), `{"Records":[true]}`, "Expected null"},
		{new(kinesis.PutRecordsInput), `{"Records":[34.56]}`, "Expected null"},
		{new(kinesis.PutRecordsInput), `{"Records":[[]]}`, list},
		{new(kinesis.PutRecordsInput), record(`"Data":true`), boolean + noBlob},
		{new(kinesis.PutRecordsInput), record(`"Data":23`), number + noBlob},
		{new(kinesis.PutRecordsInput), record(`"Data":[]`), list},
		{new(kinesis.PutRecordsInput), record(`"Data":{}`), object},
		{new(kinesis.PutRecordsInput), record(`"PartitionKey":true`), boolean + noString},
		{new(kinesis.PutRecordsInput), record(`"PartitionKey":23`), number + noString},
		{new(kinesis.PutRecordsInput), record(`"ExplicitHashKey":23`), number + noString},
		{new(kinesis.PutRecordInput), `{"Data":false}`, boolean + noBlob},
		{new(kinesis.PutRecordInput), `{"SequenceNumberForOrdering":1}`, number + noString},
		{new(kinesis.CreateStreamInput), `{"ShardCount":"23"}`, text + noInteger},
		{new(kinesis.CreateStreamInput), `{"ShardCount":true}`, boolean + noInteger},
		{new(kinesis.CreateStreamInput), `{"ShardCount":[]}`, list},
		{new(kinesis.CreateStreamInput), `{"ShardCount":{}}`, object},
		{new(kinesis.CreateStreamInput), `{"StreamModeDetails":"x"}`, "Expected null"},
		{new(kinesis.CreateStreamInput), `{"StreamModeDetails":1}`, "Expected null"},
		{new(kinesis.CreateStreamInput), `{"StreamModeDetails":[]}`, list},
		{new(kinesis.CreateStreamInput), `{"StreamModeDetails":{"StreamMode":1}}`, number + noString},
		{new(kinesis.DescribeStreamSummaryInput), `{"StreamName":{"a":{}}}`, object},

		{new(kinesis.CreateStreamInput), `{"Tags":{"a":1}}`, number + noString},
		{new(kinesis.GetShardIteratorInput), `{"Timestamp":"2016-04-04T19:58:46.480Z"}`, text + noTimestamp},
		{new(kinesis.GetShardIteratorInput), `{"Timestamp":true}`, boolean + noTimestamp},
		{new(kinesis.GetShardIteratorInput), `{"ShardIteratorType":1}`, number + noString},
		{new(kinesis.GetRecordsInput), `{"Limit":"1"}`, text + noInteger},
		{new(kinesis.ListShardsInput), `{"StreamCreationTimestamp":{}}`, object},
		{new(kinesis.ListShardsInput), `{"ShardFilter":"AT_LATEST"}`, "Expected null"},
		{new(kinesis.ListShardsInput), `{"ShardFilter":{"Timestamp":"1"}}`, text + noTimestamp},
		{new(kinesis.DeleteStreamInput), `{"EnforceConsumerDeletion":1}`, number + " can not be converted to an Boolean"},
		{new(kinesis.AddTagsToStreamInput), `{"Tags":[]}`, list},
		{new(kinesis.AddTagsToStreamInput), `{"Tags":"a=b"}`, "Expected map or null"},
		{new(kinesis.AddTagsToStreamInput), `{"Tags":{"a":{}}}`, object},
		{new(kinesis.TagResourceInput), `{"Tags":{"a":true}}`, boolean + noString},
		{new(kinesis.RemoveTagsFromStreamInput), `{"TagKeys":{}}`, object},
		{new(kinesis.RemoveTagsFromStreamInput), `{"TagKeys":"a"}`, "Expected list or null"},
		{new(kinesis.UntagResourceInput), `{"TagKeys":["a",1]}`, number + noString},
		{new(kinesis.IncreaseStreamRetentionPeriodInput), `{"RetentionPeriodHours":"24"}`, text + noInteger},
		{new(kinesis.UpdateStreamModeInput), `{"StreamModeDetails":"ON_DEMAND"}`, "Expected null"},

		// The first in the document is told, wherever the schema has it.
		{new(kinesis.PutRecordsInput), `{"Records":5,"StreamName":true}`, "Expected list or null"},
		{new(kinesis.PutRecordsInput), `{"Records":[{"PartitionKey":1},{"Data":true}],"StreamName":true}`, number + noString},
		{new(kinesis.PutRecordsInput), `{"Records":[` + strings.Repeat(`{},`, 600) + `{"Data":true}]}`, boolean + noBlob},
		{new(kinesis.PutRecordsInput), `{"StreamName":true,"StreamName":"a"}`, boolean + noString},
		{new(kinesis.PutRecordsInput), `{"Stream\u004eame":true}`, boolean + noString},

		{new(kinesis.PutRecordInput), `{"Data":"23456"}`,
			"'23456'" + noBlob + ": Base64 encoded length is expected a multiple of 4 bytes but found: 5"},
		{new(kinesis.PutRecordInput), `{"Data":"😀"}`,
			"'😀'" + noBlob + ": Base64 encoded length is expected a multiple of 4 bytes but found: 2"},
		{new(kinesis.PutRecordInput), `{"Data":"=+/="}`, "'=+/='" + noBlob + ": Invalid Base64 character: '='"},
		{new(kinesis.PutRecordInput), `{"Data":"QQ==QUJD"}`, "'QQ==QUJD'" + noBlob + ": Invalid Base64 character: '='"},
		{new(kinesis.PutRecordInput), `{"Data":"ab-_"}`, "'ab-_'" + noBlob + ": Invalid Base64 character: '-'"},
		{new(kinesis.PutRecordInput), `{"Data":"abcé"}`, "'abcé'" + noBlob + ": Invalid Base64 character: 'é'"},
		{new(kinesis.PutRecordInput), `{"Data":"QUJD\n\n\n\n"}`, "'QUJD\n\n\n\n'" + noBlob + ": Invalid Base64 character: '\n'"},
		{new(kinesis.PutRecordInput), `{"Data":"+/+="}`, "'+/+='" + noBlob + ": Invalid last non-pad Base64 character dectected"},
		{new(kinesis.PutRecordInput), `{"Data":"===="}`, "'===='" + noBlob + ": Invalid last non-pad Base64 character dectected"},
		{new(kinesis.PutRecordInput), `{"Data":"` + strings.Repeat("é", 1025) + `"}`,
			"'" + strings.Repeat("é", 512) + "...'" + noBlob + ": Base64 encoded length is expected a multiple of 4 bytes but found: 1025"},
		{new(kinesis.PutRecordInput), `{"Data":"a` + strings.Repeat("é", 1024) + `"}`,
			"'a" + strings.Repeat("é", 511) + "...'" + noBlob + ": Base64 encoded length is expected a multiple of 4 bytes but found: 1025"},
	}
	for _, test := range tests {
		message, _ := json.Marshal(test.message)
		want := `{"__type":"SerializationException","Message":` + string(message) + `}`
		if got := refusal(t, []byte(test.body), test.in); got != want {
			t.Errorf("%T of %.60s:\n%s\nwant\n%s", test.in, test.body, got, want)
		}
	}
}

func TestDecodeMembers(t *testing.T) {
	in := decoded[kinesis.PutRecordsInput](t, `{
		"Records": [{"PartitionKey": "first", "Data": "QQ=="}],
		"Stream\u004eame": "old", "Other": [{"Records": 5}],
		"Records": [
			{"Data": "AAEC", "PartitionKey": "a\tb\u00e9\ud83d\ude00", "ExplicitHashKey": "7", "Data": "\/\/\/\u002f"},
			{"Data": "", "PartitionKey": "x", "PartitionKey": null},
			null],
		"StreamARN": null, "StreamName": "new"}`)
	if in.StreamName != "new" || in.StreamARN != "" || len(in.Records) != 3 {
		t.Fatalf("%+v", in)
	}
	first, second, third := in.Records[0], in.Records[1], in.Records[2]
	if string(first.Data) != "\xff\xff\xff" || first.PartitionKey != "a\tbé😀" || first.ExplicitHashKey != "7" {
		t.Errorf("first %+v", first)
	}
	if second.Data == nil || len(second.Data) != 0 || second.PartitionKey != "" || second.ExplicitHashKey != "" {
		t.Errorf("second %+v", second)
	}
	if third.Data != nil || third.PartitionKey != "" {
		t.Errorf("third %+v", third)
	}
}

func TestDecodeInteger(t *testing.T) {
	for number, want := range map[string]int{
		"0": 0, "7": 7, "-7": -7, "7.9": 7, "7e1": 70, "2147483648": 2147483647, "-2147483649": -2147483648, "1e999": 2147483647,
	} {
		if in := decoded[kinesis.CreateStreamInput](t, `{"ShardCount":`+number+`}`); in.ShardCount != want {
			t.Errorf("%s: %d, want %d", number, in.ShardCount, want)
		}
	}
}

// Records share one slab: appending to one's data must not reach the next's.
func TestDecodeDataIsApart(t *testing.T) {
	in := decoded[kinesis.PutRecordsInput](t, `{"Records":[{"Data":"AQ=="},{"Data":"AgI="},{"Data":"AwMD"}]}`)
	for i := range in.Records {
		_ = append(in.Records[i].Data, 9, 9, 9)
	}
	for i, want := range []string{"\x01", "\x02\x02", "\x03\x03\x03"} {
		if string(in.Records[i].Data) != want {
			t.Errorf("record %d: %x", i, in.Records[i].Data)
		}
	}
}

func TestDecodeReadsWhatEncodingJSONWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		body := marshal(t, in)
		got := zeroOf(in)
		if err := kinesis.JSON.Decode(body, got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		// Presence aside, the two are the same: written again they show it, nil and empty included.
		if again := marshal(t, got); string(again) != string(body) {
			t.Fatalf("%s\nread as\n%s", body, again)
		}
	})
}

func TestEncode(t *testing.T) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.UTC)
	tests := []struct {
		name string
		out  kinesis.Output
		want string
	}{
		{"nothing", nil, ``},
		{"PutRecords", &kinesis.PutRecordsOutput{Records: twoResults()},
			`{"EncryptionType":"NONE","FailedRecordCount":0,"Records":[{"SequenceNumber":"` + firstNumber + `","ShardId":"s"},` +
				`{"SequenceNumber":"` + secondNumber + `","ShardId":"s"}]}`},
		{"PutRecords failing in part", &kinesis.PutRecordsOutput{FailedRecordCount: 3, Records: kinesis.PutRecordsResults{
			Parts: []kinesis.PutRecordsPart{
				{ErrorCode: kinesis.CodeInternalFailure, ErrorMessage: kinesis.InternalFailureMessage},
				twoResults().Parts[0],
				{ErrorCode: kinesis.CodeProvisionedThroughputExceeded, ErrorMessage: kinesis.RateExceeded(kinesis.ShardID(1), "orders", "111111111111")}},
			Places: []kinesis.PutRecordsPlace{{Part: 0}, {Part: 1, Index: 1}, {Part: 2}, {Part: 0, Index: 1}, {Part: 1}}}},
			`{"EncryptionType":"NONE","FailedRecordCount":3,"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."},` +
				`{"SequenceNumber":"` + secondNumber + `","ShardId":"s"},{"ErrorCode":"ProvisionedThroughputExceededException",` +
				`"ErrorMessage":"Rate exceeded for shard shardId-000000000001 in stream orders under account 111111111111."},` +
				`{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."},{"SequenceNumber":"` + firstNumber + `","ShardId":"s"}]}`},
		{"PutRecords of none", &kinesis.PutRecordsOutput{}, `{"EncryptionType":"NONE","FailedRecordCount":0,"Records":[]}`},
		{"PutRecord", &kinesis.PutRecordOutput{EncryptionType: "KMS", SequenceNumber: "49", ShardId: "s"},
			`{"EncryptionType":"KMS","SequenceNumber":"49","ShardId":"s"}`},
		{"DescribeStreamSummary", &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: kinesis.StreamDescriptionSummary{
			StreamName: "orders", StreamARN: arn + "orders", StreamStatus: kinesis.StatusActive,
			StreamModeDetails:    kinesis.StreamModeDetails{StreamMode: kinesis.StreamModeProvisioned},
			RetentionPeriodHours: 24, StreamCreationTimestamp: created, OpenShardCount: 3}},
			`{"StreamDescriptionSummary":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:eu-central-1:111111111111:stream/orders",` +
				`"StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"RetentionPeriodHours":24,` +
				`"StreamCreationTimestamp":1767323045.06,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE",` +
				`"OpenShardCount":3,"ConsumerCount":0}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(kinesis.JSON.Encode([]byte("kept"), test.out)); got != "kept"+test.want {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestEncodeIsWhatEncodingJSONReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type answer struct {
			EncryptionType    string
			FailedRecordCount int
			Records           []kinesis.PutRecordsResultEntry
		}
		out := kinesis.PutRecordsOutput{EncryptionType: "NONE", FailedRecordCount: rapid.Int().Draw(t, "failed"), Records: genResults().Draw(t, "results")}
		want := answer{out.EncryptionType, out.FailedRecordCount, []kinesis.PutRecordsResultEntry{}}
		for i := range out.Records.Places {
			want.Records = append(want.Records, out.Records.At(i))
		}
		var got answer
		body := kinesis.JSON.Encode(nil, &out)
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nwritten as %s\nread as\n%+v", want, body, got)
		}
	})
}

func TestJSONContentType(t *testing.T) {
	if got := kinesis.JSON.ContentType(); got != "application/x-amz-json-1.1" {
		t.Error(got)
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"StreamName":"orders","Records":[{"Data":"AAEC","PartitionKey":"k","ExplicitHashKey":"1"},null]}`,
		`{"StreamARN":"` + arn + `orders","Data":"QQ==","PartitionKey":"\ud83d\ude00","SequenceNumberForOrdering":"0"}`,
		`{"StreamName":"a","ShardCount":1e3,"StreamModeDetails":{"StreamMode":"ON_DEMAND"},"Tags":{"a":"b"}}`,
		`{"StreamName":"a","ShardId":"shardId-000000000001","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1459799926.48}`,
		`{"StreamName":"a","ShardId":"1","ShardIteratorType":"LATEST","StartingSequenceNumber":"1"}`,
		`{"ShardIterator":"AAAA","Limit":10,"StreamARN":"` + arn + `orders"}`,
		`{"StreamName":"a","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":-1,"ShardId":"x"},"MaxResults":1,"ExclusiveStartShardId":"x"}`,
		`{"NextToken":"x","MaxResults":10,"StreamCreationTimestamp":1e9}`, `{"Limit":1,"ExclusiveStartStreamName":"_","NextToken":"x"}`,
		`{"StreamName":"a","RetentionPeriodHours":24,"EnforceConsumerDeletion":"yes"}`,
		`{"StreamName":"a","Tags":{"k":"v","k":null,"":";"},"TagKeys":["k",null,""],"ExclusiveStartTagKey":"k","Limit":50}`,
		`{"ResourceARN":"` + arn + `orders","Tags":{"k":""},"TagKeys":["k"]}`,
		`{"StreamName":"a","ShardToSplit":"0","NewStartingHashKey":"2","ShardToMerge":"0","AdjacentShardToMerge":"1"}`,
		`{"StreamName":"a","TargetShardCount":2,"ScalingType":"UNIFORM_SCALING"}`,
		`{"StreamARN":"` + arn + `orders","StreamModeDetails":{"StreamMode":"PROVISIONED"}}`,
		`{"StreamName":true,"Records":[{"Data":"23456"}]}`, `{"Data":"+/+="}`, `{"Data":"\/\n=="}`, `[[[`, `{"a":{"b":[1,{"c":`,
	} {
		for kind := range inputs() {
			f.Add(byte(kind), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		in := inputs()[int(kind)%len(inputs())]
		if answer := refusal(t, body, in); answer != "" {
			if !json.Valid([]byte(answer)) {
				t.Fatalf("answer %s", answer)
			}
			return
		}
		if len(body) > 0 && !json.Valid(body) {
			t.Fatalf("%q was read, but is not JSON", body)
		}
		wire := marshal(t, in)
		again := zeroOf(in)
		if err := kinesis.JSON.Decode(wire, again); err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		if got := marshal(t, again); string(got) != string(wire) {
			t.Fatalf("%s\nread again as\n%s", wire, got)
		}
		if err := in.Validate(); err != nil {
			if e := new(kinesis.Error); !errors.As(err, &e) || e.Code != "InvalidArgumentException" {
				t.Fatalf("error %#v", err)
			}
		} else if (in.Stream() == "") != namesNoStream(in) {
			t.Fatalf("%s is valid and names the stream %q", wire, in.Stream())
		}
	})
}

func BenchmarkDecodePutRecords(b *testing.B) {
	for _, size := range []struct {
		name        string
		count, data int
	}{{"1x100B", 1, 100}, {"500x100B", 500, 100}, {"5MB", 5, 1<<20 - 20}} {
		b.Run(size.name, func(b *testing.B) {
			random := rand.NewChaCha8([32]byte{})
			in := &kinesis.PutRecordsInput{StreamName: "orders"}
			for range size.count {
				data := make([]byte, size.data)
				_, _ = random.Read(data)
				in.Records = append(in.Records, kinesis.PutRecordsEntry{Data: data, PartitionKey: "customer-1234567"})
			}
			body, err := json.Marshal(struct {
				StreamName string
				Records    []kinesis.PutRecordsEntry
			}{in.StreamName, in.Records})
			if err != nil {
				b.Fatal(err)
			}
			body = []byte(strings.ReplaceAll(string(body), `,"ExplicitHashKey":""`, ""))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var got kinesis.PutRecordsInput
				if err := kinesis.JSON.Decode(body, &got); err != nil {
					b.Fatal(err)
				}
				if err := got.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
