package shardlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

// halve plans to split a shard in the middle of its range.
func halve(index uint32) func(shardlog.Stream) (shardlog.Change, error) {
	return func(s shardlog.Stream) (shardlog.Change, error) {
		keys := s.Shards[index].Keys
		return shardlog.Split(s.Shards[index], hashkey.Key{Hi: keys.Start.Hi/2 + keys.End.Hi/2 + 1}), nil
	}
}

// closeShard splits shard 0 in the store alone, as a process does that dies before it seals. The stream's map follows.
func (f *fixture) closeShard(t *testing.T) {
	t.Helper()
	change, err := halve(0)(f.stream)
	if err != nil {
		t.Fatal(err)
	}
	for i := range change.Opening {
		change.Opening[i].Index = uint32(len(f.stream.Shards) + i)
		change.Opening[i].Created = time.Now().UTC().Truncate(time.Second)
	}
	if err := f.mem.Reshard(t.Context(), f.stream, change.Closing, change.Opening); err != nil {
		t.Fatal(err)
	}
	if f.stream, err = f.mem.LoadStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
}

// TestReadEnds: a closed shard ends behind its final slot, whatever stands at its last slots, and an open one does not.
func TestReadEnds(t *testing.T) {
	for name, test := range map[string]struct {
		fill func(t *testing.T, f *fixture)
		want []string
	}{
		"empty":         {func(*testing.T, *fixture) {}, nil},
		"with records":  {func(t *testing.T, f *fixture) { f.append(t, 0, 2) }, []string{"0/0/0", "0/0/1"}},
		"with one hole": {func(t *testing.T, f *fixture) { f.hole(t) }, nil},
		"with holes last": {func(t *testing.T, f *fixture) {
			f.append(t, 0, 1)
			f.hole(t)
			f.hole(t)
		}, []string{"0/0/0"}},
		"with a hole between": {func(t *testing.T, f *fixture) {
			f.hole(t)
			f.append(t, 0, 1)
			time.Sleep(3 * time.Second)
		}, []string{"0/0/0"}},
		"with old holes last": {func(t *testing.T, f *fixture) {
			f.append(t, 0, 1)
			f.hole(t)
			f.hole(t)
			time.Sleep(2 * time.Hour)
		}, []string{"0/0/0"}},
		"with all reclaimed": {func(t *testing.T, f *fixture) {
			f.append(t, 0, 1)
			f.append(t, 1, 1)
			time.Sleep(30 * time.Hour)
			if _, err := f.mem.Reclaim(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 1, nil)
				test.fill(t, f)
				if read := f.read(t, shardlog.Position{}); read.Ended {
					t.Errorf("an open shard ended: %+v", read)
				}
				f.closeShard(t)
				read := f.read(t, shardlog.Position{})
				wantData(t, read.Records, test.want...)
				if !read.Ended || read.Behind != 0 {
					t.Errorf("read ends with %+v", read)
				}
				if again := f.read(t, read.Next); !again.Ended || len(again.Records) != 0 || again.Behind != 0 {
					t.Errorf("read on: %+v", again)
				}
				counter, err := f.mem.Counter(t.Context(), f.stream.Shard(0))
				if err != nil {
					t.Fatal(err)
				}
				if read.Next.Slot != counter.Next {
					t.Errorf("it ends before slot %d, the shard's last is %d", read.Next.Slot, counter.Next-1)
				}
				loaded, err := f.mem.LoadStream(t.Context(), "orders")
				if err != nil || !loaded.Shards[0].Sealed || loaded.Shards[0].Final != counter.Next-1 {
					t.Errorf("the shard is %+v, %v; want it sealed at %d", loaded.Shards[0], err, counter.Next-1)
				}
			})
		})
	}
}

