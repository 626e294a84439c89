package boltstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
)

// putAtOnce has contents stored by one transaction.
func putAtOnce(t *testing.T, s *boltstore.Store, puts map[shardlog.Shard][]shardlog.Content) {
	t.Helper()
	before := s.Commits()
	release := s.HoldCommits()
	var g errgroup.Group
	// The first to come takes a transaction for itself: one of a stream that is gone, which stores nothing.
	g.Go(func() error { return s.PutOnce(t.Context(), shardlog.Shard{StreamID: "none"}, 1, segment(1, 80)) })
	s.AwaitQueue(0)
	n := 0
	for shard, contents := range puts {
		for i, c := range contents {
			g.Go(func() error { return s.PutOnce(t.Context(), shard, uint64(i+1), c) })
			n++
		}
	}
	s.AwaitQueue(n)
	release()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := s.Commits() - before; got != 1 {
		t.Fatalf("%d transactions, want 1", got)
	}
}

func expectBlobs(t *testing.T, s *boltstore.Store, stream shardlog.Stream, number, size int) {
	t.Helper()
	if n, bytes := s.Blobs(stream.ID); n != number || bytes != size {
		t.Errorf("stream %s has %d blobs with %d bytes, want %d with %d", stream.Name, n, bytes, number, size)
	}
}

