package kinesis

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSound: what a record says of itself at a glance is what a look at its members says, however it came.
func TestSound(t *testing.T) {
	zeros := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	members := []struct {
		name   string
		values []any
	}{
		{"Data", []any{"", "YQ==", nil, zeros(MaxRecordData), zeros(MaxRecordData + 1)}},
		{"PartitionKey", []any{"", "k", "ключ", nil, strings.Repeat("k", 256), strings.Repeat("k", 257), strings.Repeat("ж", 128), strings.Repeat("ж", 129), strings.Repeat("ж", 257)}},
		{"ExplicitHashKey", []any{"", "0", "7", "x", nil, "340282366920938463463374607431768211455", "340282366920938463463374607431768211456"}},
	}
	rapid.Check(t, func(t *rapid.T) {
		record := map[string]any{}
		for _, m := range members {
			if i := rapid.IntRange(-1, len(m.values)-1).Draw(t, m.name); i >= 0 {
				record[m.name] = m.values[i]
			}
		}
		body, err := json.Marshal(map[string]any{"Records": []any{record}})
		if err != nil {
			t.Fatal(err)
		}
		in := new(PutRecordsInput)
		if err := JSON.Decode(body, in); err != nil {
			t.Fatal(err)
		}
		e := &in.Records[0]
		v := validator{given: &presence{}}
		v.inside(step{member: "Records", index: 1}, e)
		if e.sound() && len(v.found) > 0 {
			t.Fatalf("%.200s is sound, and breaks %v", body, v.found)
		}
		_, given := record["ExplicitHashKey"]
		if ascii := len(e.PartitionKey) <= MaxPartitionKey; !e.sound() && !given && ascii && len(v.found) == 0 {
			t.Fatalf("%.200s breaks nothing, and is looked at", body)
		}
	})
}

// BenchmarkValidate looks at a request of 500 records.
func BenchmarkValidate(b *testing.B) {
	in := &PutRecordsInput{StreamName: "orders"}
	for range 500 {
		in.Records = append(in.Records, PutRecordsEntry{Data: make([]byte, 100), PartitionKey: "customer-17"})
	}
	for b.Loop() {
		if err := in.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
