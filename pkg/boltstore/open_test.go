package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// appendDir names the variable that makes the test binary append to the store in that directory until it is killed.
const appendDir = "BOLTSTORE_APPEND_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appendDir); dir != "" {
		fmt.Fprintln(os.Stderr, appendForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver has goroutines append to shard 0 and print each slot that was acknowledged.
func appendForEver(dir string) error {
	s, err := boltstore.Open(dir)
	if err != nil {
		return err
	}
	stream, err := s.LoadStream(context.Background(), "orders")
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(context.Background())
	for range 6 {
		g.Go(func() error {
			for {
				slot, err := add(ctx, s, stream.Shard(0), rand.IntN(50_000))
				if err != nil {
					return err
				}
				if _, err := os.Stdout.WriteString(fmt.Sprintln(slot)); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func TestKilledProcess(t *testing.T) {
	const rounds = 8
	dir := t.TempDir()
	s := open(t, dir)
	shard := create(t, s, "orders", "a1").Shard(0)
	closeChecked(t, s)
	acknowledged, stored := map[uint64]bool{}, map[uint64]bool{}
	for range rounds {
		for _, slot := range appendUntilKilled(t, dir, 20+rand.IntN(150)) {
			if acknowledged[slot] || stored[slot] {
				t.Fatalf("slot %d had content and was handed out again", slot)
			}
			acknowledged[slot] = true
		}
		s := open(t, dir)
		stored = slots(t, s, shard)
		for slot := range acknowledged {
			if !stored[slot] {
				t.Fatalf("slot %d was acknowledged and is gone", slot)
			}
		}
		slot := mustAdd(t, s, shard, 80)
		for taken := range stored {
			if slot <= taken {
				t.Fatalf("slot %d is handed out, slot %d has content", slot, taken)
			}
		}
		acknowledged[slot], stored[slot] = true, true
		closeChecked(t, s)
	}
}

// appendUntilKilled runs appendForEver in a process of its own, kills that once it has acknowledged n slots, and returns all
// that it acknowledged.
func appendUntilKilled(t *testing.T, dir string, n int) []uint64 {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), appendDir+"="+dir)
	var failure strings.Builder
	child.Stderr = &failure
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []uint64
	for lines := bufio.NewReader(out); ; {
		var slot uint64
		_, err := fmt.Fscanln(lines, &slot)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if acknowledged = append(acknowledged, slot); len(acknowledged) == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acknowledged) < n {
		t.Fatalf("the process ended by itself after %d slots: %v %s", len(acknowledged), err, failure.String())
	}
	return acknowledged
}

func TestSlotsAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	stream := create(t, s, "orders", "a1")
	for range 3 {
		mustAdd(t, s, stream.Shard(0), 80)
	}
	if err := s.PutOnce(t.Context(), stream.Shard(1), 9, segment(9, 80)); err != nil {
		t.Fatal(err)
	}
	closeChecked(t, s)
	s = open(t, dir)
	for index, want := range []uint64{4, 10} {
		if got := mustAdd(t, s, stream.Shard(uint32(index)), 80); got != want {
			t.Errorf("shard %d goes on with slot %d, want %d", index, got, want)
		}
	}
}

// TestCounterBehindOrAhead opens a file whose counters lag behind the log, and one whose log was emptied.
func TestCounterBehindOrAhead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	stream := create(t, s, "orders", "a1")
	for range 3 {
		mustAdd(t, s, stream.Shard(0), 80)
		mustAdd(t, s, stream.Shard(1), 40_000)
	}
	empty := create(t, s, "empty", "a0")
	err := errors.Join(
		s.SetCounter(stream.Shard(0), 1, false), s.SetCounter(stream.Shard(1), 2, false), s.SetCounter(empty.Shard(1), 7, false),
	)
	if err != nil {
		t.Fatal(err)
	}
	closeChecked(t, s)
	s = open(t, dir)
	for shard, want := range map[shardlog.Shard]uint64{stream.Shard(0): 4, stream.Shard(1): 4, empty.Shard(0): 1, empty.Shard(1): 7} {
		if got := mustAdd(t, s, shard, 80); got != want {
			t.Errorf("shard %v goes on with slot %d, want %d", shard, got, want)
		}
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	s, err := boltstore.Open(dir)
	if err == nil {
		t.Fatal(s.Close(), "a second Open succeeded")
	}
	if want := filepath.Join(dir, boltstore.FileName) + " is in use by another millrace"; !errors.Is(err, boltstore.ErrInUse) || err.Error() != want {
		t.Errorf("a second Open: %v, want %q", err, want)
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.SetFormat(2); err != nil {
		t.Fatal(err)
	}
	closeChecked(t, s)
	before := read(t, dir)
	_, err := boltstore.Open(dir)
	var newer boltstore.FormatError
	if !errors.As(err, &newer) || newer != 2 || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("Open: %v, want a FormatError of 2", err)
	}
	if read(t, dir) != before {
		t.Error("the refused file was changed")
	}
}

func TestForeignFile(t *testing.T) {
	text, foreign, asFile := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	for _, path := range []string{filepath.Join(text, boltstore.FileName), asFile} {
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 2000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := bbolt.Open(filepath.Join(foreign, boltstore.FileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }), db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{text, foreign, asFile} {
		if s, err := boltstore.Open(dir); err == nil {
			t.Error(s.Close(), "Open succeeded")
		} else if !strings.Contains(err.Error(), dir) {
			t.Errorf("%q does not name the file", err)
		}
	}
}

func read(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, boltstore.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDirectoryIsCreated(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	create(t, open(t, dir), "orders", "a1")
	if _, err := os.Stat(filepath.Join(dir, boltstore.FileName)); err != nil {
		t.Error(err)
	}
}

// TestInterruptedDeletion stops a deletion after its mark, and has it finished by the next call or by opening anew.
func TestInterruptedDeletion(t *testing.T) {
	finish := map[string]func(t *testing.T, s *boltstore.Store, dir string) *boltstore.Store{
		"called again": func(t *testing.T, s *boltstore.Store, _ string) *boltstore.Store {
			if err := s.DeleteStream(t.Context(), "orders"); err != nil {
				t.Error(err)
			}
			return s
		},
		"opened anew": func(t *testing.T, s *boltstore.Store, dir string) *boltstore.Store {
			closeChecked(t, s)
			return open(t, dir)
		},
	}
	for name, finish := range finish {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			mustAdd(t, s, create(t, s, "kept", "a0").Shard(0), 80)
			kept := s.Left()
			stream := create(t, s, "orders", "a1")
			for range 7 { // about 2,250 pieces, so that it takes three chunks
				mustAdd(t, s, stream.Shard(1), 5<<20)
			}
			if err := s.MarkDeleted("orders"); err != nil {
				t.Fatal(err)
			}
			expectDeleting(t, s, stream)
			before := s.Commits()
			s = finish(t, s, dir)
			if got := s.Commits() - before; got < 3 {
				t.Errorf("%d transactions, want the removal in several", got)
			}
			if got := s.Left(); got != kept {
				t.Errorf("%d entries are left, want %d", got, kept)
			}
			create(t, s, "orders", "a1")
		})
	}
}

func expectDeleting(t *testing.T, s *boltstore.Store, stream shardlog.Stream) {
	t.Helper()
	shard := stream.Shard(1)
	if _, err := s.LoadStream(t.Context(), stream.Name); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("LoadStream: %v, want ErrStreamNotFound", err)
	}
	if err := s.CreateStream(t.Context(), storetest.NewStream(stream.Name, "b2", 1)); !errors.Is(err, shardlog.ErrStreamExists) {
		t.Errorf("CreateStream: %v, want ErrStreamExists", err)
	}
	if _, err := s.Allocate(t.Context(), shard); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate: %v, want ErrShardClosed", err)
	}
	if err := s.PutOnce(t.Context(), shard, 100, segment(100, 80)); err != nil {
		t.Errorf("PutOnce: %v", err)
	}
	if page, err := s.Scan(t.Context(), shard, 1, 1); err != nil || len(page.Contents) != 0 || page.More {
		t.Errorf("Scan: %d contents, more %v, error %v; want none", len(page.Contents), page.More, err)
	}
}

func TestIDs(t *testing.T) {
	s := open(t, t.TempDir())
	create(t, s, "orders", "a1")
	for _, id := range []string{"", "A", "a b", "a\x00", strings.Repeat("a", 33), "a1"} {
		if err := s.CreateStream(t.Context(), storetest.NewStream("other", id, 1)); !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("id %q: %v, want ErrRefused", id, err)
		}
	}
}

