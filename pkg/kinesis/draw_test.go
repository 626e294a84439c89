package kinesis_test

import (
	"encoding/json"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
)

func genText() *rapid.Generator[string] { return rapid.StringN(0, 20, -1) }

// genTime draws absent times and points in time to the millisecond.
func genTime() *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(-1e12, 1e14), func(ms int64) time.Time {
		return time.UnixMilli(ms).UTC()
	}))
}

// genResults draws entries of records that were stored and of others that were not, in any order.
func genResults() *rapid.Generator[kinesis.PutRecordsResults] {
	return rapid.Custom(func(t *rapid.T) (r kinesis.PutRecordsResults) {
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "failed") {
				r.Parts = append(r.Parts, kinesis.PutRecordsPart{ErrorCode: "Code" + genText().Draw(t, "code"), ErrorMessage: genText().Draw(t, "message")})
				continue
			}
			n := seqnum.Number{
				ShardCreated: time.Unix(rapid.Int64Range(0, 1<<36-1).Draw(t, "created"), 0), Shard: rapid.Uint32().Draw(t, "shard"),
				Slot: rapid.Uint64Range(0, seqnum.MaxSlot).Draw(t, "slot"), Arrival: time.Unix(rapid.Int64Range(0, 1<<36-1).Draw(t, "arrival"), 0),
			}
			r.Parts = append(r.Parts, kinesis.PutRecordsPart{Numbers: n.Run(), ShardId: genText().Draw(t, "shard id")})
		}
		for range rapid.IntRange(0, 8).Draw(t, "records") {
			r.Places = append(r.Places, kinesis.PutRecordsPlace{
				Part: rapid.Int32Range(0, int32(len(r.Parts)-1)).Draw(t, "part"), Index: rapid.Int32Range(0, seqnum.PerSlot-1).Draw(t, "index"),
			})
		}
		return r
	})
}

// The numbers of twoResults.
const (
	firstNumber  = "49646437577108476416916876410158719563084260707141681154"
	secondNumber = "49646437577108476416916876410159928488903875336316387330"
)

// twoResults is the entries of the first two records of a slot.
func twoResults() kinesis.PutRecordsResults {
	first := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Slot: 7, Arrival: time.Unix(1700000001, 0)}
	return kinesis.PutRecordsResults{
		Parts:  []kinesis.PutRecordsPart{{Numbers: first.Run(), ShardId: "s"}},
		Places: []kinesis.PutRecordsPlace{{}, {Index: 1}},
	}
}

// drawInput draws an input of any type with anything in it, valid or not.
func drawInput(t *rapid.T) kinesis.Input {
	in := rapid.SampledFrom(inputs()).Draw(t, "type")
	drawInto(t, reflect.ValueOf(in).Elem(), "")
	return in
}

func drawInto(t *rapid.T, v reflect.Value, label string) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = genText().Draw(t, label)
	case *int:
		*p = int(rapid.Int32().Draw(t, label))
	case *bool:
		*p = rapid.Bool().Draw(t, label)
	case *time.Time:
		*p = genTime().Draw(t, label)
	case *[]byte:
		*p = rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40), rapid.Just([]byte(nil))).Draw(t, label)
	case *[]string:
		*p = rapid.OneOf(rapid.SliceOfN(genText(), 0, 5), rapid.Just([]string(nil))).Draw(t, label)
	case *map[string]string:
		*p = rapid.OneOf(rapid.MapOfN(genText(), genText(), 0, 5), rapid.Just(map[string]string(nil))).Draw(t, label)
	case *kinesis.PutRecordsResults:
		*p = genResults().Draw(t, label)
	default:
		drawComposite(t, v, label)
	}
}

func drawComposite(t *rapid.T, v reflect.Value, label string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				drawInto(t, v.Field(i), label+"."+field.Name)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, label+" given") {
			v.Set(reflect.New(v.Type().Elem()))
			drawInto(t, v.Elem(), label)
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 5).Draw(t, label+" length") {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			drawInto(t, v.Index(v.Len()-1), label)
		}
	default:
		t.Fatalf("%s: no draw of %s", label, v.Type())
	}
}

func zeroOf(in kinesis.Input) kinesis.Input {
	return reflect.New(reflect.TypeOf(in).Elem()).Interface().(kinesis.Input)
}

// marshal writes v by other code than the package's: every member, what is nil or a zero time as null.
func marshal(t rapid.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(plain(reflect.ValueOf(v)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plain returns what encoding/json is to write for v.
func plain(v reflect.Value) any {
	if at, ok := v.Interface().(time.Time); ok {
		if at.IsZero() {
			return nil
		}
		return float64(at.UnixMilli()) / 1000
	}
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return plain(v.Elem())
	case v.Kind() == reflect.Struct:
		members := map[string]any{}
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				members[field.Name] = plain(v.Field(i))
			}
		}
		return members
	case v.Kind() == reflect.Slice && !v.IsNil() && v.Type().Elem().Kind() == reflect.Struct:
		elements := []any{}
		for i := range v.Len() {
			elements = append(elements, plain(v.Index(i)))
		}
		return elements
	}
	return v.Interface()
}

// namesNoStream tells whether a valid input speaks of no stream by its name.
func namesNoStream(in kinesis.Input) bool {
	switch in := in.(type) {
	case *kinesis.ListStreamsInput, *kinesis.DescribeLimitsInput, *kinesis.GetRecordsInput:
		return true
	case *kinesis.ListShardsInput:
		return in.NextToken != ""
	}
	return false
}
