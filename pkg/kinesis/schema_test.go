package kinesis

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample has a member of every type that a schema can have.
type sample struct {
	presence
	Text      string
	Integer   int
	Boolean   bool
	Timestamp time.Time
	Blob      []byte
	Texts     []string
	Map       map[string]string
	Nested    *sample
	List      []sample
	Last      string
}

var (
	sampleText  = shape{min: 1, max: 3}
	sampleTexts = shape{min: 1, max: 2, each: &sampleText}
	sampleMap   = shape{min: 1, max: 2, keys: &sampleText, each: &shape{max: 4, patterns: []pattern{{"x*", allX}}, values: []string{"", "x"}}}
)

func allX(s string) bool { return strings.Trim(s, "x") == "" }

func (s *sample) members(v visitor) {
	v.text("Text", &s.Text, optional, &sampleText)
	v.integer("Integer", &s.Integer, optional, nil)
	v.boolean("Boolean", &s.Boolean, optional)
	v.timestamp("Timestamp", &s.Timestamp, optional)
	v.blob("Blob", &s.Blob, optional, nil)
	v.texts("Texts", &s.Texts, optional, &sampleTexts)
	v.textMap("Map", &s.Map, optional, &sampleMap)
	v.structure("Nested", behind(&s.Nested), optional)
	v.list("List", listOf(&s.List), optional, &shape{max: 2})
	v.text("Last", &s.Last, optional, &sampleText)
}

func readSample(t *testing.T, body string) (*sample, *Error) {
	t.Helper()
	in := new(sample)
	return in, decode(newJSONSource([]byte(body)), in)
}

