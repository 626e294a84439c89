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
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

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

// appendForEver has goroutines append to the stream's open shards and print each slot that was acknowledged, as "a SHARD SLOT". One
// replaces an open shard now and then and prints its next slot, as "c SHARD NEXT", and one has contents reclaimed.
func appendForEver(dir string) error {
	// Small files, so that there are many, which are emptied and removed.
	s, err := boltstore.OpenOn(dir, 100_000, new(disk).create)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(context.Background())
	for range 6 {
		g.Go(func() error {
			for {
				if err := appendUntilClosed(ctx, s); !errors.Is(err, shardlog.ErrShardClosed) {
					return err
				}
			}
		})
	}
	g.Go(func() error {
		for {
			if err := replaceAny(ctx, s); err != nil {
				return err
			}
		}
	})
	g.Go(func() error {
		for {
			if err := dropAny(ctx, s); err != nil && !errors.Is(err, shardlog.ErrShardClosed) {
				return err
			}
		}
	})
	return g.Wait()
}

// openShards returns the stream and the indexes of its open shards.
func openShards(ctx context.Context, s *boltstore.Store) (stream shardlog.Stream, open []uint32, err error) {
	stream, err = s.LoadStream(ctx, "orders")
	for _, info := range stream.Shards {
		if info.IsOpen() {
			open = append(open, info.Index)
		}
	}
	return stream, open, err
}

func appendUntilClosed(ctx context.Context, s *boltstore.Store) error {
	stream, open, err := openShards(ctx, s)
	for err == nil {
		shard := stream.Shard(open[rand.IntN(len(open))])
		var slot uint64
		if slot, err = add(ctx, s, shard, rand.IntN(50_000)); err == nil {
			_, err = os.Stdout.WriteString(fmt.Sprintln("a", shard.Index, slot))
		}
	}
	return err
}

// dropAny appends a content that has expired, among others that have not, and reclaims it.
func dropAny(ctx context.Context, s *boltstore.Store) error {
	stream, open, err := openShards(ctx, s)
	if err != nil {
		return err
	}
	shard := stream.Shard(open[rand.IntN(len(open))])
	a, err := s.Allocate(ctx, shard, time.Now(), shardlog.Usage{})
	if err == nil {
		err = s.PutOnce(ctx, shard, a.Slot, expiring(a.Slot, rand.IntN(50_000), time.Hour))
	}
	if err == nil {
		_, err = s.Reclaim(ctx, at(time.Hour))
	}
	return err
}

// replaceAny replaces an open shard once that has about 20 slots more.
func replaceAny(ctx context.Context, s *boltstore.Store) error {
	stream, open, err := openShards(ctx, s)
	if err != nil {
		return err
	}
	shard := stream.Shard(open[rand.IntN(len(open))])
	first, err := s.Counter(ctx, shard)
	for c := first; err == nil && c.Next < first.Next+20; {
		c, err = s.Counter(ctx, shard)
	}
	if err != nil {
		return err
	}
	if err := replaceShard(ctx, s, stream, shard.Index, time.Now()); err != nil {
		return err
	}
	c, err := s.Counter(ctx, shard)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(fmt.Sprintln("c", shard.Index, c.Next))
	return err
}

func TestKilledProcess(t *testing.T) {
	const rounds = 8
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "orders", "a1")
	closeChecked(t, s)
	acknowledged, stored := map[slotOf]bool{}, map[slotOf]bool{}
	finals := map[uint32]uint64{}
	for range rounds {
		for _, line := range appendUntilKilled(t, dir, 20+rand.IntN(150)) {
			if line.closed {
				finals[line.shard] = line.slot
				continue
			}
			if acknowledged[line.slotOf] || stored[line.slotOf] {
				t.Fatalf("slot %+v had content and was handed out again", line.slotOf)
			}
			acknowledged[line.slotOf] = true
		}
		s := open(t, dir)
		stored = checkShards(t, s, finals)
		for slot := range acknowledged {
			if !stored[slot] {
				t.Fatalf("slot %+v was acknowledged and is gone", slot)
			}
		}
		closeChecked(t, s)
	}
	if len(finals) == 0 {
		t.Error("no shard was ever replaced")
	}
}

