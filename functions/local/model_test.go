package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	wire "millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
)

// model is AWS's own description of the API, from which the SDKs are made. It comes with boto3.
type model struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
	}
	Shapes map[string]shape
}

// shape is a type of the model.
type shape struct {
	Type     string
	Required []string
	Members  map[string]struct{ Shape string }
	Member   struct{ Shape string } // of a list
	Key      struct{ Shape string } // of a map
	Value    struct{ Shape string }
	Min, Max *int
	Pattern  string
	Enum     []string
}

func readModel(t *testing.T) model {
	t.Helper()
	python := fetchBoto3(t)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(python)), "lib/python3*/site-packages/botocore/data/kinesis/2013-12-02/service-2.json.gz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the model is not where boto3 %s has it: %v %v", boto3Version, files, err)
	}
	file, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.NewDecoder(text).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOperationsOfAWS: each operation of the API is served, or refused with a text that says so, and then the README names it.
func TestOperationsOfAWS(t *testing.T) {
	m := readModel(t)
	url := startServer(t, "-memory").url
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, op := range operations {
		served[op.action] = true
		if _, ok := m.Operations[op.action]; !ok {
			t.Errorf("AWS has no %s", op.action)
		}
	}
	for action := range m.Operations {
		said := send(t, http.DefaultClient, url, action, "{}")
		refused := fmt.Sprintf(`400 {"__type":"UnknownOperationException","message":"%s is not supported by this endpoint"}`, action)
		switch {
		case served[action] && strings.Contains(said, "UnknownOperationException"):
			t.Errorf("%s: %s", action, said)
		case !served[action] && (said != refused || !strings.Contains(string(readme), "`"+action+"`")):
			t.Errorf("%s: %s; the README must name it", action, said)
		}
	}
}

// meant are the ways in which the members that are served differ from AWS's description, and why.
var meant = []struct{ what, why string }{
	{`\w+: StreamName\b.* pattern \[a-zA-Z0-9_.-\]\+, here \[a-zA-Z\]\[a-zA-Z0-9-\]\*`, "the contract of PutRecords has fewer names; AWS's service too refuses some that its description allows"},
	{`\w+: StreamName is needed here`, "where there is no StreamARN: the description cannot say so"},
	{`(\w+): (StreamARN|ResourceARN)\b.* pattern arn:aws.*`, "no name that cannot be; channels and queues are not served"},
	{`\w+: StreamId is not known here`, "streams of one name are told apart by StreamCreationTimestamp"},
	{`CreateStream: WarmThroughputMiBps is not known here`, "there is nothing to warm"},
	{`CreateStream: MaxRecordSizeInKiB has value at most 10240, here 1024`, "the contract of PutRecords has 1 MB"},
	{`CreateStream: RecordDistributionStrategy is one of \["AUTO" "USER_PARTITION_KEY"\], here \["USER_PARTITION_KEY"\]`, "records go where their keys say"},
	{`CreateStream: ShardCount has value at most unbounded, here 1000`, "a limit of this endpoint"},
	{`UpdateStreamMode: WarmThroughputMiBps is not known here`, "there is nothing to warm"},
	{`PutRecords?: (Records.1.)?PartitionKey is needed here`, "AWS can do without where it distributes records itself, which is not served"},
	{`PutRecords?: (Records.1.)?Data has length at most 10485760, here 1048576`, "the contract of PutRecords has 1 MB"},
	{`DescribeLimits: answers no (ChannelCount|ChannelCountLimit)`, "there are no channels"},
	{`DescribeStream(Summary)?: answers no \w+\.(KeyId|StreamId|WarmThroughput|MaxRecordSizeInKiB|ChannelCount|RecordDistributionStrategy|QueueCount)`,
		"none of these is served, and all may be absent"},
}

