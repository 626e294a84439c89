package hashkey_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
)

// The messages and digests of RFC 1321, appendix A.5.
var rfc1321 = map[string]string{
	"":                           "d41d8cd98f00b204e9800998ecf8427e",
	"a":                          "0cc175b9c0f1b6a831c399e269772661",
	"abc":                        "900150983cd24fb0d6963f7d28e17f72",
	"message digest":             "f96b697d7cb7938d525a2f31aaf161d0",
	"abcdefghijklmnopqrstuvwxyz": "c3fcd3d76192e4007dfb496cca67e13b",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789":                   "d174ab98d277d9f5a5611c2c9f419d9f",
	"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "57edf4a22be3c955ac49da2e2107b67a",
}

func TestOf(t *testing.T) {
	for partitionKey, digest := range rfc1321 {
		want, _ := new(big.Int).SetString(digest, 16)
		if got := hashkey.Of(partitionKey).String(); got != want.String() {
			t.Errorf("hash key of %q is %s, want %s", partitionKey, got, want)
		}
	}
}

const top = "340282366920938463463374607431768211455"

func TestParse(t *testing.T) {
	for _, s := range []string{"0", "1", "10", "18446744073709551615", "18446744073709551616", "170141183460469231731687303715884105728", top} {
		k, err := hashkey.Parse(s)
		if err != nil || k.String() != s {
			t.Errorf("Parse(%q) = %s, %v", s, k, err)
		}
	}
	for _, s := range []string{
		"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "١", "340282366920938463463374607431768211456",
		"340282366920938463463374607431768211460", "999999999999999999999999999999999999999", "1" + strings.Repeat("0", 39),
	} {
		if k, err := hashkey.Parse(s); !errors.Is(err, hashkey.ErrInvalid) {
			t.Errorf("Parse(%q) = %s, %v; want ErrInvalid", s, k, err)
		}
	}
}

func drawKey(t *rapid.T, label string) hashkey.Key {
	return hashkey.Key{Hi: rapid.Uint64().Draw(t, label+" hi"), Lo: rapid.Uint64().Draw(t, label+" lo")}
}

func toBig(t *rapid.T, k hashkey.Key) *big.Int {
	b, ok := new(big.Int).SetString(k.String(), 10)
	if !ok {
		t.Fatalf("String gives %q", k)
	}
	return b
}

// TestKeysAreIntegers holds parsing, order and stepping against math/big.
func TestKeysAreIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawKey(t, "a"), drawKey(t, "b")
		if got, err := hashkey.Parse(a.String()); err != nil || got != a {
			t.Fatalf("%v prints as %s, which parses to %v, %v", a, a, got, err)
		}
		if got, want := a.Compare(b), toBig(t, a).Cmp(toBig(t, b)); got != want {
			t.Fatalf("Compare is %d, want %d", got, want)
		}
		one := big.NewInt(1)
		if a != hashkey.Max() && toBig(t, a.Next()).Cmp(new(big.Int).Add(toBig(t, a), one)) != 0 {
			t.Fatalf("the key after %s is %s", a, a.Next())
		}
		if a.Next().Prev() != a || a.Prev().Next() != a {
			t.Fatalf("Next and Prev of %s do not undo each other", a)
		}
	})
	if (hashkey.Key{}) != hashkey.Max().Next() || hashkey.Max().String() != top {
		t.Errorf("the key after %s is %s", hashkey.Max(), hashkey.Max().Next())
	}
}

// TestUniform checks the boundaries for every shard count from 1 to 64 against the rule, in math/big.
func TestUniform(t *testing.T) {
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	for n := 1; n <= 64; n++ {
		size := new(big.Int).Quo(all, big.NewInt(int64(n)))
		ranges := hashkey.Uniform(n)
		if len(ranges) != n {
			t.Fatalf("%d ranges, want %d", len(ranges), n)
		}
		for i, r := range ranges {
			start := new(big.Int).Mul(size, big.NewInt(int64(i)))
			end := new(big.Int).Sub(new(big.Int).Add(start, size), big.NewInt(1))
			if i == n-1 {
				end.Sub(all, big.NewInt(1))
			}
			if r.Start.String() != start.String() || r.End.String() != end.String() {
				t.Errorf("range %d of %d is %s, want [%s, %s]", i, n, r, start, end)
			}
			checkOwner(t, ranges, r.Start, i)
			checkOwner(t, ranges, r.End, i)
		}
	}
}

func checkOwner(t *testing.T, ranges []hashkey.Range, k hashkey.Key, owner int) {
	t.Helper()
	for i, r := range ranges {
		if r.Contains(k) != (i == owner) {
			t.Errorf("range %d of %d contains %s: %v", i, len(ranges), k, r.Contains(k))
		}
	}
}

// TestFloor holds the search against a walk.
func TestFloor(t *testing.T) {
	half := rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64Range(math.MaxUint64-3, math.MaxUint64), rapid.Uint64())
	key := rapid.Custom(func(t *rapid.T) hashkey.Key { return hashkey.Key{Hi: half.Draw(t, "hi"), Lo: half.Draw(t, "lo")} })
	rapid.Check(t, func(t *rapid.T) {
		keys := append(rapid.SliceOfN(key, 0, 20).Draw(t, "keys"), hashkey.Key{})
		slices.SortFunc(keys, hashkey.Key.Compare)
		k := rapid.OneOf(key, rapid.SampledFrom(keys)).Draw(t, "k")
		want := len(keys) - 1
		for keys[want].Compare(k) > 0 {
			want--
		}
		if got := hashkey.Floor(keys, k); got != want {
			t.Fatalf("among %v, %v is found at %d, want %d", keys, k, got, want)
		}
	})
}

// BenchmarkFloor compares the search with one that branches.
func BenchmarkFloor(b *testing.B) {
	keys := make([]hashkey.Key, 8192)
	for i := range keys {
		keys[i] = hashkey.Key{Hi: rand.Uint64(), Lo: rand.Uint64()}
	}
	for _, n := range []int{4, 1000} {
		var starts []hashkey.Key
		for _, r := range hashkey.Uniform(n) {
			starts = append(starts, r.Start)
		}
		b.Run(fmt.Sprintf("%d/floor", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				hashkey.Floor(starts, keys[i%len(keys)])
			}
		})
		b.Run(fmt.Sprintf("%d/slices", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				_, _ = slices.BinarySearchFunc(starts, keys[i%len(keys)], hashkey.Key.Compare)
			}
		})
	}
}

// Two shards, as `aws kinesis describe-stream` prints them: the boundary that users meet most.
func TestUniformTwo(t *testing.T) {
	got := hashkey.Uniform(2)
	if got[0].String() != "[0, 170141183460469231731687303715884105727]" ||
		got[1].String() != "[170141183460469231731687303715884105728, "+top+"]" {
		t.Errorf("two ranges: %v", got)
	}
}

func TestUniformPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Uniform(0) returned")
		}
	}()
	hashkey.Uniform(0)
}
