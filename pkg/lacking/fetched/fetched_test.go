//go:build unix

package fetched

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// ownCache gives the test a cache folder of its own.
func ownCache(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir) // from which a Mac's is taken
}

// TestFolderIsFilledOnce: of many tests that need a folder at the same time one fills it, and all find it complete.
func TestFolderIsFilledOnce(t *testing.T) {
	ownCache(t)
	var fills atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir := folder(t, "client-1.0", func(dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "client"), nil, 0o644)
			})
			if _, err := os.Stat(filepath.Join(dir, "client")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("it was filled %d times", n)
	}
	one, other := folder(t, "client-1.0", nil), folder(t, "client-1.1", func(string) error { return nil })
	if one == other {
		t.Errorf("both versions are in %s", one)
	}
}

// TestFolderNotFilled: a test whose folder cannot be filled is skipped, and the next one tries again.
func TestFolderNotFilled(t *testing.T) {
	ownCache(t)
	t.Setenv("CI", "")
	t.Setenv("MILLRACE_NOT_TESTED", filepath.Join(t.TempDir(), "not-tested"))
	skipped := false
	t.Run("refused", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		folder(t, "client-1.0", func(string) error { return errors.New("no route to the registry") })
	})
	if !skipped {
		t.Error("the test went on")
	}
	note, err := os.ReadFile(os.Getenv("MILLRACE_NOT_TESTED"))
	if want := fmt.Sprintf("%s/refused: client-1.0: no route to the registry\n", t.Name()); err != nil || string(note) != want {
		t.Errorf("noted is %q, %v, want %q", note, err, want)
	}
	filled := false
	folder(t, "client-1.0", func(string) error { filled = true; return nil })
	if !filled {
		t.Error("it was not tried again")
	}
}

// TestNames: what is asked for names its folder, so that another version is fetched anew.
func TestNames(t *testing.T) {
	ownCache(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for name, get := range map[string]func() string{
		"cfn-lint-1.58.0-aws-sam-translator-1.115.0/bin":                func() string { return Python(t, "cfn-lint==1.58.0", "aws-sam-translator==1.115.0") },
		"client-kinesis-3.1143.0-node-http-handler-4.14.2/node_modules": func() string { return NPM(t, "@aws-sdk/client-kinesis@3.1143.0", "@smithy/node-http-handler@4.14.2") },
		"kinesalite-3.3.3/node_modules/kinesalite":                      func() string { return Kinesalite(t) },
	} {
		top, _, _ := strings.Cut(name, "/")
		dir, want := filepath.Join(cache, "millrace", top), filepath.Join(cache, "millrace", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := get(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