// TestMembersOfAWS compares the members of every operation, what they may be, and which are answered, with AWS's description.
func TestMembersOfAWS(t *testing.T) {
	m := readModel(t)
	var found []string
	for _, op := range operations {
		c := comparison{model: m, in: reflect.TypeOf(op.in).Elem(), found: &found, action: op.action}
		c.structure(m.Operations[op.action].Input.Shape, c.in, "", func(v any) any { return v })
		c.output(m.Operations[op.action].Output.Shape, op.out)
	}
	used := make([]bool, len(meant))
	for _, difference := range found {
		i := slices.IndexFunc(meant, func(d struct{ what, why string }) bool {
			return regexp.MustCompile("^(?:" + d.what + ")$").MatchString(difference)
		})
		if i < 0 {
			t.Error(difference)
			continue
		}
		used[i] = true
	}
	for i, d := range meant {
		if !used[i] {
			t.Errorf("%q is not so: nothing differs like this", d.what)
		}
	}
}

// comparison is that of one operation.
type comparison struct {
	model
	action string
	in     reflect.Type
	found  *[]string
}

func (c comparison) differs(format string, args ...any) {
	*c.found = append(*c.found, c.action+": "+fmt.Sprintf(format, args...))
}

// structure compares the members of a structure at a path, where body makes a body that has a value there.
func (c comparison) structure(name string, t reflect.Type, path string, body func(any) any) {
	s := c.Shapes[name]
	missing := c.complaints(body(object{}))
	for member := range s.Members {
		at := path + member
		field, known := t.FieldByName(member)
		if !known {
			c.differs("%s is not known here", at)
			continue
		}
		needed := slices.Contains(missing, told(at, "Member must not be null"))
		if wanted := slices.Contains(s.Required, member); needed && !wanted {
			c.differs("%s is needed here", at)
		} else if wanted && !needed {
			c.differs("%s is not needed here", at)
		}
		c.member(s.Members[member].Shape, field.Type, at, func(v any) any { return body(object{member: v}) })
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && s.Members[f.Name].Shape == "" {
			c.differs("%s%s is not AWS's", path, f.Name)
		}
	}
}

// member compares what a member may be.
func (c comparison) member(name string, t reflect.Type, at string, body func(any) any) {
	s := c.Shapes[name]
	isOf := func(kind reflect.Kind) {
		if t.Kind() != kind {
			c.differs("%s is a %s, here %s", at, s.Type, t)
		}
	}
	lengthOf := func(make func(n int) any) { c.bounds(s, at, "length", body, make) }
	switch s.Type {
	case "string":
		isOf(reflect.String)
		c.text(s, at, body)
		lengthOf(func(n int) any { return strings.Repeat("a", n) })
	case "integer":
		isOf(reflect.Int)
		c.bounds(s, at, "value", body, func(n int) any { return n })
	case "boolean":
		isOf(reflect.Bool)
	case "timestamp":
		if t != reflect.TypeFor[time.Time]() {
			c.differs("%s is a %s, here %s", at, s.Type, t)
		}
	case "blob":
		isOf(reflect.Slice)
		lengthOf(func(n int) any { return make([]byte, n) })
	case "list":
		isOf(reflect.Slice)
		one := func(v any) any { return body(list{v}) }
		if c.Shapes[s.Member.Shape].Type == "structure" {
			lengthOf(func(n int) any { return slices.Repeat(list{object{}}, n) })
			c.structure(s.Member.Shape, t.Elem(), at+".1.", one)
			return
		}
		lengthOf(func(n int) any { return slices.Repeat(list{"a"}, n) })
		c.each(s.Member.Shape, at, "Member", func(n int) any { return one(strings.Repeat("a", n)) })
	case "map":
		isOf(reflect.Map)
		lengthOf(func(n int) any {
			all := object{}
			for i := range n {
				all[fmt.Sprint(i)] = ""
			}
			return all
		})
		c.each(s.Key.Shape, at, "Map keys", func(n int) any { return body(object{strings.Repeat("a", n): ""}) })
		c.each(s.Value.Shape, at, "Map value", func(n int) any { return body(object{"a": strings.Repeat("a", n)}) })
	case "structure":
		isOf(reflect.Pointer)
		c.structure(name, t.Elem(), at+".", body)
	default:
		c.differs("%s is a %s, of which this test knows nothing", at, s.Type)
	}
}