// TestReadEndsInPages reads a closed shard a record at a time: the end is told with the last record or behind it, never before.
func TestReadEndsInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		for w := range 3 {
			f.append(t, w, 2)
			f.hole(t)
		}
		f.closeShard(t)
		time.Sleep(time.Minute)
		var all []shardlog.Stored
		at := shardlog.Position{}
		for ended := false; !ended; {
			read, err := f.log.Read(t.Context(), f.stream, 0, at, shardlog.Limits{Records: 1, Bytes: 1 << 20})
			if err != nil || (len(read.Records) == 0 && !read.Ended) {
				t.Fatalf("read %+v, %v", read, err)
			}
			all, at, ended = append(all, read.Records...), read.Next, read.Ended
		}
		wantData(t, all, "0/0/0", "0/0/1", "1/0/0", "1/0/1", "2/0/0", "2/0/1")
	})
}

// TestSealOfLongClosed: who seals a shard long after it was closed does not work its way through what was reclaimed.
func TestSealOfLongClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		for w := range 200 {
			f.append(t, w, 1)
		}
		f.closeShard(t)
		time.Sleep(30 * time.Hour)
		if _, err := f.mem.Reclaim(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		before := f.faults.Calls()[faultstore.PutOnce]
		if _, err := f.log.Read(t.Context(), f.stream, 1, shardlog.Position{}, shardlog.Limits{Records: 9, Bytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		if n := f.faults.Calls()[faultstore.PutOnce] - before; n != 0 {
			t.Errorf("%d fills", n)
		}
	})
}

// TestBehind: 0 at the tip alone, and the age of what comes next elsewhere.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		if read := f.read(t, shardlog.Position{}); read.Behind != 0 {
			t.Errorf("an empty shard: %+v", read)
		}
		var arrived []time.Time
		for w := range 4 {
			arrived = append(arrived, time.Now())
			f.append(t, w, 2)
			time.Sleep(time.Hour)
		}
		at := shardlog.Position{}
		for i := range 8 {
			read, err := f.log.Read(t.Context(), f.stream, 0, at, shardlog.Limits{Records: 1, Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			want := time.Duration(0)
			if i < 7 {
				want = time.Since(arrived[(i+1)/2])
			}
			if read.Behind != want {
				t.Errorf("after record %d: behind %v, want %v", i, read.Behind, want)
			}
			at = read.Next
		}
		if read := f.read(t, at); read.Behind != 0 || read.Next != at {
			t.Errorf("at the tip: %+v", read)
		}
	})
}

// TestBehindPages: where the store's page ends with the read, what comes next is not seen, but is not denied either.
func TestBehindPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		for w := range 5 {
			f.append(t, w, 1)
			time.Sleep(time.Minute)
		}
		at := shardlog.Position{}
		for i := range 5 {
			read, err := f.log.Read(t.Context(), f.stream, 0, at, shardlog.Limits{Records: 10, Bytes: 1})
			if err != nil || len(read.Records) != 1 {
				t.Fatalf("read %d: %+v, %v", i, read, err)
			}
			oldest := time.Duration(5-i) * time.Minute // of the record returned
			if (read.Behind == 0) != (i == 4) || read.Behind > oldest || (i < 4 && read.Behind < oldest-time.Minute) {
				t.Errorf("after record %d: behind %v", i, read.Behind)
			}
			at = read.Next
		}
	})
}

func TestReadSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		var arrived []time.Time
		for w := range 4 {
			arrived = append(arrived, time.Now())
			f.append(t, w, 1)
			time.Sleep(time.Second)
		}
		since := func(at time.Time, want ...string) {
			t.Helper()
			read, err := f.log.Read(t.Context(), f.stream, 0, shardlog.Position{}, shardlog.Limits{Records: 9, Bytes: 1 << 20, Since: at})
			if err != nil || read.Next.Slot != 5 || read.Behind != 0 {
				t.Errorf("since %v: %+v, %v", at, read, err)
			}
			wantData(t, read.Records, want...)
		}
		since(time.Time{}, "0/0/0", "1/0/0", "2/0/0", "3/0/0")
		since(arrived[0], "0/0/0", "1/0/0", "2/0/0", "3/0/0")
		since(arrived[2], "2/0/0", "3/0/0")
		since(arrived[2].Add(time.Millisecond), "3/0/0")
		since(time.Now())
	})
}
