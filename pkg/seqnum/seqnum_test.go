package seqnum_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/seqnum"
)

func draw(t *rapid.T, label string) seqnum.Number {
	seconds := rapid.Int64Range(0, 1<<36-1)
	return seqnum.Number{
		ShardCreated: time.Unix(seconds.Draw(t, label+" created"), 0).UTC(),
		Shard:        rapid.Uint32().Draw(t, label+" shard"),
		Slot:         rapid.Uint64Range(0, seqnum.MaxSlot).Draw(t, label+" slot"),
		Index:        rapid.IntRange(0, seqnum.PerSlot-1).Draw(t, label+" index"),
		Arrival:      time.Unix(seconds.Draw(t, label+" arrival"), 0).UTC(),
	}
}

// digits writes a number by its layout, the slow way.
func digits(n seqnum.Number) string {
	return fmt.Sprintf("2%09x%x%016x00%09x%08x2", n.ShardCreated.Unix(), n.Shard&0xf, n.Slot*512+uint64(n.Index), n.Arrival.Unix(), n.Shard)
}

func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t, "n")
		want, _ := new(big.Int).SetString(digits(n), 16)
		if got := n.String(); got != want.String() || len(got) != seqnum.Digits {
			t.Fatalf("%+v is %s, want %s", n, got, want)
		}
		back, err := seqnum.Parse(n.String())
		if err != nil || back != n {
			t.Fatalf("%+v prints as %s, which parses to %+v, %v", n, n, back, err)
		}
	})
}

// TestOrder: within a shard, numbers order by slot and index whatever the arrival times, as text, as integers and by
// Compare.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		b.Shard, b.ShardCreated = a.Shard, a.ShardCreated
		if rapid.Bool().Draw(t, "near") {
			b.Slot = a.Slot
		}
		want := new(big.Int).SetUint64(a.Slot*512 + uint64(a.Index)).Cmp(new(big.Int).SetUint64(b.Slot*512 + uint64(b.Index)))
		if want == 0 {
			want = int(a.Arrival.Compare(b.Arrival))
		}
		if got := strings.Compare(a.String(), b.String()); got != want {
			t.Fatalf("as text: %d, want %d", got, want)
		}
		if got := a.Compare(b); got != want {
			t.Fatalf("Compare: %d, want %d", got, want)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Shard: 3, Slot: 7, Index: 1, Arrival: time.Unix(1700000001, 0)}
	change := func(position int, digit string) string {
		hex := []byte(digits(good))
		copy(hex[position:], digit)
		b, _ := new(big.Int).SetString(string(hex), 16)
		return b.String()
	}
	if _, err := seqnum.Parse(change(0, "2")); err != nil {
		t.Fatalf("the number unchanged: %v", err)
	}
	for name, s := range map[string]string{
		"empty": "", "short": "123", "letters": strings.Repeat("a", 56), "signed": "-" + good.String()[1:], "spaces": " " + good.String()[1:],
		"leading zero": "0" + good.String()[1:], "long": good.String() + "0",
		"all nines":         strings.Repeat("9", 56),
		"first digit":       change(0, "3"),
		"low digit differs": change(10, "4"),
		"zero byte":         change(27, "01"),
		"last digit":        change(46, "1"),
	} {
		if n, err := seqnum.Parse(s); !errors.Is(err, seqnum.ErrInvalid) {
			t.Errorf("%s: Parse(%q) = %+v, %v; want ErrInvalid", name, s, n, err)
		}
	}
}

func TestStringPanics(t *testing.T) {
	for name, n := range map[string]seqnum.Number{
		"slot":    {Slot: seqnum.MaxSlot + 1, ShardCreated: time.Unix(0, 0), Arrival: time.Unix(0, 0)},
		"index":   {Index: 512, ShardCreated: time.Unix(0, 0), Arrival: time.Unix(0, 0)},
		"created": {ShardCreated: time.Unix(-1, 0), Arrival: time.Unix(0, 0)},
		"arrival": {ShardCreated: time.Unix(0, 0), Arrival: time.Unix(1<<36, 0)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s out of range: String returned", name)
				}
			}()
			_ = n.String()
		}()
	}
}

func FuzzParse(f *testing.F) {
	f.Add("49590338271490256608559692538361571095921575989136588898")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := seqnum.Parse(s)
		if err == nil && n.String() != s {
			t.Errorf("Parse(%q) = %+v, which prints as %s", s, n, n)
		}
	})
}

// TestRun: a run writes what its numbers write themselves.
func TestRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t, "n")
		run, room := n.Run(), []byte(strings.Repeat("x", seqnum.Digits+1))
		for i := range seqnum.PerSlot - n.Index {
			run.Put(room, i)
			want := n
			want.Index += i
			if got := string(room); got != want.String()+"x" {
				t.Fatalf("number %d of the run from %s is %s, want %s", i, n, got, want)
			}
		}
	})
}

// TestRunCarries: a run's first 18 digits change where the others overflow.
func TestRunCarries(t *testing.T) {
	n := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Shard: 3, Arrival: time.Unix(1700000001, 0)}
	least, _ := new(big.Int).SetString(n.String(), 10)
	overflow := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
	slot := new(big.Int).Lsh(big.NewInt(seqnum.PerSlot), 80) // between the numbers of two slots
	for range 20 {
		least.Add(least, overflow)
		n.Slot = 0
		zero, _ := new(big.Int).SetString(n.String(), 10)
		to := new(big.Int).Mul(new(big.Int).Quo(least, overflow), overflow) // the first 18 digits change there
		n.Slot = to.Sub(to, zero).Quo(to, slot).Uint64()
		last := n
		last.Index = seqnum.PerSlot - 1
		if n.String()[:18] == last.String()[:18] {
			t.Fatalf("the digits of slot %d do not overflow: from %s to %s", n.Slot, n, last)
		}
		run, got := n.Run(), make([]byte, seqnum.Digits)
		for i := range seqnum.PerSlot {
			want := n
			want.Index = i
			if run.Put(got, i); string(got) != want.String() {
				t.Fatalf("number %d of the run from %s is %s, want %s", i, n, got, want)
			}
		}
	}
}

func TestRunPanics(t *testing.T) {
	n := seqnum.Number{ShardCreated: time.Unix(0, 0), Arrival: time.Unix(0, 0), Index: 500}
	run := n.Run()
	for _, i := range []int{-1, 12, 512} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("number %d of a run of 12 was written", i)
				}
			}()
			run.Put(make([]byte, seqnum.Digits), i)
		}()
	}
}

func BenchmarkRun(b *testing.B) {
	n := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Shard: 3, Slot: 7, Index: 1, Arrival: time.Unix(1700000001, 0)}
	run, room := n.Run(), make([]byte, seqnum.Digits)
	for i := 0; b.Loop(); i++ {
		run.Put(room, i%500)
	}
}

func BenchmarkAppend(b *testing.B) {
	n := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Shard: 3, Slot: 7, Index: 1, Arrival: time.Unix(1700000001, 0)}
	room := make([]byte, 0, seqnum.Digits)
	for b.Loop() {
		room = n.Append(room[:0])
	}
}

func BenchmarkString(b *testing.B) {
	n := seqnum.Number{ShardCreated: time.Unix(1700000000, 0), Shard: 3, Slot: 7, Index: 1, Arrival: time.Unix(1700000001, 0)}
	b.ReportAllocs()
	for b.Loop() {
		_ = n.String()
	}
}
