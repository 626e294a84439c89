package shardlog_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

func (f *fixture) append(t *testing.T, writer, n int) shardlog.Appended {
	t.Helper()
	got, err := f.log.Append(t.Context(), f.stream.Shard(0), records(writer, 0, n))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hole allocates a slot as a writer that dies before its second step.
func (f *fixture) hole(t *testing.T) uint64 {
	t.Helper()
	a, err := f.faults.Allocate(t.Context(), f.stream.Shard(0), time.Now(), shardlog.Usage{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Slot
}

func (f *fixture) read(t *testing.T, from shardlog.Position) shardlog.Read {
	t.Helper()
	read, err := f.log.Read(t.Context(), f.stream, 0, from, shardlog.Limits{Records: 1000, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestReadWaitsForHoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		f.append(t, 0, 1)
		f.hole(t)
		f.append(t, 1, 1)
		read := f.read(t, shardlog.Position{})
		wantData(t, read.Records, "0/0/0")
		if read.Behind != time.Millisecond || read.Next != (shardlog.Position{Slot: 2}) {
			t.Errorf("read ends with %+v, want to wait before slot 2", read)
		}
		time.Sleep(3*time.Second - time.Millisecond)
		if again := f.read(t, read.Next); again.Behind != 3*time.Second-time.Millisecond || len(again.Records) != 0 {
			t.Errorf("1 ms before the grace period ends: %+v", again)
		}
		time.Sleep(time.Millisecond)
		again := f.read(t, read.Next)
		wantData(t, again.Records, "1/0/0")
		if again.Behind != 0 {
			t.Errorf("after the grace period: %+v", again)
		}
	})
}

func TestReadDoesNotWaitAtTheTip(t *testing.T) {
	f := newFixture(t, 1, nil)
	f.append(t, 0, 1)
	f.hole(t)
	if read := f.read(t, shardlog.Position{}); read.Behind != 0 || read.Next != (shardlog.Position{Slot: 2}) {
		t.Errorf("with a slot handed out at the tip: %+v", read)
	}
}

// TestReadLosesTheFill: the writer puts its segment just before the reader's filler, which the reader must then return.
func TestReadLosesTheFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *fixture
		f = newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
			if !c.Fill {
				return faultstore.Fault{}
			}
			// The plan runs just before the call is applied.
			late := shardlog.Content{
				Nonce: shardlog.Nonce{1}, Count: 1, Packed: segment.Encode(records(7, 0, 1)),
				Arrival: time.Now(), Expires: time.Now().Add(retention),
			}
			if err := f.mem.PutOnce(t.Context(), c.Shard, c.Slot, late); err != nil {
				t.Errorf("late put: %v", err)
			}
			return faultstore.Fault{}
		})
		f.hole(t)
		f.append(t, 1, 1)
		time.Sleep(3 * time.Second)
		wantData(t, f.read(t, shardlog.Position{}).Records, "7/0/0", "1/0/0")
	})
}

// TestReadFillFails: a reader that cannot decide a hole returns what stands before it, and then the failure, in both
// flavours.
func TestReadFillFails(t *testing.T) {
	for name, fault := range map[string]faultstore.Fault{"failed": faultstore.Failed, "failed but applied": faultstore.FailedAfter} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := true
				f := newFixture(t, 1, func(c faultstore.Call) faultstore.Fault {
					if c.Fill && broken {
						return fault
					}
					return faultstore.Fault{}
				})
				f.append(t, 0, 1)
				f.hole(t)
				f.append(t, 1, 1)
				time.Sleep(3 * time.Second)
				read := f.read(t, shardlog.Position{})
				wantData(t, read.Records, "0/0/0")
				if read.Next.Slot != 2 || read.Behind == 0 {
					t.Errorf("read ends with %+v, want to stand at slot 2", read)
				}
				broken = false
				wantData(t, f.read(t, read.Next).Records, "1/0/0")
			})
		})
	}
}

func TestReadLimits(t *testing.T) {
	f := newFixture(t, 1, nil)
	for w := range 4 {
		f.append(t, w, 3)
	}
	for limit := 1; limit <= 13; limit++ {
		var got []shardlog.Stored
		from := shardlog.Position{}
		for tip := false; !tip; {
			read, err := f.log.Read(t.Context(), f.stream, 0, from, shardlog.Limits{Records: limit, Bytes: 1 << 20})
			if err != nil || len(read.Records) > limit || (len(read.Records) == 0 && read.Behind > 0) {
				t.Fatalf("limit %d: %+v, %v", limit, read, err)
			}
			got, from, tip = append(got, read.Records...), read.Next, read.Behind == 0
		}
		wantData(t, got, "0/0/0", "0/0/1", "0/0/2", "1/0/0", "1/0/1", "1/0/2", "2/0/0", "2/0/1", "2/0/2", "3/0/0", "3/0/1", "3/0/2")
	}
	read, err := f.log.Read(t.Context(), f.stream, 0, shardlog.Position{}, shardlog.Limits{Records: 1000, Bytes: 1})
	if err != nil || len(read.Records) != 1 {
		t.Errorf("a bound of 1 byte gives %d records, %v; want one", len(read.Records), err)
	}
}

func TestReadFromNumbers(t *testing.T) {
	f := newFixture(t, 1, nil)
	f.append(t, 0, 3)
	f.append(t, 1, 2)
	all := f.read(t, shardlog.Position{}).Records
	for i, r := range all {
		rest := f.read(t, shardlog.After(r.Number)).Records
		if len(rest) != len(all)-i-1 || (len(rest) > 0 && rest[0].Number != all[i+1].Number) {
			t.Errorf("after record %d: %d records", i, len(rest))
		}
	}
}

func TestReadLeavesOutExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1, nil)
		f.append(t, 0, 1)
		time.Sleep(time.Hour)
		f.append(t, 1, 1)
		time.Sleep(23*time.Hour - time.Millisecond)
		wantData(t, f.read(t, shardlog.Position{}).Records, "0/0/0", "1/0/0") // the last moment of its retention
		time.Sleep(time.Millisecond)
		read := f.read(t, shardlog.Position{})
		wantData(t, read.Records, "1/0/0")
		if read.Behind != 0 {
			t.Errorf("read ends with %+v", read)
		}
	})
}

func TestReadRefusesWhatItCannotDecode(t *testing.T) {
	good := segment.Encode(records(0, 0, 1))
	newer := append([]byte{99}, good[1:]...)
	flipped := append([]byte{}, good...)
	flipped[6] ^= 1
	var version segment.VersionError
	for name, test := range map[string]struct {
		packed []byte
		is     func(error) bool
	}{
		"newer version": {newer, func(err error) bool { return errors.As(err, &version) && version == 99 }},
		"flipped bit":   {flipped, func(err error) bool { return errors.Is(err, segment.ErrCorrupt) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1, nil)
			f.append(t, 0, 1)
			bad := shardlog.Content{Nonce: shardlog.Nonce{9}, Count: 1, Packed: test.packed, Arrival: time.Now(), Expires: time.Now().Add(retention)}
			if err := f.faults.PutOnce(t.Context(), f.stream.Shard(0), f.hole(t), bad); err != nil {
				t.Fatal(err)
			}
			read := f.read(t, shardlog.Position{})
			wantData(t, read.Records, "0/0/0")
			_, err := f.log.Read(t.Context(), f.stream, 0, read.Next, shardlog.Limits{Records: 10, Bytes: 1 << 20})
			if !test.is(err) {
				t.Errorf("reading on: %v", err)
			}
		})
	}
}
