package keys_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"millrace/pkg/keys"
)

func load(t *testing.T, f keys.File) []keys.Key {
	t.Helper()
	all, unreadable, err := f.Load(t.Context())
	if err != nil || unreadable != nil {
		t.Fatalf("load: %v, %v", unreadable, err)
	}
	return all
}

func TestFile(t *testing.T) {
	f := keys.File{Path: filepath.Join(t.TempDir(), "keys.json")}
	if _, _, err := f.Load(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	a, b := newKey(t, "Put*", "orders*"), newKey(t, "*", "*")
	for _, k := range []keys.Key{a, b} {
		if err := f.Add(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if got := load(t, f); !reflect.DeepEqual(got, []keys.Key{a, b}) {
		t.Errorf("it holds %v", got)
	}
	if err := f.Add(t.Context(), a); !errors.Is(err, keys.ErrExists) {
		t.Errorf("a second key of one id: %v", err)
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	for _, enabled := range []bool{false, true} {
		if err := f.SetEnabled(t.Context(), b.ID, enabled); err != nil {
			t.Fatal(err)
		}
		if b.Enabled = enabled; !reflect.DeepEqual(load(t, f), []keys.Key{a, b}) {
			t.Errorf("after enabled=%v it holds %v", enabled, load(t, f))
		}
	}
	if err := f.Delete(t.Context(), a.ID); err != nil || !reflect.DeepEqual(load(t, f), []keys.Key{b}) {
		t.Errorf("after a deletion it holds %v, %v", load(t, f), err)
	}
	for name, change := range map[string]func() error{
		"delete": func() error { return f.Delete(t.Context(), a.ID) },
		"enable": func() error { return f.SetEnabled(t.Context(), a.ID, true) },
	} {
		if err := change(); !errors.Is(err, keys.ErrNotFound) || !strings.Contains(err.Error(), a.ID) {
			t.Errorf("%s what is not there: %v", name, err)
		}
	}
	if err := f.Delete(t.Context(), b.ID); err != nil || len(load(t, f)) != 0 {
		t.Errorf("the last key: %v, %v", load(t, f), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(entries) != 1 {
		t.Errorf("it leaves %v, %v", entries, err)
	}
}

func TestFileRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{"keys":[` + minimal + `,` + minimal + `]}`, "key 2 of 2: there is a key with this id already: local"},
		{`{"keys":[` + strings.Replace(minimal, "[\"*\"]", "[\"Foo\"]", 1) + `]}`, `key 1 of 1: actions: "Foo" matches no action`},
		{`{"keys":[` + minimal + `],"version":2}`, `unknown member "version"`},
		{`{"keys":[` + strings.Replace(minimal, "enabled", "enbaled", 1) + `]}`, `unknown member "enbaled"`},
		{`{"keys":[` + strings.Replace(minimal, "true", "1", 1) + `]}`, `/keys/0/enabled has a value of the wrong kind`},
		{`{}`, "keys is missing"},
		{`{"keys":null}`, "keys is missing"},
		{`{"keys":{}}`, "/keys has a value of the wrong kind"},
		{`[` + minimal + `]`, "not a JSON object"},
		{minimal, `unknown member "id"`},
		{``, "not JSON"},
	} {
		f := keys.File{Path: filepath.Join(t.TempDir(), "keys.json")}
		if err := os.WriteFile(f.Path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, _, err := f.Load(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), f.Path) || len(all) > 0 {
			t.Errorf("%s: %v, %v, want %s", test.text, all, err, test.want)
		} else if strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%s: the error tells the secret: %v", test.text, err)
		}
		// Nor is a file that cannot be read written over.
		if err := f.Add(t.Context(), newKey(t, "*", "*")); err == nil {
			t.Errorf("%s: a key was added", test.text)
		}
		if now, err := os.ReadFile(f.Path); err != nil || string(now) != test.text {
			t.Errorf("%s: it holds %s, %v", test.text, now, err)
		}
	}
}

func TestFileOfOthers(t *testing.T) {
	f := keys.File{Path: filepath.Join(t.TempDir(), "keys.json")}
	if err := f.Add(t.Context(), newKey(t, "*", "*")); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o644} {
		if err := os.Chmod(f.Path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Load(context.Background()); err == nil || !strings.Contains(err.Error(), "chmod 600 "+f.Path) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

// TestFileIsReadAnew: a ring over a file takes up what was changed.
func TestFileIsReadAnew(t *testing.T) {
	f := keys.File{Path: filepath.Join(t.TempDir(), "keys.json")}
	a, b := newKey(t, "*", "*"), newKey(t, "*", "*")
	if err := f.Add(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	r, now := newRing(f)
	lets(t, r, a)
	if err := errors.Join(f.Add(t.Context(), b), f.SetEnabled(t.Context(), a.ID, false)); err != nil {
		t.Fatal(err)
	}
	now.at(keys.DefaultLife)
	for k, want := range map[*keys.Key]bool{&a: false, &b: true} {
		if got, err := lets(t, r, *k); got != want || err != nil {
			t.Errorf("%v gives %v, %v", k, got, err)
		}
	}
}
