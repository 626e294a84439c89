package kinesis_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

const (
	arn        = "arn:aws:kinesis:eu-central-1:111111111111:stream/"
	arnPattern = `arn:aws[^:]*:kinesis:[^:]*:\d{12}:stream/[a-zA-Z]([a-zA-Z0-9-]{0,126}[a-zA-Z0-9])?`

	null       = "Member must not be null"
	atLeastOne = "Member must have length greater than or equal to 1"
	hashKeys   = `Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`
	nameChars  = "Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9-]*"
	nameEnd    = "Member must satisfy regular expression pattern: (.*[^-])?"
	notAnARN   = "Member must satisfy regular expression pattern: " + arnPattern
	size       = "Records size exceeds 5 MB limit"
)

func atMost(n int) string { return fmt.Sprintf("Member must have length less than or equal to %d", n) }

// at is a violation of a declared limit.
func at(path, constraint string) string {
	return fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", path, constraint)
}

func outside(key string) string {
	return "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was " + key
}

// wantViolations checks what an input's Validate says: nothing, or all of the violations.
func wantViolations(t *testing.T, in kinesis.Input, violations ...string) {
	t.Helper()
	want := strings.Join(violations, "; ")
	switch n := len(violations); {
	case n == 1 && strings.HasPrefix(want, "Value at "):
		want = "1 validation error detected: " + want
	case n > 1:
		want = fmt.Sprintf("%d validation errors detected: %s", n, want)
	}
	wantInvalid(t, in.Validate(), want)
}

func wantInvalid(t *testing.T, err error, message string) {
	t.Helper()
	if message == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var e *kinesis.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %q", err, message)
	}
	if e.Code != "InvalidArgumentException" || e.Status != 400 || e.Message != message {
		t.Errorf("error %d %s\n%q\nwant\n%q", e.Status, e.Code, e.Message, message)
	}
}

// decoded returns an input read from a body.
func decoded[T any, P interface {
	*T
	kinesis.Input
}](t *testing.T, body string) P {
	t.Helper()
	in := P(new(T))
	if err := kinesis.JSON.Decode([]byte(body), in); err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	return in
}

