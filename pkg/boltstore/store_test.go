package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/boltstore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// open opens a store that is checked and closed when the test ends, if it has not been closed by then.
func open(tb testing.TB, dir string) *boltstore.Store {
	tb.Helper()
	s, err := boltstore.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeChecked(tb, s) })
	return s
}

func closeChecked(tb testing.TB, s *boltstore.Store) {
	tb.Helper()
	if err := s.Check(); err != nil && !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		tb.Errorf("the database is inconsistent: %v", err)
	}
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func create(tb testing.TB, s *boltstore.Store, name, id string) shardlog.Stream {
	tb.Helper()
	stream := storetest.NewStream(name, id, 2)
	if err := s.CreateStream(tb.Context(), stream); err != nil {
		tb.Fatal(err)
	}
	return stream
}

// segment is a content that can be told from its slot.
func segment(slot uint64, size int) shardlog.Content {
	c := shardlog.Content{Count: 1 + int(slot%512), Arrival: time.UnixMilli(1_700_000_000_000), Expires: time.Unix(1_800_000_000, 0)}
	binary.BigEndian.PutUint64(c.Nonce[:], slot)
	c.Packed = bytes.Repeat(binary.BigEndian.AppendUint64(nil, slot), size/8)
	return c
}

// add appends one segment and returns its slot.
func add(ctx context.Context, s *boltstore.Store, shard shardlog.Shard, size int) (uint64, error) {
	a, err := s.Allocate(ctx, shard, time.Now(), shardlog.Usage{})
	if err != nil {
		return 0, err
	}
	return a.Slot, s.PutOnce(ctx, shard, a.Slot, segment(a.Slot, size))
}

func mustAdd(tb testing.TB, s *boltstore.Store, shard shardlog.Shard, size int) uint64 {
	tb.Helper()
	slot, err := add(tb.Context(), s, shard, size)
	if err != nil {
		tb.Fatal(err)
	}
	return slot
}

// slots scans a whole shard and returns which slots have content, having compared each with what add wrote there.
func slots(tb testing.TB, s *boltstore.Store, shard shardlog.Shard) map[uint64]bool {
	tb.Helper()
	found := map[uint64]bool{}
	for from, more := uint64(1), true; more; {
		page, err := s.Scan(tb.Context(), shard, from, 1<<20)
		if err != nil {
			tb.Fatal(err)
		}
		for _, p := range page.Contents {
			if want := segment(p.Slot, len(p.Packed)); p.Nonce != want.Nonce || !bytes.Equal(p.Packed, want.Packed) {
				tb.Fatalf("slot %d holds something else than was written", p.Slot)
			}
			found[p.Slot], from = true, p.Slot+1
		}
		more = page.More
	}
	return found
}

func TestStore(t *testing.T) {
	dirs := map[shardlog.Store]string{}
	opened := func(t *testing.T, dir string) shardlog.Store {
		s := open(t, dir)
		dirs[s] = dir
		return s
	}
	storetest.Run(t, storetest.Backend{
		Open: func(t *testing.T) shardlog.Store { return opened(t, t.TempDir()) },
		Reopen: func(t *testing.T, s shardlog.Store) shardlog.Store {
			closeChecked(t, s.(*boltstore.Store))
			return opened(t, dirs[s])
		},
	})
}