// TestBlobGoesWithItsLastContent has contents of two shards share a blob, and expire one after another.
func TestBlobGoesWithItsLastContent(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	putAtOnce(t, s, map[shardlog.Shard][]shardlog.Content{
		stream.Shard(0): {expiring(1, 8_000, time.Hour), expiring(2, 80, time.Hour), expiring(3, 8_000, 3*time.Hour)},
		stream.Shard(1): {expiring(1, 80_000, 2*time.Hour)},
	})
	if err := s.PutOnce(t.Context(), stream.Shard(1), 2, expiring(2, 5_000, 2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		now         time.Duration
		freed       int64
		blobs, size int
	}{
		{0, 0, 2, 101_000},
		{time.Hour, 8_080, 2, 101_000},
		{2 * time.Hour, 85_000, 1, 96_000},
		{3 * time.Hour, 8_000, 0, 0},
	} {
		if freed := mustReclaim(t, s, at(step.now)); freed != step.freed {
			t.Errorf("after %v: %d bytes freed, want %d", step.now, freed, step.freed)
		}
		expectBlobs(t, s, stream, step.blobs, step.size)
		if err := s.Check(); err != nil {
			t.Errorf("after %v: %v", step.now, err)
		}
		for index := range uint32(2) {
			slots(t, s, stream.Shard(index))
		}
	}
}

// TestStreamsShareNoBlob: what one stream keeps for long does not hold what another one dropped.
func TestStreamsShareNoBlob(t *testing.T) {
	s := open(t, t.TempDir())
	short, long, prefixed := create(t, s, "short", "a1"), create(t, s, "long", "b2"), create(t, s, "prefixed", "a12")
	puts := map[shardlog.Shard][]shardlog.Content{}
	for _, stream := range []shardlog.Stream{short, long, prefixed} {
		puts[stream.Shard(0)] = []shardlog.Content{segment(1, 8_000)}
		puts[stream.Shard(1)] = []shardlog.Content{segment(1, 4_000)}
	}
	putAtOnce(t, s, puts)
	if err := s.DeleteStream(t.Context(), short.Name); err != nil {
		t.Fatal(err)
	}
	expectBlobs(t, s, short, 0, 0)
	for _, stream := range []shardlog.Stream{long, prefixed} {
		expectBlobs(t, s, stream, 1, 12_000)
		for index := range uint32(2) {
			if got := slots(t, s, stream.Shard(index)); len(got) != 1 {
				t.Errorf("slots %v of %s, want 1", got, stream.Name)
			}
		}
	}
}

// TestBlobsAreBounded has a transaction store more than goes into one blob.
func TestBlobsAreBounded(t *testing.T) {
	const size = boltstore.BlobBytes / 4
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	var contents []shardlog.Content
	for slot := uint64(1); slot <= 10; slot++ {
		contents = append(contents, expiring(slot, size, time.Hour))
	}
	putAtOnce(t, s, map[shardlog.Shard][]shardlog.Content{stream.Shard(0): contents})
	expectBlobs(t, s, stream, 3, 10*size) // of 4, 4 and 2
	putAtOnce(t, s, map[shardlog.Shard][]shardlog.Content{
		stream.Shard(1): {expiring(1, 2*boltstore.BlobBytes, 2*time.Hour), expiring(2, 2*boltstore.BlobBytes, 2*time.Hour)},
	})
	expectBlobs(t, s, stream, 5, 10*size+4*boltstore.BlobBytes)
	for index, want := range []int{10, 2} {
		if got := slots(t, s, stream.Shard(uint32(index))); len(got) != want {
			t.Errorf("slots %v of shard %d, want %d", got, index, want)
		}
	}
	if freed := mustReclaim(t, s, at(time.Hour)); freed != 10*size {
		t.Errorf("%d bytes freed, want %d", freed, 10*size)
	}
	expectBlobs(t, s, stream, 2, 4*boltstore.BlobBytes)
}

// TestSegmentAtTheThreshold stores the largest segments that stand in the log, and the smallest that do not.
func TestSegmentAtTheThreshold(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	mustAdd(t, s, stream.Shard(0), 0)
	mustAdd(t, s, stream.Shard(0), boltstore.MaxInline)
	expectBlobs(t, s, stream, 0, 0)
	mustAdd(t, s, stream.Shard(0), boltstore.MaxInline+8)
	expectBlobs(t, s, stream, 1, boltstore.MaxInline+8)
	page, err := s.Scan(t.Context(), stream.Shard(0), 1, 1<<20)
	if err != nil || len(page.Contents) != 3 || page.Contents[0].Packed != nil {
		t.Errorf("%d contents, error %v, want 3, the first of them without a segment", len(page.Contents), err)
	}
}

// TestFailedPutLeavesNoBlob has a put refused that shares a transaction with one that is stored.
func TestFailedPutLeavesNoBlob(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	mustAdd(t, s, stream.Shard(0), 8_000)
	var taken *shardlog.SlotTakenError
	if err := s.PutOnce(t.Context(), stream.Shard(0), 1, segment(1, 16_000)); !errors.As(err, &taken) {
		t.Errorf("%v, want a SlotTakenError", err)
	}
	expectBlobs(t, s, stream, 1, 8_000)
	s.LimitSize(1 << 20)
	if err := s.PutOnce(t.Context(), stream.Shard(0), 2, segment(2, 5<<20)); !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("%v, want ErrRefused", err)
	}
	expectBlobs(t, s, stream, 1, 8_000)
}

func TestLostBlob(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	shard := stream.Shard(0)
	fill(t, s, shard, 1, 1, func(slot uint64) shardlog.Content { return expiring(slot, 80, 2*time.Hour) })
	fill(t, s, shard, 2, 2, func(slot uint64) shardlog.Content { return expiring(slot, 8_000, time.Hour) })
	if err := s.LoseBlobs(stream.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), shard, 1, 1<<20); !errors.Is(err, boltstore.ErrCorrupt) || !strings.Contains(err.Error(), "slot 2 of shard 0") {
		t.Errorf("Scan: %v, want ErrCorrupt and the slot", err)
	}
	if p, found, err := s.Peek(t.Context(), shard, 2); err != nil || !found || p.Slot != 2 {
		t.Errorf("Peek needs no blob: %+v, %v, %v", p, found, err)
	}
	mustReclaim(t, s, at(time.Hour))
	if got := slots(t, s, shard); len(got) != 1 {
		t.Errorf("slots %v are left, want 1", got)
	}
}