type slotOf struct {
	shard uint32
	slot  uint64
}

// checkShards holds a stream's shards against their counters and contents, adds a content to each that is open, and returns which
// slots have content. Finals are the next slots of the shards that are known to be closed; it adds the others'.
func checkShards(t *testing.T, s *boltstore.Store, finals map[uint32]uint64) map[slotOf]bool {
	t.Helper()
	stream := load(t, s, "orders")
	stored, replaced := map[slotOf]bool{}, map[uint32]bool{}
	for _, info := range stream.Shards {
		for _, parent := range info.Parents {
			replaced[parent] = true
		}
	}
	for _, info := range stream.Shards {
		shard := stream.Shard(info.Index)
		c := counter(t, s, shard)
		final, known := finals[info.Index]
		if c.Open != info.IsOpen() || replaced[info.Index] == info.IsOpen() || (known && (c.Open || c.Next != final)) {
			t.Fatalf("shard %+v has counter %+v and child %v, its next slot was %d (%v)", info, c, replaced[info.Index], final, known)
		}
		for slot := range slots(t, s, shard) {
			if slot >= c.Next {
				t.Fatalf("slot %d of shard %d has content, the next slot is %d", slot, info.Index, c.Next)
			}
			stored[slotOf{info.Index, slot}] = true
		}
		if !c.Open {
			finals[info.Index] = c.Next
			continue
		}
		slot := mustAdd(t, s, shard, 80)
		if slot != c.Next {
			t.Fatalf("slot %d of shard %d is handed out, its counter said %d", slot, info.Index, c.Next)
		}
		stored[slotOf{info.Index, slot}] = true
	}
	return stored
}

// line is what appendForEver printed.
type line struct {
	closed bool
	slotOf
}

// appendUntilKilled runs appendForEver in a process of its own, kills that once it has printed n lines, and returns all of them.
func appendUntilKilled(t *testing.T, dir string, n int) []line {
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
	var printed []line
	for lines := bufio.NewReader(out); ; {
		var kind string
		var l line
		_, err := fmt.Fscanln(lines, &kind, &l.shard, &l.slot)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		l.closed = kind == "c"
		if printed = append(printed, l); len(printed) == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(printed) < n {
		t.Fatalf("the process ended by itself after %d lines: %v %s", len(printed), err, failure.String())
	}
	return printed
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
		s.SetCounter(stream.Shard(0), shardlog.Counter{Open: true, Next: 1}), s.SetCounter(stream.Shard(1), shardlog.Counter{Open: true, Next: 2}),
		s.SetCounter(empty.Shard(1), shardlog.Counter{Open: true, Next: 7}),
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

func TestOtherFormats(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for version, want := range map[uint32]string{3: "newer release", 1: "delete the directory"} {
		if err := s.SetFormat(version); err != nil {
			t.Fatal(err)
		}
		closeChecked(t, s)
		before := read(t, dir)
		_, err := boltstore.Open(dir)
		var other boltstore.FormatError
		if !errors.As(err, &other) || uint32(other) != version || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want a FormatError of %d", err, version)
		}
		if read(t, dir) != before {
			t.Error("the refused file was changed")
		}
		dir = t.TempDir()
		s = open(t, dir)
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
			if err := s.Settle(); err != nil {
				t.Fatal(err)
			}
			kept := s.Left()
			stream := create(t, s, "orders", "a1")
			fill(t, s, stream.Shard(1), 1, 2*boltstore.DeleteChunk+10, func(slot uint64) shardlog.Content { return segment(slot, 800) })
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
	if _, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
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
