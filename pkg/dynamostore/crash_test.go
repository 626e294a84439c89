package dynamostore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// crashes are the ways in which the n-th call fails: alone, or as the last one that the process makes.
var crashes = map[string]func(n int) func(int) fault{
	"lost":            func(n int) func(int) fault { return func(i int) fault { return pick(i == n, lost) } },
	"late":            func(n int) func(int) fault { return func(i int) fault { return pick(i == n, late) } },
	"lost, then dead": func(n int) func(int) fault { return func(i int) fault { return pick(i >= n, lost) } },
	"late, then dead": func(n int) func(int) fault {
		return func(i int) fault {
			if i > n {
				return lost
			}
			return pick(i == n, late)
		}
	},
}

func pick(when bool, f fault) fault {
	if when {
		return f
	}
	return none
}

// eachCrash runs an operation with a fault at its every call, until one run meets no fault. Check sees the table
// afterwards, without faults; err is what the operation said.
func eachCrash(t *testing.T, f fixture, prepare func(t *testing.T, try string), run func(t *testing.T, try string) error, check func(t *testing.T, try string, err error)) {
	for name, plan := range crashes {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				try := fmt.Sprintf("%s%d", strings.NewReplacer(", ", "", " ", "").Replace(name), n)
				f.spy.reset(nil)
				prepare(t, try)
				f.spy.reset(plan(n))
				err := run(t, try)
				met := f.spy.total() >= n
				f.spy.reset(nil)
				if !met && err != nil {
					t.Fatalf("without a fault: %v", err)
				}
				check(t, try, err)
				if t.Failed() {
					t.Fatalf("with the fault at call %d", n)
				}
				if !met {
					return
				}
			}
		})
	}
}

func TestCrashInCreateStream(t *testing.T) {
	for _, shards := range []int{2, 51} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			f := open(t)
			create := func(t *testing.T, try string) error {
				return f.CreateStream(t.Context(), storetest.NewStream(try, "a"+try, shards))
			}
			eachCrash(t, f, func(*testing.T, string) {}, create, func(t *testing.T, try string, err error) {
				f.checkCreated(t, storetest.NewStream(try, "a"+try, shards), err)
			})
		})
	}
}

// checkCreated: a stream exists whole or not at all, and its name is free again in the second case.
func (f fixture) checkCreated(t *testing.T, stream shardlog.Stream, createErr error) {
	t.Helper()
	got, err := f.LoadStream(t.Context(), stream.Name)
	if createErr == nil && err != nil {
		t.Errorf("a stream that was created cannot be loaded: %v", err)
	}
	if errors.Is(err, shardlog.ErrStreamNotFound) {
		stream.ID = "b" + stream.ID
		if err := f.CreateStream(t.Context(), stream); err != nil {
			t.Errorf("create it again: %v", err)
		}
		got, err = f.LoadStream(t.Context(), stream.Name)
	}
	if err != nil || len(got.Shards) != len(stream.Shards) || got.ID != stream.ID {
		t.Fatalf("stream with id %s and %d shards, error %v", got.ID, len(got.Shards), err)
	}
	for _, info := range got.Shards {
		if a, err := f.Allocate(t.Context(), got.Shard(info.Index), time.Now(), shardlog.Usage{}); err != nil || a.Slot != 1 {
			t.Errorf("shard %d: slot %d, error %v", info.Index, a.Slot, err)
		}
	}
	if len(f.items(t, "streams")) == 0 {
		t.Error("no stream has a name item")
	}
}

// TestFailedCreateTidiesUp: a creation that fails while the process lives leaves nothing.
func TestFailedCreateTidiesUp(t *testing.T) {
	f := open(t)
	for n := 1; n <= 6; n++ { // the last call, the transaction, may come to be applied after all
		f.spy.reset(crashes["late"](n))
		if err := f.CreateStream(t.Context(), storetest.NewStream("orders", "a1", 60)); err == nil {
			t.Fatalf("call %d failed without notice", n)
		}
		if left := f.items(t, ""); len(left) != 0 {
			t.Fatalf("fault at call %d: %d items are left, such as %s", n, len(left), show(left[0]))
		}
	}
}

// TestCreateLosesLate: the name is taken between the look and the transaction. The winner keeps everything, the loser nothing.
func TestCreateLosesLate(t *testing.T) {
	f := open(t)
	winner := storetest.NewStream("orders", "w1", 60)
	f.spy.reset(func(n int) fault {
		if n == 2 { // the first batch
			if err := f.bypass().CreateStream(t.Context(), winner); err != nil {
				t.Error(err)
			}
		}
		return none
	})
	if err := f.CreateStream(t.Context(), storetest.NewStream("orders", "l1", 60)); !errors.Is(err, shardlog.ErrStreamExists) {
		t.Fatalf("the loser got %v, want ErrStreamExists", err)
	}
	f.spy.reset(nil)
	if n := len(f.items(t, "")); n != 2*60+2 {
		t.Errorf("%d items, want the winner's 122", n)
	}
	f.checkCreated(t, winner, nil)
}

