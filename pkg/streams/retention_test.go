package streams_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

func (f *fixture) retain(t *testing.T, action string, hours int) {
	t.Helper()
	f.wantAnswer(t, action+"StreamRetentionPeriod", fmt.Sprintf(`{"StreamName":"orders","RetentionPeriodHours":%d}`, hours), 200, "")
	if got := do(t, f.DescribeStream, &kinesis.DescribeStreamInput{StreamName: "orders"}).StreamDescription.RetentionPeriodHours; got != hours {
		t.Errorf("after %s to %d hours it is %d", action, hours, got)
	}
}

func TestRetentionBounds(t *testing.T) {
	f := newStream(t, 1)
	refused := func(action string, hours int, message string) {
		t.Helper()
		f.wantRefusal(t, action+"StreamRetentionPeriod", fmt.Sprintf(`{"StreamName":"orders","RetentionPeriodHours":%d}`, hours), invalidArgument, message)
	}
	for _, action := range []string{"Increase", "Decrease"} {
		refused(action, 23, "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
		refused(action, 8761, "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.")
		f.retain(t, action, 24) // as it is
		f.wantRefusal(t, action+"StreamRetentionPeriod", `{"StreamName":"missing","RetentionPeriodHours":24}`, notFound, missingStream)
	}
	refused("Decrease", 25, "Requested retention period (25 hours) for stream orders can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.")
	f.retain(t, "Increase", 8760)
	refused("Increase", 100, "Requested retention period (100 hours) for stream orders can not be shorter than existing retention period (8760 hours). Use DecreaseRetentionPeriod API.")
	f.retain(t, "Decrease", 24)
}

// TestRetentionOfReads: records go when their retention ends, to the millisecond.
func TestRetentionOfReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		numbers := f.put(t, hashkey.Key{}, "a")
		time.Sleep(time.Hour)
		f.put(t, hashkey.Key{}, "b")
		at := func() string {
			return f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: "0", ShardIteratorType: kinesis.IteratorAtSequenceNumber, StartingSequenceNumber: numbers[0]})
		}
		time.Sleep(23*time.Hour - time.Millisecond)
		f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "a", "b")
		f.wantRead(t, at(), "a", "b")
		held := at()
		time.Sleep(time.Millisecond)
		f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "b")
		f.wantRead(t, at(), "b")
		f.wantRead(t, held, "b")
		time.Sleep(time.Hour)
		f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon))
	})
}

// TestIncreasedRetention: what has not expired is kept for longer, whether the store drops expired contents or not.
func TestIncreasedRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.put(t, hashkey.Key{}, "expired")
		time.Sleep(2 * time.Hour)
		f.put(t, hashkey.Key{}, "kept")
		time.Sleep(23 * time.Hour)
		f.retain(t, "Increase", 48)
		f.put(t, hashkey.Key{}, "new")
		for _, wait := range []time.Duration{0, time.Hour, 22 * time.Hour} {
			time.Sleep(wait)
			if _, err := f.mem.Reclaim(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "kept", "new")
		}
		time.Sleep(2 * time.Hour)
		f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "new")
	})
}

// TestDecreasedRetention: what is older is hidden at once, and stays so.
func TestDecreasedRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.retain(t, "Increase", 72)
		begin := time.Now()
		first := f.put(t, hashkey.Key{}, "a")[0]
		time.Sleep(40 * time.Hour)
		f.put(t, hashkey.Key{}, "b")
		time.Sleep(10 * time.Hour)
		held := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
		f.wantRead(t, held, "a", "b")
		wantOnlyB := func() {
			t.Helper()
			f.wantRead(t, held, "b")
			f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "b")
			f.wantRead(t, f.atTime(t, begin), "b")
			f.wantRead(t, f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: "0", ShardIteratorType: kinesis.IteratorAtSequenceNumber, StartingSequenceNumber: first}), "b")
		}
		f.retain(t, "Decrease", 24)
		wantOnlyB()
		time.Sleep(time.Second)
		f.retain(t, "Increase", 8760)
		wantOnlyB()
		time.Sleep(4 * time.Minute)
		wantOnlyB()
	})
}
