package boltstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
)

// crashed returns a copy of the store's directory as it is, which is what a killed process leaves, with the last file of the journal cut to so
// many bytes, as a machine without power may leave it; less than 0: it is whole.
func crashed(tb testing.TB, dir string, cut int64) string {
	tb.Helper()
	left := tb.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		tb.Fatal(err)
	}
	if last := lastFile(tb, left); last != "" && cut >= 0 {
		if err := os.Truncate(last, cut); err != nil {
			tb.Fatal(err)
		}
	}
	return left
}

func lastFile(tb testing.TB, dir string) string {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, boltstore.JournalDir))
	if err != nil {
		tb.Fatal(err)
	}
	if len(entries) == 0 {
		return ""
	}
	return filepath.Join(dir, boltstore.JournalDir, entries[len(entries)-1].Name())
}

// TestCrash cuts the last file of the journal anywhere: what was acknowledged before the cut is there, and of what comes after it nothing.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s, _ := openOn(t, dir, int64(rapid.SampledFrom([]int{2_000, 1 << 30}).Draw(rt, "file")))
		defer closeChecked(t, s)
		shard := create(t, s, "orders", "a1").Shard(1)
		ends := map[uint64][]int64{} // of the contents, by file
		var order []uint64
		for range rapid.IntRange(1, 12).Draw(rt, "contents") {
			mustAdd(t, s, shard, rapid.IntRange(8, 600).Draw(rt, "size")) // which does not end with zeros
			end := s.JournalEnd()
			ends[end.File], order = append(ends[end.File], end.Offset), append(order, end.File)
			if rapid.IntRange(0, 9).Draw(rt, "settles") == 0 {
				if err := s.Settle(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		pending := s.Pending()
		last := order[len(order)-1]
		size := ends[last][len(ends[last])-1]
		cut := rapid.Int64Range(24, size).Draw(rt, "cut") // the header was synced before
		want := len(order)
		for _, end := range ends[last] {
			if end > cut {
				want--
			}
		}
		if want < len(order)-pending {
			return // what is settled has been on the disk before
		}
		left := crashed(t, dir, cut)
		if rapid.Bool().Draw(rt, "zeros") { // were written ahead of what was cut
			if err := os.Truncate(lastFile(t, left), size+100_000); err != nil {
				rt.Fatal(err)
			}
		}
		again := open(t, left)
		got := slots(t, again, shard)
		for slot := uint64(1); slot <= uint64(len(order)); slot++ {
			if got[slot] != (slot <= uint64(want)) {
				rt.Fatalf("cut at %d of %d: slots %v are there, want 1 to %d", cut, size, got, want)
			}
		}
		next := counter(t, again, shard)
		if next.Next <= uint64(want) || next.Next > uint64(want)+2 {
			rt.Fatalf("the next slot is %d after %d contents", next.Next, want)
		}
		if slot := mustAdd(t, again, shard, 80); slot != next.Next {
			rt.Fatalf("slot %d is handed out, the counter said %d", slot, next.Next)
		}
		closeChecked(t, again)
	})
}

// TestTornFileBeforeAnother: what is missing there was acknowledged.
func TestTornFileBeforeAnother(t *testing.T) {
	dir := t.TempDir()
	s, _ := openOn(t, dir, 1_000)
	shard := create(t, s, "orders", "a1").Shard(0)
	mustAdd(t, s, shard, 800)
	torn := lastFile(t, dir)
	mustAdd(t, s, shard, 800)
	mustAdd(t, s, shard, 800)
	left := crashed(t, dir, -1)
	if err := os.Truncate(filepath.Join(left, boltstore.JournalDir, filepath.Base(torn)), 900); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(left)
	if err == nil {
		t.Fatal(s.Close(), "it was opened")
	}
	if !errors.Is(err, boltstore.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(torn)) {
		t.Errorf("%v, want ErrCorrupt and the file", err)
	}
}

