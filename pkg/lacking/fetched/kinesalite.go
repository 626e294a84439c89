//go:build unix

package fetched

import (
	"path/filepath"
	"testing"
)

// Kinesalite returns the folder of the npm package kinesalite 3.3.3, after which none was published. Of what it needs, leveldown
// alone would have to be compiled, and is not: it serves from memory.
func Kinesalite(t testing.TB) string {
	t.Helper()
	return filepath.Join(NPM(t, "kinesalite@3.3.3"), "kinesalite")
}