func TestCrashInDeleteStream(t *testing.T) {
	const shards = 2
	f := open(t)
	stream := func(try string) shardlog.Stream { return storetest.NewStream(try, "a"+try, shards) }
	prepare := func(t *testing.T, try string) {
		s := stream(try)
		if err := f.CreateStream(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		for range 26 { // more than one batch
			f.append(t, s.Shard(0), segmentOf(1, 10))
		}
		f.append(t, s.Shard(1), segmentOf(2, 500_000))
	}
	remove := func(t *testing.T, try string) error { return f.DeleteStream(t.Context(), try) }
	eachCrash(t, f, prepare, remove, func(t *testing.T, try string, err error) { f.checkDeleting(t, stream(try), err) })
}

// checkDeleting: a deletion that failed left the stream as it was, or hidden with its name taken; calling again ends it.
func (f fixture) checkDeleting(t *testing.T, stream shardlog.Stream, deleteErr error) {
	t.Helper()
	loaded, loadErr := f.LoadStream(t.Context(), stream.Name)
	if loadErr == nil {
		if deleteErr == nil || len(loaded.Shards) != len(stream.Shards) {
			t.Errorf("the stream is still there, with %d shards", len(loaded.Shards))
		}
		if _, err := f.Allocate(t.Context(), stream.Shard(0), time.Now(), shardlog.Usage{}); err != nil {
			t.Errorf("the stream is there, but hands out no slots: %v", err)
		}
	} else if !errors.Is(loadErr, shardlog.ErrStreamNotFound) {
		t.Errorf("load: %v", loadErr)
	}
	again := stream
	again.ID = "b" + stream.ID
	createErr := f.CreateStream(t.Context(), again)
	gone := createErr == nil
	if !gone && !errors.Is(createErr, shardlog.ErrStreamExists) {
		t.Errorf("create again: %v", createErr)
	}
	if deleteErr == nil && !gone {
		t.Error("the name of a deleted stream is taken")
	}
	if !gone {
		if err := f.DeleteStream(t.Context(), stream.Name); err != nil {
			t.Errorf("delete again: %v", err)
		}
	}
	for _, i := range f.items(t, "") {
		if strings.Contains(str(i["pk"]), "#"+stream.ID) || str(i["id"]) == stream.ID {
			t.Errorf("%s is left", show(i))
		}
	}
	for _, info := range stream.Shards {
		if _, err := f.Allocate(t.Context(), stream.Shard(info.Index), time.Now(), shardlog.Usage{}); !errors.Is(err, shardlog.ErrShardClosed) {
			t.Errorf("shard %d of a deleted stream: %v, want ErrShardClosed", info.Index, err)
		}
	}
	if gone {
		if _, err := f.LoadStream(t.Context(), stream.Name); err != nil {
			t.Errorf("the stream that was created again: %v", err)
		}
	}
}

// TestSlowDeleteSparesSuccessor: a deletion that stalled before its last steps, while another call ended it and the name was
// given anew, takes nothing from the new stream.
func TestSlowDeleteSparesSuccessor(t *testing.T) {
	for n := 2; n <= 8; n++ {
		t.Run(fmt.Sprintf("before call %d", n), func(t *testing.T) {
			f := open(t)
			f.create(t, "orders", "a1", 1)
			other := f.bypass()
			f.spy.reset(func(i int) fault {
				if i == n {
					if err := other.DeleteStream(t.Context(), "orders"); err != nil {
						t.Error(err)
					}
					if err := other.CreateStream(t.Context(), storetest.NewStream("orders", "b2", 2)); err != nil {
						t.Error(err)
					}
				}
				return none
			})
			err := f.DeleteStream(t.Context(), "orders")
			if f.spy.total() < n {
				t.Fatalf("there are only %d calls", f.spy.total())
			}
			f.spy.reset(nil)
			if err != nil && !errors.Is(err, shardlog.ErrStreamNotFound) {
				t.Error(err)
			}
			if items := f.items(t, ""); len(items) != 2*2+2 {
				t.Errorf("%d items, want the new stream's 6", len(items))
			}
			if got, err := f.LoadStream(t.Context(), "orders"); err != nil || got.ID != "b2" || len(got.Shards) != 2 {
				t.Errorf("the new stream is %+v, error %v", got, err)
			}
		})
	}
}

// TestLoadDuringDelete: a stream that vanishes between the two requests of LoadStream was deleted, not damaged.
func TestLoadDuringDelete(t *testing.T) {
	f := open(t)
	f.create(t, "orders", "a1", 3)
	f.spy.reset(func(n int) fault {
		if n == 2 {
			if err := f.bypass().DeleteStream(t.Context(), "orders"); err != nil {
				t.Error(err)
			}
		}
		return none
	})
	if _, err := f.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("error %v, want ErrStreamNotFound", err)
	}
}

// TestLoadDamaged: a stream that lacks a shard is not loaded without it.
func TestLoadDamaged(t *testing.T) {
	f := open(t)
	f.create(t, "orders", "a1", 3)
	f.remove(t, "shards#a1", "000000000001")
	if s, err := f.LoadStream(t.Context(), "orders"); err == nil || errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("%d shards, error %v; want an error that is not ErrStreamNotFound", len(s.Shards), err)
	}
}
