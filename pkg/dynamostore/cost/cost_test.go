package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/dynamostore/dynamolocal"
)

var local dynamolocal.Server

func TestMain(m *testing.M) {
	code := m.Run()
	local.Stop()
	os.Exit(code)
}

// TestBounds: no way to send records costs more than an item for each, and small ones in large requests cost a twentieth
// of that. DynamoDB bills by the formula that the store's layout was made for.
func TestBounds(t *testing.T) {
	b, err := newBench(t.Context(), local.Endpoint(t), "bounds")
	if err != nil {
		t.Fatal(err)
	}
	atMost := map[shape]float64{ // write units for 1,000 records
		{500, 100, kindJSON}:   50,
		{100, 100, kindJSON}:   100,
		{500, 1024, kindJSON}:  300,
		{1, 1024, kindJSON}:    2000, // 3,000 where a record is not compressed
		{500, 100, kindRandom}: 125,
	}
	for _, s := range shapes() {
		f, err := b.measure(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if f.writing() > f.single {
			t.Errorf("%s: %.0f write units for 1,000 records, and %.0f with an item for each", s, f.perThousand(f.writing()), f.perThousand(f.single))
		}
		if most, bounded := atMost[s]; bounded && f.perThousand(f.writing()) > most {
			t.Errorf("%s: %.0f write units for 1,000 records, want %.0f at most", s, f.perThousand(f.writing()), most)
		}
		if f.putting != f.formula {
			t.Errorf("%s: the items cost %.1f write units, and %.1f by the formula", s, f.putting, f.formula)
		}
		if most := float64(f.requests * min(shards, s.records)); f.allocating > most {
			t.Errorf("%s: %.1f write units for allocations, want one for each of %.0f at most", s, f.allocating, most)
		}
	}
}

// TestReport: the tables have what the README shows of them.
func TestReport(t *testing.T) {
	var out bytes.Buffer
	measured := []figures{
		{shape: shape{500, 100, kindJSON}, requests: 2, single: 1008,
			consumed: consumed{allocating: 8, putting: 32, reading: 8, items: 8, bytes: 30_000, formula: 32}},
		{shape: shape{100, 1024, kindJSON}, requests: 1, single: 200, consumed: consumed{putting: 20}},
		{shape: shape{1, 1024, kindJSON}, requests: 1, single: 2, consumed: consumed{putting: 2}},
	}
	if err := report(&out, measured, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"500 × 100 B JSON     40    1008  25.2x   8.0    8.0              30",
		"0      0.00     0.00      0.00      1.78   1.78    10.80     43.20      28.80",
		"too few",
		"otherwise than",
		"US dollars a month, requests of 1 × 1 KB JSON",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if err := report(&out, measured[:2], time.Second); err == nil {
		t.Error("a shape was missing, and nobody said so")
	}
}

// TestMonth: one month, by hand.
func TestMonth(t *testing.T) {
	f := figures{shape: shape{500, 100, kindJSON}, requests: 2,
		consumed: consumed{allocating: 8, putting: 32, reading: 8, items: 8, bytes: 30_000}}
	b := f.month(1e6) // 30 million records in 60,000 requests
	for name, c := range map[string]struct{ got, want float64 }{
		"DynamoDB": {b.dynamoDB, 1.2e6*0.625e-6 + 240e3*0.125e-6},
		"storage":  {b.storage, 3e6 * 30.8 / (1 << 30) * 0.45},
		"requests": {b.requests, 60e3*(1.2e-6+(0.020+0.150*50_000/(1<<20))*0.5*0.0000133334+700*0.5/(1<<30)) +
			30e6*(100*4.0/3/(512<<10)*1e-6+0.150*100/(1<<20)*0.5*0.0000133334)},
		"total":              {b.total(), b.dynamoDB + b.storage + b.requests},
		"idle":               {f.month(0).total(), 0},
		"a poll a second":    {polling(time.Second), 2_592_000 * (1.2e-6 + 0.010*0.5*0.0000133334 + 700*0.5/(1<<30) + 0.125e-6)},
		"a request of 5 MB":  {request(0, 5<<20), 14*1e-6 + 0.2e-6 + 0.75*0.5*0.0000133334 + 700*0.5/(1<<30)},
		"one shard":          {f.provisioned(1e6, 1), 10.80 + 0.42},
		"4 shards, 30 KB":    {shape{1, 30 << 10, kindJSON}.provisioned(1e6, 4), 43.20 + 0.84},
		"on demand, 100 B":   {f.onDemand(1e6), 28.80 + 30e6*1024/(1<<30)*0.08 + 30e6*100/(1<<30)*0.04},
		"on demand, 1,025 B": {shape{1, 1025, kindJSON}.onDemand(1e6), 28.80 + 30e6*2048/(1<<30)*0.08 + 30e6*1025/(1<<30)*0.04},
	} {
		if math.Abs(c.got-c.want) > 1e-9*max(c.want, 1) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	for _, c := range []struct {
		s      shape
		perDay float64
		shards int
		want   bool
	}{
		{shape{1, 100, kindJSON}, 86.4e6, 1, true},
		{shape{1, 100, kindJSON}, 86.5e6, 1, false},
		{shape{1, 100, kindJSON}, 86.5e6, 2, true},
		{shape{1, 10 << 10, kindJSON}, 8.8e6, 1, true},
		{shape{1, 10 << 10, kindJSON}, 8.9e6, 1, false},
	} {
		if got := c.s.carries(c.perDay, c.shards); got != c.want {
			t.Errorf("%s, %v a day on %d shards: %v", c.s, c.perDay, c.shards, got)
		}
	}
}

func TestBreakEven(t *testing.T) {
	line := func(start, slope float64) func(float64) float64 {
		return func(x float64) float64 { return start + slope*x }
	}
	for name, c := range map[string]struct {
		here, there func(float64) float64
		want        float64
	}{
		"they meet":                {line(0, 3e-6), line(10, 1e-6), 5e6},
		"they meet, the other way": {line(10, 1e-6), line(0, 3e-6), 5e6},
		"dearer from zero":         {line(10, 3e-6), line(10, 1e-6), 0},
		"always dearer":            {line(20, 3e-6), line(10, 1e-6), 0},
		"always cheaper":           {line(0, 1e-6), line(10, 1e-6), math.Inf(1)},
	} {
		if got := breakEven(c.here, c.there); math.Abs(got-c.want) > 1 && got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestItemBytes(t *testing.T) {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for name, c := range map[string]struct {
		item map[string]types.AttributeValue
		want int
	}{
		"text":            {map[string]types.AttributeValue{"pk": text("é1")}, 2 + 3},
		"bytes":           {map[string]types.AttributeValue{"data": &types.AttributeValueMemberB{Value: make([]byte, 9)}}, 4 + 9},
		"nothing":         {map[string]types.AttributeValue{"n": number("0")}, 1 + 1},
		"an odd number":   {map[string]types.AttributeValue{"n": number("123")}, 1 + 3},
		"an even number":  {map[string]types.AttributeValue{"n": number("1234")}, 1 + 3},
		"a round number":  {map[string]types.AttributeValue{"n": number("12000")}, 1 + 2},
		"several of them": {map[string]types.AttributeValue{"pk": text("a"), "n": number("1")}, 3 + 3},
	} {
		if got := itemBytes(c.item); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
	for bytes, want := range map[int]float64{1: 1, 1024: 1, 1025: 2, 400 << 10: 400} {
		if got := putUnits(bytes); got != want {
			t.Errorf("%d bytes: %v write units, want %v", bytes, got, want)
		}
	}
}

var errDown = errors.New("down")

// broken fails, or does not say what it consumed.
type broken struct {
	dynamostore.API
	err error
}

func (b broken) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if b.err != nil {
		return nil, b.err
	}
	return &dynamodb.PutItemOutput{}, nil
}

func (b broken) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{ConsumedCapacity: &types.ConsumedCapacity{CapacityUnits: aws.Float64(2)}}, b.err
}

// TestMeterMissesNothing: a sum that lacks a request is not told as one.
func TestMeterMissesNothing(t *testing.T) {
	for _, err := range []error{nil, errDown} {
		m := &meter{API: broken{err: err}}
		if _, got := m.PutItem(t.Context(), &dynamodb.PutItemInput{}); !errors.Is(got, err) {
			t.Errorf("the caller gets %v, want %v", got, err)
		}
		if _, got := m.reset(); got == nil || !errors.Is(got, err) && err != nil {
			t.Errorf("a request with the error %v went unseen: %v", err, got)
		}
	}
	m := &meter{API: broken{}}
	if _, err := m.GetItem(t.Context(), &dynamodb.GetItemInput{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []float64{2, 0} {
		if sum, err := m.reset(); err != nil || sum.reading != want {
			t.Errorf("%v read units, error %v; want %v", sum.reading, err, want)
		}
	}
}