// text compares the pattern and the values of a text.
func (c comparison) text(s shape, at string, body func(any) any) {
	const pattern, values = "Member must satisfy regular expression pattern: ", "Member must satisfy enum value set: "
	hasPattern, hasValues := "", []string(nil)
	for _, complaint := range c.complaints(body("\x00")) {
		if p, ok := strings.CutPrefix(complaint, told(at, pattern)); ok && hasPattern == "" {
			hasPattern = p
		}
		if v, ok := strings.CutPrefix(complaint, told(at, values)); ok {
			hasValues = strings.Split(strings.Trim(v, "[]"), ", ")
		}
	}
	if want := regexp.MustCompile(`^\^\((.*)\)\$$`).ReplaceAllString(s.Pattern, "$1"); want != hasPattern {
		c.differs("%s has the pattern %s, here %s", at, want, hasPattern)
	}
	slices.Sort(s.Enum)
	slices.Sort(hasValues)
	if !slices.Equal(s.Enum, hasValues) {
		c.differs("%s is one of %q, here %q", at, s.Enum, hasValues)
	}
}

// far is a length or value beyond any bound but the longest, which the model states.
const far = 20_000

// bounds compares the least and the most of a value, or of a length, and tries them.
func (c comparison) bounds(s shape, at, of string, body func(any) any, value func(int) any) {
	most, least := far, -far
	if s.Max != nil {
		most = *s.Max + 1
	}
	if of == "length" {
		least = 0
	}
	for _, bound := range []struct {
		want       *int
		name, text string
		beyond     int
	}{
		{s.Max, "at most", "Member must have " + of + " less than or equal to ", most},
		{s.Min, "at least", "Member must have " + of + " greater than or equal to ", least},
	} {
		text := told(at, bound.text)
		n, bounded := 0, false
		for _, complaint := range c.complaints(body(value(bound.beyond))) {
			if count, ok := strings.CutPrefix(complaint, text); ok {
				_, err := fmt.Sscan(count, &n)
				bounded = err == nil
			}
		}
		if bounded && slices.Contains(c.complaints(body(value(n))), text+fmt.Sprint(n)) {
			c.differs("%s has %s %s %d, and %d is refused", at, of, bound.name, n, n)
		}
		want, has := "unbounded", "unbounded"
		if bound.want != nil && (of == "value" || bound.name == "at most" || *bound.want > 0) {
			want = fmt.Sprint(*bound.want)
		}
		if bounded {
			has = fmt.Sprint(n)
		}
		if want != has {
			c.differs("%s has %s %s %s, here %s", at, of, bound.name, want, has)
		}
	}
}

// each compares the lengths of the texts in a list or map, which are told together.
func (c comparison) each(name, at, what string, body func(n int) any) {
	s := c.Shapes[name]
	if s.Type != "string" || s.Min == nil || s.Max == nil || s.Pattern != "" {
		c.differs("%s has %s of a %s, of which this test knows nothing", at, what, s.Type)
		return
	}
	text := told(at, fmt.Sprintf("%s must satisfy constraint: [Member must have length less than or equal to %d, "+
		"Member must have length greater than or equal to %d]", what, *s.Max, *s.Min))
	for n, refused := range map[int]bool{*s.Min - 1: true, *s.Min: false, *s.Max: false, *s.Max + 1: true} {
		if n >= 0 && slices.Contains(c.complaints(body(n)), text) != refused {
			c.differs("%s with %s of %d: want refused %t", at, what, n, refused)
		}
	}
}