func TestDecodeEveryType(t *testing.T) {
	const (
		list   = "Start of list found where not expected"
		object = "Start of structure or map found where not expected."
		number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
	)
	values := []string{`true`, `23`, `"23"`, `[]`, `{}`}
	tests := map[string][5]string{ // what is said of each value; "" where it converts
		"Text":      {"class java.lang.Boolean can not be converted to an String", number + " can not be converted to an String", "", list, object},
		"Integer":   {"class java.lang.Boolean can not be converted to an Integer", "", "class java.lang.String can not be converted to an Integer", list, object},
		"Boolean":   {"", number + " can not be converted to an Boolean", "'23' can not be converted to an Boolean", list, object},
		"Timestamp": {"class java.lang.Boolean can not be converted to milliseconds since epoch", "", "class java.lang.String can not be converted to milliseconds since epoch", list, object},
		"Blob":      {"class java.lang.Boolean can not be converted to a Blob", number + " can not be converted to a Blob", "'23' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 2", list, object},
		"Texts":     {"Expected list or null", "Expected list or null", "Expected list or null", "", object},
		"List":      {"Expected list or null", "Expected list or null", "Expected list or null", "", object},
		"Map":       {"Expected map or null", "Expected map or null", "Expected map or null", list, ""},
		"Nested":    {"Expected null", "Expected null", "Expected null", list, ""},
	}
	for member, messages := range tests {
		for i, value := range values {
			for _, body := range []string{
				fmt.Sprintf(`{"%s":%s}`, member, value),
				fmt.Sprintf(`{"Nested":{"%s":%s},"Text":[]}`, member, value),
				fmt.Sprintf(`{"List":[{},{},{},{"%s":%s}],"Text":[]}`, member, value),
			} {
				want := messages[i]
				if want == "" && strings.Contains(body, `"Text":[]`) {
					want = list
				}
				_, err := readSample(t, body)
				switch {
				case want == "" && err != nil:
					t.Errorf("%s: %v", body, err)
				case want != "" && (err == nil || err.Message != want || err.Code != codeSerialization):
					t.Errorf("%s: %v, want %q", body, err, want)
				}
			}
		}
	}
	for body, want := range map[string]string{
		`{"Texts":["a",5]}`:            number + " can not be converted to an String",
		`{"Map":{"a":"b","c":true}}`:   "class java.lang.Boolean can not be converted to an String",
		`{"Boolean":"hellowtf"}`:       "'HELLOWTF' can not be converted to an Boolean",
		`{"List":[{"Integer":"x"},5]}`: "class java.lang.String can not be converted to an Integer",
	} {
		if _, err := readSample(t, body); err == nil || err.Message != want {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestDecodeValues(t *testing.T) {
	in, err := readSample(t, `{"Boolean":true,"Timestamp":1459799926.4804,"Texts":["a",null,"b","c","d"],"Unknown":{"Text":"z"},
		"Map":{"a":"1","b":null,"c":"2","c":"3"},"Nested":{"Text":"in","Nested":{"Integer":4}},"Integer":5,
		"List":[{"Text":"1"},{"Text":"2"},{"Text":"3"},{"Integer":4}],"Text":"out"}`)
	if err != nil {
		t.Fatal(err)
	}
	if !in.Boolean || !in.Timestamp.Equal(time.UnixMilli(1459799926480)) || in.Text != "out" || in.Integer != 5 {
		t.Errorf("%+v", in)
	}
	if !reflect.DeepEqual(in.Texts, []string{"a", "b", "c"}) {
		t.Errorf("texts %q: one more than the limit is kept", in.Texts)
	}
	if !reflect.DeepEqual(in.Map, map[string]string{"a": "1", "c": "3"}) {
		t.Errorf("map %v", in.Map)
	}
	if in.Nested.Text != "in" || in.Nested.Nested.Integer != 4 {
		t.Errorf("nested %+v", in.Nested)
	}
	if len(in.List) != 3 || in.List[1].Text != "2" || in.List[2].Text != "" || in.List[2].Integer != 4 {
		t.Errorf("list %+v: one more than the limit is kept, and the last one read is whole", in.List)
	}
}

func TestDecodeLastCounts(t *testing.T) {
	in, err := readSample(t, `{"Text":"a","Text":null,"Integer":1,"Integer":null,"Boolean":true,"Boolean":null,"Timestamp":1,"Timestamp":null,
		"Blob":"QQ==","Blob":null,"Texts":["a"],"Texts":null,"Map":{"a":"b"},"Map":null,"Nested":{"Text":"a"},"Nested":null,
		"List":[{}],"List":null}`)
	if err != nil || !reflect.DeepEqual(in, new(sample)) {
		t.Errorf("%+v, %v", in, err)
	}
	in, err = readSample(t, `{"Map":{"a":"1","a":null}}`)
	if err != nil || len(in.Map) != 0 {
		t.Errorf("map %v, %v", in.Map, err)
	}
	in, err = readSample(t, `{"Nested":{"Text":"a"},"Nested":{"Integer":1},"Texts":["a"],"Texts":[],"List":[{"Text":"a"}],"List":[{}]}`)
	if err != nil || in.Nested.Text != "" || in.Nested.Integer != 1 || len(in.Texts) != 0 || len(in.List) != 1 || in.List[0].Text != "" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestDecodeAfterUnknown(t *testing.T) {
	in, err := readSample(t, `{"Nested":{"Unknown":1},"Text":"a","List":[{"Unknown":[{}]},{"Text":"b","Unknown":{"Last":"x"}}],"Last":"c"}`)
	if err != nil || in.Text != "a" || len(in.List) != 2 || in.List[1].Text != "b" || in.Last != "c" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestValidateAfterNested(t *testing.T) {
	const want = "2 validation errors detected: Value at 'list.1.member.last' failed to satisfy constraint: " +
		"Member must have length greater than or equal to 1; " +
		"Value at 'last' failed to satisfy constraint: Member must have length greater than or equal to 1"
	in, err := readSample(t, `{"Last":"","List":[{"Last":""},{}],"Nested":{"Integer":0}}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(in); err == nil || err.(*Error).Message != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestDecodeTextsAsBooleans(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "yes": true, "1": true, "false": false, "No": false, "0": false} {
		in, err := readSample(t, `{"Boolean":"`+text+`"}`)
		if err != nil || in.Boolean != want || !in.has(2) {
			t.Errorf("%s: %v, %v", text, in.Boolean, err)
		}
	}
}

func TestDecodeTimestamp(t *testing.T) {
	for number, want := range map[string]int64{
		"0": 0, "1.5": 1500, "1.45979992648E9": 1459799926480, "-0.001": -1, "1e300": maxTimestamp, "-1e999": -maxTimestamp,
	} {
		in, err := readSample(t, `{"Timestamp":`+number+`}`)
		if err != nil || in.Timestamp.UnixMilli() != want {
			t.Errorf("%s: %v, %v", number, in.Timestamp, err)
		}
	}
}

func TestValidateCollections(t *testing.T) {
	const (
		texts = "Member must satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to 1]"
		keys  = "Map keys must satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to 1]"
		value = "Map value must satisfy constraint: [Member must have length less than or equal to 4, " +
			"Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: x*, Member must satisfy enum value set: [, x]]"
	)
	tests := []struct {
		in   sample
		want string
	}{
		{sample{}, ""},
		{sample{Texts: []string{"a", "abc"}, Map: map[string]string{"a": "x", "abc": ""}}, ""},
		{sample{Texts: []string{}}, "1 validation error detected: Value at 'texts' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{sample{Texts: []string{"a", "b", "c"}}, "1 validation error detected: Value at 'texts' failed to satisfy constraint: Member must have length less than or equal to 2"},
		{sample{Texts: []string{"", "abcd"}}, "1 validation error detected: Value at 'texts' failed to satisfy constraint: " + texts},
		{sample{Map: map[string]string{}}, "1 validation error detected: Value at 'map' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{sample{Map: map[string]string{"": "y"}}, "2 validation errors detected: Value at 'map' failed to satisfy constraint: " + keys +
			"; Value at 'map' failed to satisfy constraint: " + value},
		{sample{Nested: &sample{List: []sample{{}, {Text: "abcd"}}}, Text: "abcd"},
			"2 validation errors detected: Value at 'text' failed to satisfy constraint: Member must have length less than or equal to 3; " +
				"Value at 'nested.list.2.member.text' failed to satisfy constraint: Member must have length less than or equal to 3"},
	}
	for _, test := range tests {
		err := validate(&test.in)
		if (err == nil) != (test.want == "") || err != nil && err.(*Error).Message != test.want {
			t.Errorf("%+v:\n%v\nwant\n%s", test.in, err, test.want)
		}
	}
}

func TestEncodeEveryType(t *testing.T) {
	whole := &sample{
		Text: "<\"\\\n😀\xff>", Integer: -5, Boolean: true, Timestamp: time.UnixMilli(-1500), Blob: []byte{0, 1, 2, 3},
		Texts: []string{"a", "b"}, Map: map[string]string{"b": "2", "a": "1"}, Nested: &sample{Texts: []string{}}, List: []sample{{}, {Integer: 1}},
	}
	want := `{"Text":"<\"\\\n😀` + "\ufffd" + `>","Integer":-5,"Boolean":true,"Timestamp":-1.5,"Blob":"AAECAw==","Texts":["a","b"],` +
		`"Map":{"a":"1","b":"2"},"Nested":{"Texts":[]},"List":[{},{"Integer":1}]}`
	if got := string(encode(newJSONSink(nil), whole)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := string(encode(newJSONSink([]byte("x")), new(sample))); got != "x{}" {
		t.Errorf("zero sample: %s", got)
	}
}

func TestEncodeTimestamp(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0", 1: "0.001", 10: "0.01", 1000: "1", 1700000000000: "1700000000", 1700000000120: "1700000000.12", -1: "-0.001",
	} {
		s := newJSONSink(nil)
		s.timestamp(time.UnixMilli(ms).Add(999 * time.Microsecond))
		if got := string(s.bytes()); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}

// A schema reads what it wrote, structures kept by value and required members included.
func TestDecodeReadsWhatEncodeWrites(t *testing.T) {
	out := &DescribeStreamSummaryOutput{StreamDescriptionSummary: StreamDescriptionSummary{
		StreamName: "orders", StreamARN: StreamARN("eu-central-1", "111111111111", "orders"), StreamStatus: StatusCreating,
		StreamModeDetails: StreamModeDetails{StreamMode: StreamModeOnDemand}, RetentionPeriodHours: 24,
		StreamCreationTimestamp: time.UnixMilli(1700000000123), OpenShardCount: 4,
	}}
	body := encode(newJSONSink(nil), out)
	var read DescribeStreamSummaryOutput
	if err := decode(newJSONSource(body), &read); err != nil {
		t.Fatal(err)
	}
	got := read.StreamDescriptionSummary
	if got.StreamName != "orders" || got.StreamModeDetails.StreamMode != StreamModeOnDemand || got.OpenShardCount != 4 ||
		!got.StreamCreationTimestamp.Equal(time.UnixMilli(1700000000123)) || len(got.EnhancedMonitoring) != 1 {
		t.Errorf("%+v", got)
	}
	if again := encode(newJSONSink(nil), &read); string(again) != string(body) {
		t.Errorf("%s\nread and written again\n%s", body, again)
	}
}
