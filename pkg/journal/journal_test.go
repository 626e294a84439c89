package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"millrace/pkg/journal"
)

func open(tb testing.TB, dir string, options journal.Options) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(dir, 0, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { j.Close() })
	return j
}

// put is a record that was appended.
type put struct {
	place journal.Place
	bytes []byte
}

// replayed returns the records of all files of a directory.
func replayed(tb testing.TB, dir string) (found []put, torn bool) {
	tb.Helper()
	files, err := journal.Files(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		_, t, err := journal.Replay(dir, file, 0, func(at journal.Place, record []byte) error {
			found = append(found, put{at, bytes.Clone(record)})
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
		torn = torn || t
	}
	return found, torn
}

func samePuts(a, b put) bool { return a.place == b.place && bytes.Equal(a.bytes, b.bytes) }

// TestAppended appends records of any size, to files of any size, by one journal after another, and reads all of them.
func TestAppended(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		var puts []put
		for range rapid.IntRange(1, 3).Draw(rt, "journals") {
			j := open(t, dir, journal.Options{MaxFile: rapid.Int64Range(1, 10_000).Draw(rt, "file")})
			for range rapid.IntRange(0, 4).Draw(rt, "appends") {
				var records []journal.Record
				for n := range rapid.IntRange(1, 5).Draw(rt, "records") {
					size := rapid.SampledFrom([]int{0, 1, 100, 40_000, 1 << 20}).Draw(rt, "size")
					records = append(records, journal.Record{Head: fmt.Appendf(nil, "%d of %d", n, len(puts)), Body: bytes.Repeat([]byte{byte(n)}, size)})
				}
				if err := j.Append(records); err != nil {
					rt.Fatal(err)
				}
				for _, r := range records {
					puts = append(puts, put{r.Place, append(bytes.Clone(r.Head), r.Body...)})
				}
				last := puts[len(puts)-1]
				if end := last.place.Plus(len(last.bytes)); j.End() != end {
					rt.Fatalf("the end is %v, want %v", j.End(), end)
				}
			}
			if err := j.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		if got, torn := replayed(t, dir); torn || !slices.EqualFunc(got, puts, samePuts) {
			rt.Fatalf("%d records come back of %d, torn %v", len(got), len(puts), torn)
		}
		reader := journal.NewReader(dir)
		defer reader.Close()
		for range min(len(puts)*2, 20) {
			p := rapid.SampledFrom(puts).Draw(rt, "read")
			skip := rapid.IntRange(0, len(p.bytes)-1).Draw(rt, "skip")
			if got, err := reader.Read(p.place.Plus(skip), len(p.bytes)-skip); err != nil || !bytes.Equal(got, p.bytes[skip:]) {
				rt.Fatalf("%d bytes of %d read at %v, %v", len(got), len(p.bytes)-skip, p.place, err)
			}
		}
	})
}

// TestReadWhileAppended reads what stands in the same blocks as what is being appended, by both ways of writing.
func TestReadWhileAppended(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{MaxFile: 3 << 20})
	var appended sync.Map // put, by number
	var count atomic.Int64
	var readers errgroup.Group
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() error {
			for {
				select {
				case <-done:
					return nil
				default:
				}
				n := count.Load()
				if n == 0 {
					runtime.Gosched()
					continue
				}
				of, _ := appended.Load(max(0, n-1-rand.Int64N(4)))
				p, reader := of.(put), journal.NewReader(dir)
				got, err := reader.Read(p.place, len(p.bytes))
				if err = errors.Join(err, reader.Close()); err != nil || !bytes.Equal(got, p.bytes) {
					return fmt.Errorf("%d bytes at %v are read as others, %v", len(p.bytes), p.place, err)
				}
			}
		})
	}
	err := func() error {
		defer close(done)
		for n := range int64(400) {
			b := bytes.Repeat([]byte{byte(n) | 1}, rand.IntN([]int{300, 20_000, 200_000}[n%3])+1)
			records := []journal.Record{{Body: b}}
			if err := j.Append(records); err != nil {
				return err
			}
			appended.Store(n, put{records[0].Place, b})
			count.Add(1)
		}
		return nil
	}()
	if err := errors.Join(err, readers.Wait()); err != nil {
		t.Error(err)
	}
}

func notZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) > 0 }

func append1(tb testing.TB, j *journal.Journal, size int) journal.Record {
	tb.Helper()
	records := []journal.Record{{Head: []byte("head"), Body: make([]byte, size)}}
	if err := j.Append(records); err != nil {
		tb.Fatal(err)
	}
	return records[0]
}