// TestCommitsOfEach: a put is one append to the journal, and everything else a transaction of the index or two.
func TestCommitsOfEach(t *testing.T) {
	s, disk := openOn(t, t.TempDir(), 0)
	shard := create(t, s, "orders", "a1").Shard(0)
	tests := []struct {
		name           string
		call           func() error
		syncs, commits int
	}{
		{"Allocate", func() error { _, err := s.Allocate(t.Context(), shard, time.Now(), shardlog.Usage{}); return err }, 0, 0},
		{"the first PutOnce, which creates a file", func() error { return s.PutOnce(t.Context(), shard, 1, segment(1, 80)) }, 2, 0},
		{"PutOnce", func() error { return s.PutOnce(t.Context(), shard, 2, segment(2, 80)) }, 1, 0},
		{"PutOnce of 1 MB", func() error { return s.PutOnce(t.Context(), shard, 3, segment(3, 1<<20)) }, 1, 0},
		{"PutOnce at a taken slot", func() error {
			err := s.PutOnce(t.Context(), shard, 1, segment(3, 80))
			var taken *shardlog.SlotTakenError
			if !errors.As(err, &taken) {
				return fmt.Errorf("%v, want a SlotTakenError", err)
			}
			return nil
		}, 0, 0},
		{"PutOnce for a shard that is gone", func() error {
			return s.PutOnce(t.Context(), shardlog.Shard{StreamID: "zz"}, 1, segment(1, 80))
		}, 0, 0},
		{"Scan", func() error { _, err := s.Scan(t.Context(), shard, 1, 1<<20); return err }, 0, 0},
		{"CreateStream", func() error { return s.CreateStream(t.Context(), storetest.NewStream("other", "b2", 1000)) }, 0, 1},
		{"DeleteStream of few contents", func() error { return s.DeleteStream(t.Context(), "orders") }, 0, 2},
	}
	for _, test := range tests {
		syncs, commits := disk.syncs.Load(), s.Commits()
		if err := test.call(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := int(disk.syncs.Load() - syncs); got != test.syncs {
			t.Errorf("%s took %d syncs of the journal, want %d", test.name, got, test.syncs)
		}
		if got := s.Commits() - commits; got != test.commits {
			t.Errorf("%s took %d transactions, want %d", test.name, got, test.commits)
		}
	}
}

// putsBehindOne has so many puts wait for the commit of one, and returns how many commits all of them took. It fills slots 1 to waiting+2.
func putsBehindOne(t *testing.T, waiting, size int) (s *boltstore.Store, shard shardlog.Shard, commits int64) {
	t.Helper()
	s, disk := openOn(t, t.TempDir(), 0)
	shard = create(t, s, "orders", "a1").Shard(0)
	mustAdd(t, s, shard, 80)
	before := disk.syncs.Load()
	release := s.HoldCommits()
	var g errgroup.Group
	g.Go(func() error { return s.PutOnce(t.Context(), shard, 2, segment(2, 80)) })
	s.AwaitQueue(0)
	for i := range uint64(waiting) {
		g.Go(func() error { return s.PutOnce(t.Context(), shard, 3+i, segment(3+i, size)) })
	}
	s.AwaitQueue(waiting)
	release()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return s, shard, disk.syncs.Load() - before
}

func TestPutsShareCommit(t *testing.T) {
	const waiting = 48
	s, shard, commits := putsBehindOne(t, waiting, 80)
	if commits != 2 {
		t.Errorf("one put and %d that waited for it took %d commits, want 2", waiting, commits)
	}
	if got := len(slots(t, s, shard)); got != waiting+2 {
		t.Errorf("%d contents, want %d", got, waiting+2)
	}
}

// TestOneSlotInOneCommit has two puts at a slot wait for the same commit: the first one is stored.
func TestOneSlotInOneCommit(t *testing.T) {
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	release := s.HoldCommits()
	first, second := make(chan error, 1), make(chan error, 1)
	var g errgroup.Group
	g.Go(func() error { return s.PutOnce(t.Context(), shard, 1, segment(1, 80)) })
	s.AwaitQueue(0)
	go func() { first <- s.PutOnce(t.Context(), shard, 2, segment(2, 80)) }()
	s.AwaitQueue(1)
	go func() { second <- s.PutOnce(t.Context(), shard, 2, segment(9, 80)) }()
	s.AwaitQueue(2)
	release()
	if err := errors.Join(g.Wait(), <-first); err != nil {
		t.Error(err)
	}
	var taken *shardlog.SlotTakenError
	if err := <-second; !errors.As(err, &taken) || taken.Existing.Nonce != segment(2, 80).Nonce {
		t.Errorf("the second put: %v, want a SlotTakenError of the first one's", err)
	}
	if got := slots(t, s, shard); len(got) != 2 {
		t.Errorf("slots %v, want 1 and 2", got)
	}
}

func TestCommitsAreBounded(t *testing.T) {
	if _, _, commits := putsBehindOne(t, 7, 5<<20); commits != 4 {
		t.Errorf("a put and 7 of 5 MB that waited took %d commits, want 1 and 3 of at most 16 MB", commits)
	}
	if _, _, commits := putsBehindOne(t, 1025, 80); commits != 3 {
		t.Errorf("a put and 1,025 that waited took %d commits, want 1 and 2 of at most 1,024 puts", commits)
	}
}

func TestPutWhoseContextEndsWhileItWaits(t *testing.T) {
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	release := s.HoldCommits()
	ctx, cancel := context.WithCancel(t.Context())
	outcomes, stays := make(chan error), make(chan error, 1)
	put := func(ctx context.Context, slot uint64, outcome chan error) {
		go func() { outcome <- s.PutOnce(ctx, shard, slot, segment(slot, 80)) }()
		s.AwaitQueue(int(slot - 1))
	}
	put(ctx, 1, outcomes) // is being committed
	put(ctx, 2, outcomes)
	put(t.Context(), 3, stays)
	cancel()
	for range 2 {
		if err := <-outcomes; !errors.Is(err, context.Canceled) {
			t.Errorf("PutOnce: %v, want context.Canceled", err)
		}
	}
	if err := s.CreateStream(ctx, storetest.NewStream("other", "b2", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("CreateStream: %v, want context.Canceled", err)
	}
	if len(stays) > 0 {
		t.Errorf("PutOnce of the one that waits on: %v", <-stays)
	}
	release()
	if err := <-stays; err != nil {
		t.Error(err)
	}
	mustAdd(t, s, shard, 80)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s, disk := openOn(t, dir, 0)
	shard := create(t, s, "orders", "a1").Shard(0)
	disk.room.Store(1 << 20)
	s.LimitSize(1 << 20)
	release := s.HoldCommits()
	errs := make([]error, 6)
	var g errgroup.Group
	start := func(slot uint64, size int) {
		g.Go(func() error { errs[slot] = s.PutOnce(t.Context(), shard, slot, segment(slot, size)); return nil })
	}
	start(1, 80)
	s.AwaitQueue(0)
	for slot := uint64(2); slot <= 5; slot++ {
		start(slot, map[bool]int{true: 5 << 20, false: 80}[slot == 3])
	}
	s.AwaitQueue(4)
	release()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for slot, err := range errs[1:] {
		if slot+1 == 3 {
			if !errors.Is(err, shardlog.ErrRefused) || !errors.Is(err, errDiskFull) || !strings.Contains(err.Error(), dir) {
				t.Errorf("the put that does not fit: %v, want ErrRefused, its cause and the file's name", err)
			}
		} else if err != nil {
			t.Errorf("slot %d, which fits, shared a commit with one that does not: %v", slot+1, err)
		}
	}
	if err := s.CreateStream(t.Context(), manyShards()); !errors.Is(err, shardlog.ErrRefused) {
		t.Errorf("CreateStream that does not fit: %v, want ErrRefused", err)
	}
	if _, err := s.Allocate(t.Context(), manyShards().Shard(0), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
		t.Errorf("Allocate for a stream that could not be created: %v, want ErrShardClosed", err)
	}
	disk.room.Store(0)
	s.LimitSize(0)
	if err := s.PutOnce(t.Context(), shard, 3, segment(3, 5<<20)); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if err := s.CreateStream(t.Context(), manyShards()); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if got := len(slots(t, s, shard)); got != 5 {
		t.Errorf("%d contents, want 5", got)
	}
}

// manyShards takes several MB to store.
func manyShards() shardlog.Stream { return storetest.NewStream("many", "m1", 20_000) }

func TestReadersWaitForSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		stream := create(t, s, "orders", "a1")
		mustAdd(t, s, stream.Shard(0), 80)
		if err := replaceShard(t.Context(), s, stream, 1, time.Now()); err != nil {
			t.Fatal(err)
		}
		closed := stream.Shard(1)
		reads := map[string]func(ctx context.Context) error{
			"Scan":        func(ctx context.Context) error { _, err := s.Scan(ctx, stream.Shard(0), 1, 1); return err },
			"LoadStream":  func(ctx context.Context) error { _, err := s.LoadStream(ctx, stream.Name); return err },
			"Peek":        func(ctx context.Context) error { _, _, err := s.Peek(ctx, stream.Shard(0), 1); return err },
			"ListStreams": func(ctx context.Context) error { _, _, err := s.ListStreams(ctx, "", 1); return err },
			"Counter":     func(ctx context.Context) error { _, err := s.Counter(ctx, closed); return err },
		}
		for name, read := range reads {
			end := s.BeginSync()
			outcome, abandoned := make(chan error, 1), make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { outcome <- read(t.Context()) }()
			go func() { abandoned <- read(ctx) }()
			synctest.Wait()
			if len(outcome)+len(abandoned) != 0 {
				t.Errorf("%s returned what was not synced", name)
			}
			cancel()
			if err := <-abandoned; !errors.Is(err, context.Canceled) {
				t.Errorf("%s whose context ended: %v, want context.Canceled", name, err)
			}
			end()
			if err := <-outcome; err != nil {
				t.Errorf("%s after the sync: %v", name, err)
			}
		}
	})
}