// TestFailedWriteLeavesNothing has a write fail half way, and the process die behind the next.
func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, disk := openOn(t, dir, 0)
	shard := create(t, s, "orders", "a1").Shard(0)
	mustAdd(t, s, shard, 8_000)
	disk.room.Store(40_000)
	if err := s.PutOnce(t.Context(), shard, 2, segment(2, 80_000)); !errors.Is(err, shardlog.ErrRefused) || !errors.Is(err, errDiskFull) {
		t.Errorf("the put that does not fit: %v, want ErrRefused", err)
	}
	if got := slots(t, open(t, crashed(t, dir, -1)), shard); len(got) != 1 || !got[1] {
		t.Errorf("slots %v are there, want 1", got)
	}
	if err := s.PutOnce(t.Context(), shard, 3, segment(3, 8_000)); err != nil {
		t.Error(err)
	}
	if got := slots(t, open(t, crashed(t, dir, -1)), shard); len(got) != 2 || !got[3] {
		t.Errorf("slots %v are there, want 1 and 3", got)
	}
}

// TestSettles: the journal does not run ahead of the index for ever.
func TestSettles(t *testing.T) {
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	fill(t, s, shard, 1, 10*boltstore.SettleAfter, func(slot uint64) shardlog.Content { return segment(slot, 80) })
	if got := s.Pending(); got > 9*boltstore.SettleAfter {
		t.Errorf("%d contents are pending", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Pending(); got != 0 {
		t.Errorf("%d contents are pending after the store was closed", got)
	}
}

// TestSparseFilesAreEmptied has a few contents outlive many others: they move, and the files that they were in go.
func TestSparseFilesAreEmptied(t *testing.T) {
	const contents, size, maxFile, every = 400, 8_000, 200_000, 20
	dir := t.TempDir()
	s, _ := openOn(t, dir, maxFile)
	stream := create(t, s, "orders", "a1")
	outlives := func(slot uint64) bool { return slot%every == 0 }
	for slot := uint64(1); slot <= contents; slot++ {
		after := map[bool]time.Duration{true: 9, false: 1}[outlives(slot)] * time.Hour
		if err := s.PutOnce(t.Context(), stream.Shard(uint32(slot%2)), slot, expiring(slot, size, after)); err != nil {
			t.Fatal(err)
		}
	}
	if freed := mustReclaim(t, s, at(time.Hour)); freed != size*(contents-contents/every) {
		t.Errorf("%d bytes freed", freed)
	}
	expect := func(s *boltstore.Store) {
		t.Helper()
		found := 0
		for index := range uint32(2) {
			for slot := range slots(t, s, stream.Shard(index)) {
				if !outlives(slot) {
					t.Errorf("slot %d has content", slot)
				}
				found++
			}
		}
		if found != contents/every {
			t.Errorf("%d contents are left, want %d", found, contents/every)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
	expect(s)
	if got := s.Files(); len(got) > 3 {
		t.Errorf("files %v are left", got)
	}
	if err := s.Extend(t.Context(), stream.Shard(0), contents+1, 20*time.Hour); err != nil {
		t.Error(err)
	}
	expect(open(t, crashed(t, dir, -1)))
	if freed := mustReclaim(t, s, at(9*time.Hour)); freed != 0 {
		t.Errorf("%d bytes of extended contents were freed", freed)
	}
	expect(s)
	if freed := mustReclaim(t, s, at(20*time.Hour)); freed != size*contents/every {
		t.Errorf("%d bytes freed in the end", freed)
	}
}

// TestMovedAndChanged has contents expire, and others extended, between the move of their segments and the index that learns of it.
func TestMovedAndChanged(t *testing.T) {
	dir := t.TempDir()
	s, _ := openOn(t, dir, 50_000)
	shard := create(t, s, "orders", "a1").Shard(0)
	fill(t, s, shard, 1, 30, func(slot uint64) shardlog.Content {
		return expiring(slot, 4_000, map[bool]time.Duration{true: 2, false: 1}[slot%10 == 0]*time.Hour)
	})
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	for file := range s.Files() {
		if err := s.Empty(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Pending(); got != 30 {
		t.Fatalf("%d moves are pending, want 30", got)
	}
	left := crashed(t, dir, -1)
	for _, s := range []*boltstore.Store{s, open(t, left)} {
		if got := slots(t, s, shard); len(got) != 30 {
			t.Errorf("slots %v, want 1 to 30", got)
		}
		if freed := mustReclaim(t, s, at(time.Hour)); freed != 27*4_000 {
			t.Errorf("%d bytes freed", freed)
		}
		if err := s.Extend(t.Context(), shard, 31, 9*time.Hour); err != nil {
			t.Error(err)
		}
		if got := slots(t, s, shard); len(got) != 3 || !got[10] || !got[20] || !got[30] {
			t.Errorf("slots %v, want 10, 20 and 30", got)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

// TestReadersWhileFilesGo scans while contents expire, move and are dropped with their files: none that has not expired is missed.
func TestReadersWhileFilesGo(t *testing.T) {
	const rounds, perRound = 30, 20
	s, _ := openOn(t, t.TempDir(), 30_000)
	shard := create(t, s, "orders", "a1").Shard(0)
	var acknowledged atomic.Uint64
	lasting := func(slot uint64) bool { return slot%10 == 0 }
	done := make(chan struct{})
	var g errgroup.Group
	for range 2 {
		g.Go(func() error {
			for {
				upTo := acknowledged.Load()
				found := 0
				for from, more := uint64(1), true; more; {
					page, err := s.Scan(t.Context(), shard, from, 50_000)
					if err != nil {
						return err
					}
					for _, p := range page.Contents {
						if want := segment(p.Slot, len(p.Packed)); string(want.Packed) != string(p.Packed) {
							return fmt.Errorf("slot %d has another content", p.Slot)
						}
						if lasting(p.Slot) && p.Slot <= upTo {
							found++
						}
						from = p.Slot + 1
					}
					more = page.More
				}
				if found != int(upTo/10) {
					return fmt.Errorf("%d of %d contents were found", found, upTo/10)
				}
				select {
				case <-done:
					return nil
				default:
				}
			}
		})
	}
	for round := range uint64(rounds) {
		first, last := round*perRound+1, (round+1)*perRound
		fill(t, s, shard, first, last, func(slot uint64) shardlog.Content {
			return expiring(slot, 2_000, map[bool]time.Duration{true: 9, false: 1}[lasting(slot)]*time.Hour)
		})
		acknowledged.Store(last)
		mustReclaim(t, s, at(time.Hour))
	}
	close(done)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// TestLostFile: a content whose file was removed by others is told of, and those of other files are read.
func TestLostFile(t *testing.T) {
	dir := t.TempDir()
	s, _ := openOn(t, dir, 5_000)
	shard := create(t, s, "orders", "a1").Shard(0)
	mustAdd(t, s, shard, 8_000)
	lost := lastFile(t, dir)
	fill(t, s, shard, 2, 2, func(slot uint64) shardlog.Content { return expiring(slot, 8_000, 2*time.Hour) })
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), shard, 1, 1<<20); !errors.Is(err, boltstore.ErrCorrupt) || !strings.Contains(err.Error(), "slot 1 of shard 0") {
		t.Errorf("Scan: %v, want ErrCorrupt and the slot", err)
	}
	if p, found, err := s.Peek(t.Context(), shard, 1); err != nil || !found || p.Slot != 1 {
		t.Errorf("Peek needs no file: %+v, %v, %v", p, found, err)
	}
	if page, err := s.Scan(t.Context(), shard, 2, 1<<20); err != nil || len(page.Contents) != 1 {
		t.Errorf("Scan of the other file: %d contents, %v", len(page.Contents), err)
	}
}