// TestTorn cuts a file at each of its bytes: the records before the cut are read, and no others.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	var ends []int64
	for size := range 5 {
		append1(t, j, 10*size)
		ends = append(ends, j.End().Offset)
	}
	path := journal.Path(dir, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:j.End().Offset] // without the zeros behind it
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		got, torn := replayed(t, dir)
		want, end := 0, int64(24)
		for _, e := range ends {
			if e <= int64(cut) {
				want, end = want+1, e
			}
		}
		if len(got) != want || torn != notZero(whole[min(int64(cut), end):cut]) {
			t.Fatalf("cut at %d: %d records, torn %v, want %d", cut, len(got), torn, want)
		}
	}
	// Any byte that changes ends the file before its record.
	for i := 24; i < len(whole); i++ {
		changed := bytes.Clone(whole)
		changed[i] ^= 4
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < len(ends) && ends[want] <= int64(i) {
			want++
		}
		if got, torn := replayed(t, dir); len(got) != want || !torn {
			t.Fatalf("byte %d changed: %d records, torn %v, want %d", i, len(got), torn, want)
		}
	}
}

func TestReplayFrom(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	append1(t, j, 10)
	from := j.End().Offset
	second := append1(t, j, 20)
	stop := errors.New("stop")
	var seen []journal.Place
	for range 2 {
		end, torn, err := journal.Replay(dir, 1, from, func(at journal.Place, _ []byte) error {
			if seen = append(seen, at); len(seen) == 2 {
				return stop
			}
			return nil
		})
		if len(seen) == 1 && (err != nil || torn || end != j.End().Offset) || len(seen) == 2 && !errors.Is(err, stop) {
			t.Errorf("it ends at %d, torn %v, %v", end, torn, err)
		}
	}
	if !slices.Equal(seen, []journal.Place{second.Place, second.Place}) {
		t.Errorf("the records at %v are read, want those at %v", seen, second.Place)
	}
}

func TestFileOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		change func(header []byte)
		want   error
	}{
		"another magic":   {func(h []byte) { h[0] = 'x' }, journal.ErrCorrupt},
		"another number":  {func(h []byte) { h[19] = 9 }, journal.ErrCorrupt},
		"a wrong version": {func(h []byte) { h[11] = 2 }, journal.ErrCorrupt},
		"a later version": {func(h []byte) { copy(h[8:], "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\xec\x75\x47\x63") }, journal.VersionError(2)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			append1(t, open(t, dir, journal.Options{}), 10)
			raw, err := os.ReadFile(journal.Path(dir, 1))
			if err != nil {
				t.Fatal(err)
			}
			test.change(raw)
			if err := os.WriteFile(journal.Path(dir, 1), raw, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err = journal.Replay(dir, 1, 0, func(journal.Place, []byte) error { return errors.New("a record") })
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	if v := journal.VersionError(2); !strings.Contains(v.Error(), "newer release") {
		t.Error(v)
	}
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "000000000000000A", "readme", "00000000000000001", "000000000000001f"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := journal.Files(dir); err != nil || !slices.Equal(files, []uint64{0x1f}) {
		t.Errorf("files %v, %v, want 1f", files, err)
	}
	if r := append1(t, open(t, dir, journal.Options{}), 10); r.Place.File != 0x20 {
		t.Errorf("the next file is %x", r.Place.File)
	}
	j, err := journal.Open(dir, 0x50, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if r := append1(t, j, 10); r.Place.File != 0x51 {
		t.Errorf("the next file is %x, where those up to 50 are in use", r.Place.File)
	}
	for range 2 {
		if err := j.Remove(0x20); err != nil {
			t.Error(err)
		}
	}
	if _, err := journal.NewReader(dir).Read(journal.Place{File: 0x20, Offset: 24}, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want ErrNotExist", err)
	}
	if _, err := journal.Open(filepath.Join(dir, "none"), 0, journal.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want ErrNotExist", err)
	}
}

// TestZerosAhead: small appends find their place in the file written, large ones no more than the end of their last block, and no zeros are left when
// the file is closed.
func TestZerosAhead(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{MaxFile: 200_000})
	size := func(file uint64) int64 {
		info, err := os.Stat(journal.Path(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	append1(t, j, 100)
	ahead := size(1)
	if ahead <= j.End().Offset {
		t.Errorf("the file has %d bytes after one record up to %d", ahead, j.End().Offset)
	}
	append1(t, j, 100)
	append1(t, j, 100_000)
	if got := size(1); got != ahead {
		t.Errorf("the file has %d bytes after two more records, and had %d", got, ahead)
	}
	append1(t, j, 200_000)
	end := j.End().Offset
	if got := size(1); got < end || got >= end+4096 || end < ahead {
		t.Errorf("the file has %d bytes after a large record up to %d", got, end)
	}
	append1(t, j, 100)
	if got := size(1); got != end || size(2) <= j.End().Offset {
		t.Errorf("the files have %d and %d bytes, and end at %d and %d", got, size(2), end, j.End().Offset)
	}
	for range 2 {
		if err := j.Close(); err != nil || size(2) != j.End().Offset {
			t.Errorf("a closed file has %d bytes and ends at %d, %v", size(2), j.End().Offset, err)
		}
	}
	if got, torn := replayed(t, dir); len(got) != 5 || torn {
		t.Errorf("%d records, torn %v", len(got), torn)
	}
}

func TestReadBeyondTheEnd(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	append1(t, j, 100_000)
	if err := j.Close(); err != nil { // and takes the zeros away
		t.Fatal(err)
	}
	reader := journal.NewReader(dir)
	defer reader.Close()
	for _, n := range []int{1, 80_000} {
		if b, err := reader.Read(journal.Place{File: 1, Offset: 100_036 - int64(n) + 1}, n); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("%d bytes, %v, want ErrCorrupt", len(b), err)
		}
	}
}

// faulty is a file whose next calls fail, having done what they were asked for in part, whole, or not at all.
type faulty struct {
	*os.File
	faults *faults
}

type faults struct {
	create, write, truncate, sync error
	written                       int // bytes of the write that fails
}

func take(err *error) error {
	taken := *err
	*err = nil
	return taken
}

func (f *faults) open(path string) (journal.File, error) {
	if err := take(&f.create); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return faulty{file, f}, err
}

func (f faulty) WriteAt(b []byte, offset int64) (int, error) {
	if err := take(&f.faults.write); err != nil {
		n, writeErr := f.File.WriteAt(b[:min(f.faults.written, len(b))], offset)
		return n, errors.Join(err, writeErr)
	}
	return f.File.WriteAt(b, offset)
}

func (f faulty) Truncate(size int64) error {
	if err := take(&f.faults.truncate); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f faulty) Sync() error {
	return errors.Join(f.File.Sync(), take(&f.faults.sync))
}

// TestFaults has one Append fail, and tells what is left of it, and what becomes of the next.
func TestFaults(t *testing.T) {
	cause, another := errors.New("disk on fire"), errors.New("and the truck broke down")
	for name, test := range map[string]struct {
		first  bool // the fault meets the file's creation
		faults faults
		broken bool
		stored bool // though it failed
	}{
		"nothing is written":            {faults: faults{write: cause}},
		"a part is written":             {faults: faults{write: cause, written: 20}},
		"all is written":                {faults: faults{write: cause, written: 1000}},
		"what was written stays":        {faults: faults{write: cause, written: 20, truncate: another}, broken: true},
		"what was taken back may stay":  {faults: faults{write: cause, written: 20, sync: another}, broken: true},
		"the sync fails":                {faults: faults{sync: cause}, broken: true, stored: true},
		"no file is created":            {first: true, faults: faults{create: cause}},
		"the header is not written":     {first: true, faults: faults{write: cause, written: 7}},
		"the header is not synced":      {first: true, faults: faults{sync: cause}},
		"the header's write comes late": {first: true, faults: faults{write: cause, written: 24}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, f := t.TempDir(), faults{}
			j := open(t, dir, journal.Options{Create: f.open})
			before := 0
			if !test.first {
				append1(t, j, 10)
				before++
			}
			f = test.faults
			err := j.Append([]journal.Record{{Head: []byte("first"), Body: bytes.Repeat([]byte{7}, 100)}, {Head: []byte("second")}})
			if !errors.Is(err, cause) || errors.Is(err, journal.ErrBroken) != test.broken {
				t.Errorf("%v, want it broken %v", err, test.broken)
			}
			got, torn := replayed(t, dir)
			if want := before + map[bool]int{true: 2}[test.stored]; len(got) != want || torn && !test.broken {
				t.Errorf("%d records are left, torn %v, want %d", len(got), torn, want)
			}
			err = j.Append([]journal.Record{{Head: []byte("third")}})
			if errors.Is(err, journal.ErrBroken) != test.broken || (err != nil) != test.broken {
				t.Errorf("the next one: %v", err)
			}
			if test.broken {
				return
			}
			if got, torn := replayed(t, dir); len(got) != before+1 || torn || string(got[before].bytes) != "third" {
				t.Errorf("%d records, torn %v", len(got), torn)
			}
		})
	}
}

func FuzzReplay(f *testing.F) {
	dir := f.TempDir()
	j := open(f, dir, journal.Options{})
	append1(f, j, 10)
	append1(f, j, 0)
	whole, err := os.ReadFile(journal.Path(dir, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:10])
	f.Add(append(bytes.Clone(whole), 255, 255, 255, 255, 1, 2, 3, 4))
	f.Add(append(bytes.Clone(whole), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(journal.Path(dir, 1), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var records []journal.Record
		end, torn, err := journal.Replay(dir, 1, 0, func(_ journal.Place, record []byte) error {
			records = append(records, journal.Record{Head: bytes.Clone(record)})
			return nil
		})
		var later journal.VersionError
		switch {
		case err != nil && !errors.Is(err, journal.ErrCorrupt) && !errors.As(err, &later):
			t.Fatal(err)
		case err != nil || len(raw) < 24:
			return
		case torn != notZero(raw[end:]):
			t.Fatalf("it ends at %d of %d, torn %v", end, len(raw), torn)
		case len(records) == 0:
			return
		}
		// What was read is what an Append of it writes.
		again := t.TempDir()
		j := open(t, again, journal.Options{})
		if err := errors.Join(j.Append(records), j.Close()); err != nil {
			t.Fatal(err)
		}
		if written, err := os.ReadFile(journal.Path(again, 1)); err != nil || !bytes.Equal(written, raw[:end]) {
			t.Fatalf("%.200x, %v, want %.200x", written, err, raw[:end])
		}
	})
}