// TestFailedSync has a sync fail, of the index and of the journal: nobody knows what is on the disk then.
func TestFailedSync(t *testing.T) {
	cause := errors.New("disk on fire")
	for name, fail := range map[string]func(s *boltstore.Store, disk *disk, shard shardlog.Shard) error{
		"index": func(s *boltstore.Store, _ *disk, _ shardlog.Shard) error { return s.FailSync(cause) },
		"journal": func(s *boltstore.Store, disk *disk, shard shardlog.Shard) error {
			disk.syncError.Store(&cause)
			return s.PutOnce(t.Context(), shard, 9, segment(9, 80))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, disk := openOn(t, dir, 0)
			stream := create(t, s, "orders", "a1")
			slot := mustAdd(t, s, stream.Shard(0), 80)
			if err := fail(s, disk, stream.Shard(0)); !errors.Is(err, cause) || errors.Is(err, shardlog.ErrRefused) {
				t.Errorf("the put whose sync failed: %v, want the cause, and an outcome that is not known", err)
			}
			expectBroken(t, s, stream, cause)
			closeChecked(t, s)
			s = open(t, dir)
			if !slots(t, s, stream.Shard(0))[slot] {
				t.Error("the content is gone after opening anew")
			}
			mustAdd(t, s, stream.Shard(0), 80)
		})
	}
}