// told is how a constraint is told of the member at a path such as Records.1.PartitionKey.
func told(at, constraint string) string {
	var steps []string
	for _, step := range strings.Split(at, ".") {
		steps = append(steps, strings.ToLower(step[:1])+step[1:])
		if step == "1" {
			steps = append(steps, "member")
		}
	}
	return "Value at '" + strings.Join(steps, ".") + "' failed to satisfy constraint: " + constraint
}

// complaints returns which limits a body breaks, each as it is told.
func (c comparison) complaints(body any) []string {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	in := reflect.New(c.in).Interface().(wire.Input)
	if err := wire.JSON.Decode(text, in); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	err = in.Validate()
	if err == nil {
		return nil
	}
	_, all, several := strings.Cut(err.Error(), " detected: ")
	if !several { // one that AWS tells without a count
		return []string{err.Error()}
	}
	return strings.Split(all, "; ")
}

// output compares the members of an answer: each that is AWS's is there, filled, and those that must be are even where they
// are empty.
func (c comparison) output(name string, out wire.Output) {
	if out == nil {
		if len(c.Shapes[name].Members) > 0 {
			c.differs("answers nothing")
		}
		return
	}
	filled := reflect.New(reflect.TypeOf(out).Elem())
	fill(filled.Elem())
	c.answered(name, "", decodedOutput(filled.Interface().(wire.Output)), decodedOutput(out))
}

// fill gives every member a value that is not zero.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
	case v.Type() == reflect.TypeFor[wire.PutRecordsResults]():
		v.Set(reflect.ValueOf(oneOfEach()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case v.Kind() == reflect.String:
		v.SetString("text")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	default:
		panic("no value for a " + v.Type().String())
	}
}

// oneOfEach is the entry of a record that was stored and that of one that was not: they have different members.
func oneOfEach() wire.PutRecordsResults {
	first := seqnum.Number{ShardCreated: time.Unix(1, 0), Slot: 1, Arrival: time.Unix(1, 0)}
	return wire.PutRecordsResults{
		Parts:  []wire.PutRecordsPart{{Numbers: first.Run(), ShardId: "text"}, {ErrorCode: "text", ErrorMessage: "text"}},
		Places: []wire.PutRecordsPlace{{Part: 0}, {Part: 1}},
	}
}

func decodedOutput(out wire.Output) any {
	var v any
	if err := json.Unmarshal(wire.JSON.Encode(nil, out), &v); err != nil {
		panic(err)
	}
	return v
}

// together returns the elements of a list as one that has the members of all.
func together(items []any) any {
	all, ok := items[0].(map[string]any)
	for _, item := range items[1:] {
		if members, same := item.(map[string]any); ok && same {
			maps.Copy(all, members)
		}
	}
	return items[0]
}

// answered compares a value of an answer, once filled and once empty, with the shape of that name.
func (c comparison) answered(name, path string, filled, empty any) {
	s := c.Shapes[name]
	if items, ok := filled.([]any); ok && s.Type == "list" {
		c.answered(s.Member.Shape, path, together(items), nil)
		return
	}
	members, isMap := filled.(map[string]any)
	if isMap != (s.Type == "structure") {
		c.differs("answers %T at %q, which is a %s", filled, path, s.Type)
		return
	}
	without, _ := empty.(map[string]any)
	for member := range s.Members {
		at := strings.TrimPrefix(path+"."+member, ".")
		v, ok := members[member]
		if !ok {
			c.differs("answers no %s", at)
			continue
		}
		if _, there := without[member]; empty != nil && !there && slices.Contains(s.Required, member) {
			c.differs("answers no %s where it is empty", at)
		}
		c.answered(s.Members[member].Shape, at, v, without[member])
	}
	for member := range members {
		if s.Members[member].Shape == "" {
			c.differs("answers %s.%s, which is not AWS's", path, member)
		}
	}
}
