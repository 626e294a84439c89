package hashkey_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"millrace/pkg/hashkey"
)

func hashTogether(keys []hashkey.Key, partitionKeys []string) {
	h := hashkey.NewHasher(keys)
	for i, partitionKey := range partitionKeys {
		h.Set(i, partitionKey)
	}
	h.Flush()
}

// checkHasher holds a Hasher of the partition keys against Of, which is crypto/md5.
func checkHasher(t interface{ Fatalf(string, ...any) }, partitionKeys []string) {
	keys := make([]hashkey.Key, len(partitionKeys))
	hashTogether(keys, partitionKeys)
	for i, partitionKey := range partitionKeys {
		if want := hashkey.Of(partitionKey); keys[i] != want {
			t.Fatalf("of %d partition keys, the hash key of number %d, %q, is %s; want %s", len(keys), i, partitionKey, keys[i], want)
		}
	}
}

// TestHasherLengths: keys of all lengths that differ in how they are padded stand side by side, in every place.
func TestHasherLengths(t *testing.T) {
	for length := range 140 {
		for first := range 9 {
			var partitionKeys []string
			for i := range first {
				partitionKeys = append(partitionKeys, fmt.Sprint(i))
			}
			for i := range 10 {
				partitionKeys = append(partitionKeys, strings.Repeat(string(rune('a'+i)), length+i))
			}
			checkHasher(t, partitionKeys)
		}
	}
}

func TestHasher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitionKeys := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringN(0, 256, -1)), 0, 40).Draw(t, "partition keys")
		checkHasher(t, partitionKeys)
	})
}

// BenchmarkHasher compares the time of a key among 500 with that of each by itself.
func BenchmarkHasher(b *testing.B) {
	for _, length := range []int{12, 36, 55, 56} {
		b.Run(fmt.Sprintf("%d bytes", length), func(b *testing.B) {
			partitionKeys := make([]string, 500)
			for i := range partitionKeys {
				partitionKeys[i] = fmt.Sprintf("%0*d", length, i)
			}
			keys := make([]hashkey.Key, len(partitionKeys))
			b.Run("together", func(b *testing.B) {
				for b.Loop() {
					hashTogether(keys, partitionKeys)
				}
			})
			b.Run("one by one", func(b *testing.B) {
				for b.Loop() {
					for i, partitionKey := range partitionKeys {
						keys[i] = hashkey.Of(partitionKey)
					}
				}
			})
		})
	}
}
