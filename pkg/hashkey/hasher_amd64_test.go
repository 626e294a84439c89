package hashkey

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestHasAVX2 asks the system.
func TestHasAVX2(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system has no /proc/cpuinfo")
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, _ := strings.Cut(string(info), "\nflags\t")
	flags, _, _ = strings.Cut(flags, "\n")
	if want := strings.Contains(flags+" ", " avx2 "); hasAVX2() != want {
		t.Errorf("%v, and the system says %v: %s", hasAVX2(), want, flags)
	}
}

// TestHasherWithout: a processor without AVX2 has the same hash keys.
func TestHasherWithout(t *testing.T) {
	partitionKeys := []string{"", "a", "abc", strings.Repeat("x", 60)}
	keys := make([]Key, len(partitionKeys))
	h := NewHasher(keys)
	h.wide = false
	for i, partitionKey := range partitionKeys {
		h.Set(i, partitionKey)
		if keys[i] != Of(partitionKey) {
			t.Errorf("the hash key of %q is %s", partitionKey, keys[i])
		}
	}
}
