package boltstore_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
)

// expiring is a content that expires that long after the epoch of these tests.
func expiring(slot uint64, size int, after time.Duration) shardlog.Content {
	c := segment(slot, size)
	c.Expires = c.Arrival.Add(after)
	return c
}

func at(after time.Duration) time.Time { return segment(0, 0).Arrival.Add(after) }

// fill puts contents at slots first to last, many to a transaction.
func fill(tb testing.TB, s *boltstore.Store, shard shardlog.Shard, first, last uint64, content func(slot uint64) shardlog.Content) {
	tb.Helper()
	var g errgroup.Group
	for slot := first; slot <= last; slot++ {
		g.Go(func() error { return s.PutOnce(tb.Context(), shard, slot, content(slot)) })
	}
	if err := g.Wait(); err != nil {
		tb.Fatal(err)
	}
}

func mustReclaim(tb testing.TB, s *boltstore.Store, now time.Time) int64 {
	tb.Helper()
	freed, err := s.Reclaim(tb.Context(), now)
	if err != nil {
		tb.Fatal(err)
	}
	return freed
}

func TestReclaim(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	shard := stream.Shard(1)
	hours := map[uint64]time.Duration{1: 1, 2: 5, 3: 2, 4: 3, 6: 4} // slot 5 stays a hole
	for slot, n := range hours {
		if err := s.PutOnce(t.Context(), shard, slot, expiring(slot, 80_000, n*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := replaceShard(t.Context(), s, stream, 0, time.Now()); err != nil { // a closed shard is walked too
		t.Fatal(err)
	}
	for _, step := range []struct {
		now     time.Duration
		dropped int64
		left    []uint64
	}{
		{time.Hour - time.Second, 0, []uint64{1, 2, 3, 4, 6}},
		{time.Hour, 1, []uint64{2, 3, 4, 6}},
		{time.Hour, 0, []uint64{2, 3, 4, 6}},
		{3 * time.Hour, 2, []uint64{2, 6}},
		{4 * time.Hour, 1, []uint64{2}},
		{9 * time.Hour, 1, nil},
	} {
		if err := s.Settle(); err != nil {
			t.Fatal(err)
		}
		before := s.Commits()
		if freed := mustReclaim(t, s, at(step.now)); freed != step.dropped*80_000 {
			t.Errorf("after %v: %d bytes freed, want %d", step.now, freed, step.dropped*80_000)
		}
		if got, want := s.Commits()-before, int(min(step.dropped, 1)); got != want {
			t.Errorf("after %v: %d transactions, want %d", step.now, got, want)
		}
		left := slots(t, s, shard)
		for _, slot := range step.left {
			if !left[slot] {
				t.Errorf("after %v: slot %d is gone", step.now, slot)
			}
		}
		if len(left) != len(step.left) {
			t.Errorf("after %v: slots %v are left, want %v", step.now, left, step.left)
		}
	}
}

// TestReclaimOutOfOrder has contents expire behind more that have not than one walk passes.
func TestReclaimOutOfOrder(t *testing.T) {
	const front, behind = 3 * boltstore.SweepRun, 10
	s := open(t, t.TempDir())
	first, second := create(t, s, "first", "a1"), create(t, s, "second", "b2")
	content := func(slot uint64) shardlog.Content {
		if slot > front {
			return expiring(slot, 800, time.Hour)
		}
		return expiring(slot, 80, 100*time.Hour)
	}
	for _, shard := range []shardlog.Shard{first.Shard(0), second.Shard(1)} {
		fill(t, s, shard, 1, front+behind, content)
	}
	freed := int64(0)
	for call := range 8 { // 3 and the rest of one for each shard
		freed += mustReclaim(t, s, at(time.Hour))
		if call == 0 && freed != 0 {
			t.Errorf("the first call freed %d bytes: it walked the whole shard", freed)
		}
	}
	if freed != 2*behind*800 {
		t.Errorf("%d bytes were freed, want %d", freed, 2*behind*800)
	}
	if err := s.DeleteStream(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	if freed := mustReclaim(t, s, at(100*time.Hour)); freed != front*80 {
		t.Errorf("%d bytes were freed in the end, want %d", freed, front*80)
	}
}

// TestFilesGoWithTheirContents writes the same volume again and again, and has each but the last round expire.
func TestFilesGoWithTheirContents(t *testing.T) {
	const perRound, size, maxFile = 100, 300_000, 4_000_000
	dir := t.TempDir()
	s, _ := openOn(t, dir, maxFile)
	shard := create(t, s, "orders", "a1").Shard(0)
	total := func() (bytes int64) {
		for _, size := range s.Files() {
			bytes += size
		}
		return bytes
	}
	for round := range 4 {
		for range perRound {
			slot := mustAllocate(t, s, shard).Slot
			if err := s.PutOnce(t.Context(), shard, slot, expiring(slot, size, time.Duration(round)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if got := total(); got < perRound*size || got > perRound*size+2*maxFile {
			t.Errorf("round %d: the journal has %d bytes for %d that are kept", round, got, perRound*size)
		}
		if freed := mustReclaim(t, s, at(time.Duration(round)*time.Hour)); freed != perRound*size {
			t.Errorf("round %d: %d bytes freed, want %d", round, freed, perRound*size)
		}
		if got := len(s.Files()); got != 1 {
			t.Errorf("round %d: %d files are left, want the one that is written to", round, got)
		}
	}
	if got := mustAllocate(t, s, shard).Slot; got != 4*perRound+1 {
		t.Errorf("slot %d is handed out next", got)
	}
	closeChecked(t, s)
	s = open(t, dir)
	if got := mustAllocate(t, s, shard).Slot; got != 4*perRound+1 {
		t.Errorf("slot %d is handed out next after opening the emptied log anew", got)
	}
	if got := len(s.Files()); got != 0 {
		t.Errorf("%d files are left after opening the emptied log anew", got)
	}
}

func TestReclaimPassesWhatItCannotRead(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	for index := range uint32(2) {
		fill(t, s, stream.Shard(index), 1, 3, func(slot uint64) shardlog.Content { return expiring(slot, 80, time.Hour) })
	}
	if err := s.Damage(stream.Shard(0), 2, []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	freed, err := s.Reclaim(t.Context(), at(time.Hour))
	if !errors.Is(err, boltstore.ErrCorrupt) || freed < 4*80 {
		t.Errorf("%d bytes freed, error %v; want ErrCorrupt, and slot 1 and the other shard gone", freed, err)
	}
}

func TestReclaimAndDeletion(t *testing.T) {
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	fill(t, s, shard, 1, 3, func(slot uint64) shardlog.Content { return expiring(slot, 80, time.Hour) })
	for _, want := range []int{3, 0} {
		if n, err := s.Expired(shard, at(time.Hour)); err != nil || n != want {
			t.Errorf("%d contents are to be dropped, %v, want %d", n, err, want)
		}
		if err := s.MarkDeleted("orders"); err != nil {
			t.Fatal(err)
		}
	}
	if freed := mustReclaim(t, s, at(time.Hour)); freed != 0 {
		t.Errorf("%d bytes of a stream that is being deleted were freed", freed)
	}
	if err := s.Extend(t.Context(), shard, 4, time.Hour); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Extend: %v, want ErrShardClosed", err)
	}
	if err := s.SealShard(t.Context(), shard, 3); !errors.Is(err, shardlog.ErrStreamChanged) {
		t.Errorf("SealShard: %v, want ErrStreamChanged", err)
	}
}

func TestExtendInChunks(t *testing.T) {
	const contents = 2*boltstore.ExtendChunk + 10
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	fill(t, s, shard, 1, contents+5, func(slot uint64) shardlog.Content {
		return expiring(slot, 20_000, map[bool]time.Duration{true: 9, false: 1}[slot%2 == 0]*time.Hour)
	})
	if err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	before := s.Commits()
	for _, want := range []int{2, 0} { // half of the contents expire later already; calling again has nothing to do
		if err := s.Extend(t.Context(), shard, contents+1, 5*time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := s.Commits() - before; got != want {
			t.Errorf("%d transactions, want %d", got, want)
		}
		before = s.Commits()
	}
	for slot, found := range slots(t, s, shard) {
		want := map[bool]time.Duration{true: 9, false: 5}[slot%2 == 0] * time.Hour
		if slot > contents {
			want = min(want, map[bool]time.Duration{true: 9, false: 1}[slot%2 == 0]*time.Hour)
		}
		if p, _, err := s.Peek(t.Context(), shard, slot); err != nil || !found || !p.Expires.Equal(at(want)) {
			t.Errorf("slot %d expires at %v, %v, want %v", slot, p.Expires, err, at(want))
		}
	}
}

// TestExtendComesBeforeReclaim has an Extend commit after Reclaim found what expired, and before it drops that.
func TestExtendComesBeforeReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		shard := create(t, s, "orders", "a1").Shard(0)
		fill(t, s, shard, 1, 3, func(slot uint64) shardlog.Content { return expiring(slot, 80, time.Hour) })
		if err := s.Settle(); err != nil { // so that all that either waits for is its own transaction
			t.Fatal(err)
		}
		release := s.HoldCommits()
		extended, reclaimed := make(chan error, 1), make(chan error, 1)
		go func() { extended <- s.Extend(t.Context(), shard, 3, 5*time.Hour) }()
		synctest.Wait()
		go func() {
			freed, err := s.Reclaim(t.Context(), at(time.Hour))
			if err == nil && freed != 80 {
				err = fmt.Errorf("%d bytes freed, want 80", freed)
			}
			reclaimed <- err
		}()
		synctest.Wait()
		if len(reclaimed) != 0 {
			t.Error("Reclaim found nothing to drop")
		}
		release()
		if err := errors.Join(<-extended, <-reclaimed); err != nil {
			t.Error(err)
		}
		if got := slots(t, s, shard); len(got) != 2 || got[3] {
			t.Errorf("slots %v are left, want 1 and 2, which were extended", got)
		}
	})
}
