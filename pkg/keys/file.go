package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Errors of changes to where keys are kept.
var (
	ErrNotFound = errors.New("no such key")
	ErrExists   = errors.New("there is a key with this id already")
)

// othersMode are the permissions that a file of secrets gives to nobody but its owner.
const othersMode fs.FileMode = 0o077

// File keeps keys in a file of JSON, {"keys": [...]}, which only its owner may read. It is a [Source]. The file is read
// anew each time. One in which anything is wrong is refused as a whole: whoever edits it is there to read why.
//
// A change replaces the file at once, so that a reader finds the old one or the new one. Of two changes at the same
// moment one may be lost, for the file is edited by one person.
type File struct {
	Path string
}

// storedFile is the file as it is written.
type storedFile struct {
	Keys []stored `json:"keys"`
}

// Load implements [Source]. Nothing in a file is unreadable by itself.
func (f File) Load(context.Context) (all []Key, unreadable []error, err error) {
	all, err = f.read()
	return all, nil, err
}

func (f File) read() ([]Key, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	// Windows has no such permissions.
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.Perm()&othersMode != 0 {
		return nil, fmt.Errorf("keys: %s holds secrets, but others than its owner may use it (mode %#o): chmod 600 %[1]s", f.Path, mode.Perm())
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	all, err := decodeFile(text)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w", f.Path, err)
	}
	return all, nil
}

// decodeFile reads what [File] writes.
func decodeFile(text []byte) ([]Key, error) {
	var s storedFile
	if err := json.Unmarshal(text, &s, json.RejectUnknownMembers(true)); err != nil {
		return nil, explain(err)
	}
	if s.Keys == nil {
		return nil, errors.New("keys is missing")
	}
	all := make([]Key, 0, len(s.Keys))
	seen := map[string]bool{}
	for i, one := range s.Keys {
		k, err := one.key()
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(s.Keys), err)
		}
		if seen[k.ID] {
			return nil, fmt.Errorf("key %d of %d: %w: %s", i+1, len(s.Keys), ErrExists, k.ID)
		}
		seen[k.ID] = true
		all = append(all, k)
	}
	return all, nil
}

// Add adds a key. It makes the file where there is none.
func (f File) Add(_ context.Context, k Key) error {
	all, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, hasID(k.ID)) {
		return fmt.Errorf("%w: %s", ErrExists, k.ID)
	}
	return f.write(append(all, k))
}

// SetEnabled enables or disables a key.
func (f File) SetEnabled(_ context.Context, id string, enabled bool) error {
	all, i, err := f.find(id)
	if err != nil {
		return err
	}
	all[i].Enabled = enabled
	return f.write(all)
}

// Delete removes a key.
func (f File) Delete(_ context.Context, id string) error {
	all, i, err := f.find(id)
	if err != nil {
		return err
	}
	return f.write(slices.Delete(all, i, i+1))
}

func (f File) find(id string) (all []Key, i int, err error) {
	if all, err = f.read(); err != nil {
		return nil, 0, err
	}
	if i = slices.IndexFunc(all, hasID(id)); i < 0 {
		return nil, 0, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return all, i, nil
}

func hasID(id string) func(Key) bool { return func(k Key) bool { return k.ID == id } }

func (f File) write(all []Key) (err error) {
	s := storedFile{Keys: make([]stored, len(all))}
	for i, k := range all {
		s.Keys[i] = toStored(k)
	}
	text, err := json.Marshal(s, jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("keys: encode: %w", err)
	}
	aside, err := os.CreateTemp(filepath.Dir(f.Path), ".keys-*") // for its owner alone
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(aside.Name())
		}
	}()
	_, err = aside.Write(append(text, '\n'))
	if err = errors.Join(err, aside.Sync(), aside.Close()); err == nil {
		err = os.Rename(aside.Name(), f.Path)
	}
	if err != nil {
		return fmt.Errorf("keys: write %s: %w", f.Path, err)
	}
	return nil
}