func TestValidateStream(t *testing.T) {
	long := strings.Repeat("a", 128)
	tests := []struct {
		name, body, stream string
		violations         []string
	}{
		{"name", `{"StreamName":"orders"}`, "orders", nil},
		{"one letter", `{"StreamName":"a"}`, "a", nil},
		{"all characters", `{"StreamName":"aZ-09"}`, "aZ-09", nil},
		{"longest", `{"StreamName":"` + long + `"}`, long, nil},
		{"too long", `{"StreamName":"` + long + `a"}`, "", []string{at("streamName", atMost(128))}},
		{"empty", `{"StreamName":""}`, "", []string{at("streamName", atLeastOne), at("streamName", nameChars)}},
		{"digit first", `{"StreamName":"1a"}`, "", []string{at("streamName", nameChars)}},
		{"hyphen first", `{"StreamName":"-a"}`, "", []string{at("streamName", nameChars)}},
		{"hyphen last", `{"StreamName":"a-"}`, "", []string{at("streamName", nameEnd)}},
		{"hyphen alone", `{"StreamName":"-"}`, "", []string{at("streamName", nameChars), at("streamName", nameEnd)}},
		{"underscore", `{"StreamName":"a_b"}`, "", []string{at("streamName", nameChars)}},
		{"dot", `{"StreamName":"a.b"}`, "", []string{at("streamName", nameChars)}},
		{"not ASCII", `{"StreamName":"é"}`, "", []string{at("streamName", nameChars)}},
		{"line break", `{"StreamName":"a\n"}`, "", []string{at("streamName", nameChars)}},
		{"neither", `{}`, "", []string{at("streamName", null)}},
		{"null", `{"StreamName":null}`, "", []string{at("streamName", null)}},

		{"ARN", `{"StreamARN":"` + arn + `orders"}`, "orders", nil},
		{"ARN elsewhere", `{"StreamARN":"arn:aws-cn:kinesis:cn-north-1:000000000000:stream/orders"}`, "orders", nil},
		{"ARN without region", `{"StreamARN":"arn:aws:kinesis::000000000000:stream/orders"}`, "orders", nil},
		{"ARN with longest name", `{"StreamARN":"` + arn + long + `"}`, long, nil},
		{"ARN with too long a name", `{"StreamARN":"` + arn + long + `a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of no name", `{"StreamARN":"` + arn + `"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of bad name", `{"StreamARN":"` + arn + `a-"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of consumer", `{"StreamARN":"` + arn + `a/consumer/b:1"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of another service", `{"StreamARN":"arn:aws:sqs:eu-central-1:111111111111:stream/a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of another partition", `{"StreamARN":"arn:other:kinesis:eu-central-1:111111111111:stream/a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of short account", `{"StreamARN":"arn:aws:kinesis:eu-central-1:11111111111:stream/a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of lettered account", `{"StreamARN":"arn:aws:kinesis:eu-central-1:11111111111a:stream/a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of too few parts", `{"StreamARN":"arn:aws:kinesis:stream/a"}`, "", []string{at("streamARN", notAnARN)}},
		{"ARN of too many parts", `{"StreamARN":"` + arn + `a:b"}`, "", []string{at("streamARN", notAnARN)}},
		{"name as ARN", `{"StreamARN":"orders"}`, "", []string{at("streamARN", notAnARN)}},
		{"empty ARN alone", `{"StreamARN":""}`, "",
			[]string{at("streamName", null), at("streamARN", atLeastOne), at("streamARN", notAnARN)}},
		{"long ARN", `{"StreamARN":"` + strings.Repeat("a", 2049) + `"}`, "",
			[]string{at("streamARN", atMost(2048)), at("streamARN", notAnARN)}},

		{"both, the same", `{"StreamName":"orders","StreamARN":"` + arn + `orders"}`, "orders", nil},
		{"both, different", `{"StreamName":"orders","StreamARN":"` + arn + `returns"}`, "",
			[]string{at("streamARN", "Member must name the same stream as streamName")}},
		{"both, malformed", `{"StreamName":"1","StreamARN":"x"}`, "",
			[]string{at("streamName", nameChars), at("streamARN", notAnARN)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := decoded[kinesis.DescribeStreamSummaryInput](t, test.body)
			wantViolations(t, in, test.violations...)
			if test.violations == nil && in.Stream() != test.stream {
				t.Errorf("stream %q, want %q", in.Stream(), test.stream)
			}
		})
	}
}

func TestValidateRecord(t *testing.T) {
	const above = "340282366920938463463374607431768211456"
	tests := []struct {
		name, members string
		violations    []string // with PATH for where the record's members are
	}{
		{"least", `"Data":"","PartitionKey":"k"`, nil},
		{"no data", `"PartitionKey":"k"`, []string{at("PATHdata", null)}},
		{"null data", `"Data":null,"PartitionKey":"k"`, []string{at("PATHdata", null)}},
		{"largest data", `"Data":"` + base64Of(1<<20) + `","PartitionKey":"k"`, nil},
		{"too much data", `"Data":"` + base64Of(1<<20+1) + `","PartitionKey":"k"`, []string{at("PATHdata", atMost(1048576))}},
		{"no key", `"Data":""`, []string{at("PATHpartitionKey", null)}},
		{"empty key", `"Data":"","PartitionKey":""`, []string{at("PATHpartitionKey", atLeastOne)}},
		{"longest key", `"Data":"","PartitionKey":"` + strings.Repeat("k", 256) + `"`, nil},
		{"longest key in 4-byte characters", `"Data":"","PartitionKey":"` + strings.Repeat("😀", 256) + `"`, nil},
		{"longest key in surrogates", `"Data":"","PartitionKey":"` + strings.Repeat(`\ud83d\ude00`, 256) + `"`, nil},
		{"too long a key", `"Data":"","PartitionKey":"` + strings.Repeat("k", 257) + `"`, []string{at("PATHpartitionKey", atMost(256))}},
		{"too long a key in 4-byte characters", `"Data":"","PartitionKey":"` + strings.Repeat("😀", 257) + `"`,
			[]string{at("PATHpartitionKey", atMost(256))}},
		{"least hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":"0"`, nil},
		{"null hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":null`, nil},
		{"greatest hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":"` + hashkey.Max().String() + `"`, nil},
		{"hash key beyond", `"Data":"","PartitionKey":"k","ExplicitHashKey":"` + above + `"`, []string{outside(above)}},
		{"hash key of 40 digits", `"Data":"","PartitionKey":"k","ExplicitHashKey":"` + strings.Repeat("1", 40) + `"`,
			[]string{at("PATHexplicitHashKey", hashKeys)}},
		{"empty hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":""`, []string{at("PATHexplicitHashKey", hashKeys)}},
		{"leading zero", `"Data":"","PartitionKey":"k","ExplicitHashKey":"01"`, []string{at("PATHexplicitHashKey", hashKeys)}},
		{"signed hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":"-1"`, []string{at("PATHexplicitHashKey", hashKeys)}},
		{"lettered hash key", `"Data":"","PartitionKey":"k","ExplicitHashKey":"1a"`, []string{at("PATHexplicitHashKey", hashKeys)}},
		{"everything", `"Data":null,"PartitionKey":"","ExplicitHashKey":"x"`,
			[]string{at("PATHdata", null), at("PATHpartitionKey", atLeastOne), at("PATHexplicitHashKey", hashKeys)}},
		{"both texts", `"PartitionKey":"k","ExplicitHashKey":"` + above + `"`, []string{at("PATHdata", null), outside(above)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			one := decoded[kinesis.PutRecordInput](t, `{"StreamName":"s",`+test.members+`}`)
			wantViolations(t, one, placed(test.violations, "")...)
			many := decoded[kinesis.PutRecordsInput](t,
				`{"StreamName":"s","Records":[{"Data":"","PartitionKey":"k"},{`+test.members+`}]}`)
			wantViolations(t, many, placed(test.violations, "records.2.member.")...)
			if one.Stream() != "s" || many.Stream() != "s" {
				t.Errorf("streams %q and %q", one.Stream(), many.Stream())
			}
		})
	}
}

func placed(violations []string, path string) []string {
	out := slices.Clone(violations)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "PATH", path)
	}
	return out
}

func TestValidateRecords(t *testing.T) {
	const above = "340282366920938463463374607431768211456"
	list := func(n int, record string) string {
		return `{"StreamName":"s","Records":[` + strings.TrimSuffix(strings.Repeat(record+",", n), ",") + `]}`
	}
	var tenKeys []string
	for i := range 10 {
		tenKeys = append(tenKeys, at(fmt.Sprintf("records.%d.member.partitionKey", i+1), atLeastOne))
	}
	noKey, good := `{"Data":"","PartitionKey":""}`, `{"Data":"","PartitionKey":"k"}`
	tests := []struct {
		name, body string
		violations []string
	}{
		{"absent", `{"StreamName":"s"}`, []string{at("records", null)}},
		{"null", `{"StreamName":"s","Records":null}`, []string{at("records", null)}},
		{"none", list(0, good), []string{at("records", atLeastOne)}},
		{"one", list(1, good), nil},
		{"500", list(500, good), nil},
		{"501", list(501, good), []string{at("records", atMost(500))}},
		{"5000", list(5000, good), []string{at("records", atMost(500))}},
		{"null record", list(1, `null`), []string{at("records.1.member.data", null), at("records.1.member.partitionKey", null)}},
		{"nothing", `{}`, []string{at("streamName", null), at("records", null)}},
		{"ten violations", list(10, noKey), tenKeys},
		{"eleven violations", list(11, noKey), tenKeys},
		{"501 and more", list(501, noKey), append([]string{at("records", atMost(500))}, tenKeys[:9]...)},
		{"two hash keys beyond", list(2, `{"Data":"","PartitionKey":"k","ExplicitHashKey":"`+above+`"}`),
			[]string{outside(above), outside(above)}},
		{"everywhere, in order", `{"Records":[{"PartitionKey":"k"},{"Data":"","PartitionKey":"k","ExplicitHashKey":"` + above +
			`"},{"Data":"","PartitionKey":""}],"StreamName":"-a"}`,
			[]string{at("streamName", nameChars), at("records.1.member.data", null), outside(above),
				at("records.3.member.partitionKey", atLeastOne)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantViolations(t, decoded[kinesis.PutRecordsInput](t, test.body), test.violations...)
		})
	}
}

func TestValidateSize(t *testing.T) {
	const mib = 1 << 20
	request := func(last int, key string) *kinesis.PutRecordsInput {
		in := &kinesis.PutRecordsInput{StreamName: "s"}
		for range 4 {
			in.Records = append(in.Records, kinesis.PutRecordsEntry{Data: make([]byte, mib-1), PartitionKey: "k"})
		}
		in.Records = append(in.Records, kinesis.PutRecordsEntry{Data: make([]byte, last), PartitionKey: key, ExplicitHashKey: "1"})
		return in
	}
	wantViolations(t, request(mib-1, "k"))
	wantViolations(t, request(mib, "k"), size)
	wantViolations(t, request(mib-2, "é"))
	wantViolations(t, request(mib-1, "é"), size)

	over := request(mib+1, "k")
	over.StreamName = ""
	wantViolations(t, over, at("streamName", null), size, at("records.5.member.data", atMost(mib)))
}

func TestValidateOrdering(t *testing.T) {
	const pattern = `Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})`
	for number, violations := range map[string][]string{
		"0":                            nil,
		"1":                            nil,
		"9" + strings.Repeat("0", 128): nil,
		"9" + strings.Repeat("0", 129): {at("sequenceNumberForOrdering", pattern)},
		"00":                           {at("sequenceNumberForOrdering", pattern)},
		"":                             {at("sequenceNumberForOrdering", pattern)},
		"x":                            {at("sequenceNumberForOrdering", pattern)},
	} {
		wantViolations(t, decoded[kinesis.PutRecordInput](t,
			`{"StreamName":"s","Data":"","PartitionKey":"k","SequenceNumberForOrdering":"`+number+`"}`), violations...)
	}
}

func TestValidateCreateStream(t *testing.T) {
	const (
		modes = "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"
		least = "Member must have value greater than or equal to 1"
		most  = "Member must have value less than or equal to 1000"
	)
	tests := []struct {
		members    string
		violations []string
	}{
		{`"StreamName":"s"`, nil},
		{`"StreamName":"s","ShardCount":1`, nil},
		{`"StreamName":"s","ShardCount":1000`, nil},
		{`"StreamName":"s","ShardCount":null`, nil},
		{`"StreamName":"s","ShardCount":0`, []string{at("shardCount", least)}},
		{`"StreamName":"s","ShardCount":-1`, []string{at("shardCount", least)}},
		{`"StreamName":"s","ShardCount":1001`, []string{at("shardCount", most)}},
		{`"StreamName":"s","ShardCount":1e400`, []string{at("shardCount", most)}},
		{`"StreamName":"s","ShardCount":-1e400`, []string{at("shardCount", least)}},
		{`"StreamName":"s","ShardCount":99999999999999999999`, []string{at("shardCount", most)}},
		{`"StreamName":"s","StreamModeDetails":null`, nil},
		{`"StreamName":"s","StreamModeDetails":{"StreamMode":"PROVISIONED"}`, nil},
		{`"StreamName":"s","StreamModeDetails":{"StreamMode":"ON_DEMAND"}`, nil},
		{`"StreamName":"s","StreamModeDetails":{"StreamMode":"on_demand"}`, []string{at("streamModeDetails.streamMode", modes)}},
		{`"StreamName":"s","StreamModeDetails":{"StreamMode":""}`, []string{at("streamModeDetails.streamMode", modes)}},
		{`"StreamName":"s","StreamModeDetails":{}`, []string{at("streamModeDetails.streamMode", null)}},
		{`"StreamName":"s","WarmThroughputMiBps":[]`, nil},
		{`"StreamName":"s","MaxRecordSizeInKiB":1024,"RecordDistributionStrategy":"USER_PARTITION_KEY"`, nil},
		{`"StreamName":"s","MaxRecordSizeInKiB":1025,"RecordDistributionStrategy":"AUTO"`, []string{
			at("maxRecordSizeInKiB", "Member must have value less than or equal to 1024"),
			at("recordDistributionStrategy", "Member must satisfy enum value set: [USER_PARTITION_KEY]")}},
		{`"StreamName":"s","Tags":{"team":"a b","":null}`, nil},
		{`"StreamName":"s","Tags":null`, nil},
		{`"StreamName":"s","Tags":{}`, []string{at("tags", atLeastOne)}},
		{`"StreamName":"s","Tags":{"a;b":""}`, []string{badTags}},
		{`"StreamARN":"` + arn + `s"`, []string{at("streamName", null)}},
		{`"StreamModeDetails":{"StreamMode":"x"},"ShardCount":0,"StreamName":""`,
			[]string{at("streamName", atLeastOne), at("streamName", nameChars), at("shardCount", least), at("streamModeDetails.streamMode", modes)}},
	}
	for _, test := range tests {
		t.Run(test.members, func(t *testing.T) {
			wantViolations(t, decoded[kinesis.CreateStreamInput](t, `{`+test.members+`}`), test.violations...)
		})
	}
}

// Errors must never send back what a producer put into a record.
func TestValidationEchoesNoData(t *testing.T) {
	secret := []byte("hunter2")
	in := &kinesis.PutRecordsInput{
		StreamName: "hunter2_", StreamARN: "hunter2",
		Records: []kinesis.PutRecordsEntry{{
			Data:            bytes.Repeat(secret, 1<<20),
			PartitionKey:    strings.Repeat("hunter2", 100),
			ExplicitHashKey: "hunter2",
		}},
	}
	err := in.Validate()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

func TestExplicitHash(t *testing.T) {
	for text, want := range map[string]*hashkey.Key{
		"":                        nil,
		"0":                       {},
		"18446744073709551616":    {Hi: 1},
		hashkey.Max().String():    {Hi: ^uint64(0), Lo: ^uint64(0)},
		"not a number, unchecked": nil,
	} {
		entry := kinesis.PutRecordsEntry{ExplicitHashKey: text}
		one := kinesis.PutRecordInput{ExplicitHashKey: text}
		for _, got := range []*hashkey.Key{entry.ExplicitHash(), one.ExplicitHash()} {
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%q: %v, want %v", text, got, want)
			}
		}
	}
}