func TestClosedCounter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	stream := create(t, s, "orders", "a1")
	slot := mustAdd(t, s, stream.Shard(0), 80)
	if err := s.SetCounter(stream.Shard(0), slot+1, true); err != nil {
		t.Fatal(err)
	}
	closeChecked(t, s)
	s = open(t, dir)
	if _, err := s.Allocate(t.Context(), stream.Shard(0)); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate: %v, want ErrShardClosed", err)
	}
	mustAdd(t, s, stream.Shard(1), 80)
	// Appends that were under way when it closed still end, and it stays readable.
	if err := s.PutOnce(t.Context(), stream.Shard(0), slot+1, segment(slot+1, 80)); err != nil {
		t.Error(err)
	}
	if got := slots(t, s, stream.Shard(0)); len(got) != 2 {
		t.Errorf("slots %v have content, want two", got)
	}
}

// TestAgainstModel compares a store that is closed and opened now and then with a map.
func TestAgainstModel(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	streams := 0
	rapid.Check(t, func(rt *rapid.T) {
		streams++
		shard := create(t, s, fmt.Sprintf("s-%d", streams), fmt.Sprintf("id%d", streams)).Shard(1)
		model, last := map[uint64]shardlog.Content{}, uint64(0)
		rt.Repeat(map[string]func(*rapid.T){
			"allocate": func(rt *rapid.T) {
				slot, err := s.Allocate(t.Context(), shard)
				if _, taken := model[slot]; err != nil || slot <= last || taken {
					rt.Fatalf("slot %d after %d, content there %v, error %v", slot, last, taken, err)
				}
				last = slot
			},
			"put": func(rt *rapid.T) {
				if last == 0 {
					rt.Skip("no slot yet")
				}
				slot := rapid.Uint64Range(1, last).Draw(rt, "slot")
				c := segment(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(0, 40_000).Draw(rt, "size"))
				err := s.PutOnce(t.Context(), shard, slot, c)
				standing, taken := model[slot]
				if !taken {
					model[slot], standing = c, c
				}
				var existing *shardlog.SlotTakenError
				if errors.As(err, &existing) != taken || (err != nil) != taken {
					rt.Fatalf("slot %d: %v, content there %v", slot, err, taken)
				}
				if taken && (existing.Existing.Nonce != standing.Nonce || existing.Existing.Count != standing.Count) {
					rt.Fatalf("slot %d: %+v stands there, reported as %+v", slot, standing, existing.Existing)
				}
			},
			"scan": func(rt *rapid.T) {
				checkScan(rt, s, shard, model, rapid.Uint64Range(0, last+1).Draw(rt, "from"), rapid.IntRange(1, 100_000).Draw(rt, "bytes"))
			},
			"reopen": func(rt *rapid.T) {
				closeChecked(t, s)
				s, last = open(t, dir), 0
				for slot := range model {
					last = max(last, slot)
				}
			},
		})
	})
}

// checkScan compares one page with what the model has from that slot on.
func checkScan(t *rapid.T, s *boltstore.Store, shard shardlog.Shard, model map[uint64]shardlog.Content, from uint64, maxBytes int) {
	page, err := s.Scan(context.Background(), shard, from, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	size, at := 0, from
	for i, p := range page.Contents {
		if i > 0 && size >= maxBytes {
			t.Fatalf("the page goes on after %d bytes, %d were asked for", size, maxBytes)
		}
		for ; at < p.Slot; at++ {
			if _, ok := model[at]; ok {
				t.Fatalf("slot %d is left out", at)
			}
		}
		if want, ok := model[at]; !ok || p.Nonce != want.Nonce || p.Count != want.Count || string(p.Packed) != string(want.Packed) {
			t.Fatalf("slot %d holds %x, want %x (%v)", p.Slot, p.Nonce, want.Nonce, ok)
		}
		size, at = size+len(p.Packed), at+1
	}
	rest := 0
	for slot := range model {
		if slot >= at {
			rest++
		}
	}
	if page.More != (rest > 0) || (page.More && size < maxBytes) {
		t.Fatalf("more is %v after %d of %d bytes, with %d contents to come", page.More, size, maxBytes, rest)
	}
}