func expectBroken(t *testing.T, s *boltstore.Store, stream shardlog.Stream, cause error) {
	t.Helper()
	_, allocErr := s.Allocate(t.Context(), stream.Shard(0), time.Now(), shardlog.Usage{})
	_, scanErr := s.Scan(t.Context(), stream.Shard(0), 1, 1)
	_, loadErr := s.LoadStream(t.Context(), stream.Name)
	_, counterErr := s.Counter(t.Context(), stream.Shard(0))
	_, _, peekErr := s.Peek(t.Context(), stream.Shard(0), 1)
	_, _, listErr := s.ListStreams(t.Context(), "", 1)
	_, retentionErr := s.SetRetention(t.Context(), stream.Shard(0), time.Hour)
	_, reclaimErr := s.Reclaim(t.Context(), time.Now())
	for call, err := range map[string]error{
		"Allocate": allocErr, "Scan": scanErr, "LoadStream": loadErr,
		"Counter": counterErr, "Peek": peekErr, "ListStreams": listErr, "SetRetention": retentionErr, "Reclaim": reclaimErr,
		"Extend":       s.Extend(t.Context(), stream.Shard(0), 2, time.Hour),
		"UpdateStream": s.UpdateStream(t.Context(), stream),
		"Reshard":      replaceShard(t.Context(), s, stream, 0, time.Now()),
		"SealShard":    s.SealShard(t.Context(), stream.Shard(0), 1),
		"PutOnce":      s.PutOnce(t.Context(), stream.Shard(0), 2, segment(2, 80)),
		"CreateStream": s.CreateStream(t.Context(), storetest.NewStream("other", "b2", 1)),
		"DeleteStream": s.DeleteStream(t.Context(), stream.Name),
	} {
		if !errors.Is(err, shardlog.ErrRefused) || !errors.Is(err, cause) {
			t.Errorf("%s on a broken store: %v, want ErrRefused and the cause", call, err)
		}
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, t.TempDir())
	stream := create(t, s, "orders", "a1")
	var g errgroup.Group
	for slot := uint64(1); slot <= 20; slot++ {
		g.Go(func() error {
			if err := s.PutOnce(t.Context(), stream.Shard(0), slot, segment(slot, 80)); !errors.Is(err, boltstore.ErrClosed) {
				return err
			}
			return nil
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Errorf("a put while the store closes: %v, want nil or ErrClosed", err)
	}
	_, err := s.Scan(t.Context(), stream.Shard(0), 1, 1)
	for _, err := range []error{err, s.DeleteStream(t.Context(), "orders")} {
		if !errors.Is(err, boltstore.ErrClosed) || !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("a call after Close: %v, want ErrClosed", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestCorruptContent(t *testing.T) {
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	slot := mustAdd(t, s, shard, 80)
	if err := s.Damage(shard, slot, []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	_, err := s.Scan(t.Context(), shard, 1, 1<<20)
	for call, err := range map[string]error{"Scan": err, "PutOnce": s.PutOnce(t.Context(), shard, slot, segment(slot, 80))} {
		if !errors.Is(err, boltstore.ErrCorrupt) || !strings.Contains(err.Error(), "slot 1 of shard 0") {
			t.Errorf("%s: %v, want ErrCorrupt and the slot", call, err)
		}
	}
	mustAdd(t, s, shard, 80)
}

func TestPageOfFillersIsBounded(t *testing.T) {
	const fillers = 5000
	s := open(t, t.TempDir())
	shard := create(t, s, "orders", "a1").Shard(0)
	var g errgroup.Group
	for slot := uint64(1); slot <= fillers; slot++ {
		g.Go(func() error { return s.PutOnce(t.Context(), shard, slot, shardlog.Content{}) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	page, err := s.Scan(t.Context(), shard, 1, 1)
	if err != nil || len(page.Contents) != 4096 || !page.More {
		t.Errorf("%d contents, more %v, error %v; want 4096 and more", len(page.Contents), page.More, err)
	}
	page, err = s.Scan(t.Context(), shard, 4097, 1)
	if err != nil || len(page.Contents) != fillers-4096 || page.More {
		t.Errorf("%d contents, more %v, error %v; want the other %d", len(page.Contents), page.More, err, fillers-4096)
	}
}
