package dynamostore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
)

var few = shardlog.Usage{Records: 2, Bytes: 100}

// used returns what the counter of shard 0 holds of its windows.
func (f fixture) used(t *testing.T) map[string]types.AttributeValue {
	t.Helper()
	return f.items(t, "counter#a1#000000000000")[0]["used"].(*types.AttributeValueMemberM).Value
}

// TestLimitsAtNoFurtherRequest: under the limits an allocation is one request, whoever else allocates, in the same second or the next, and
// however long nobody did. A refusal is one as well.
func TestLimitsAtNoFurtherRequest(t *testing.T) {
	const handles, writers = 3, 9
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	var stores []*dynamostore.Store
	for range handles {
		stores = append(stores, dynamostore.New(f.spy, f.table))
	}
	f.spy.reset(nil)
	now, allocations := stream.Created.Add(time.Second), 0
	for _, pass := range []time.Duration{0, 1, 1, 5, 400, 1, 30, 2, 2, 2, 7, 7, 7, 0} {
		now = now.Add(pass * time.Second)
		var wg sync.WaitGroup
		for w := range writers {
			at := now.Add(time.Duration(w%2) * time.Second)
			wg.Go(func() {
				if _, err := stores[w%handles].Allocate(t.Context(), stream.Shard(0), at, few); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			})
		}
		wg.Wait()
		allocations += writers
		if n := len(f.used(t)); n > 2*4 {
			t.Errorf("%d numbers stand in the counter: %v", n, f.used(t))
		}
	}
	f.expectRequests(t, "allocating under the limits", map[string]int{"UpdateItem": allocations})
	rest := shardlog.Usage{Records: shardlog.LimitRecords - 10}
	var over *shardlog.OverLimitError
	if _, err := stores[0].Allocate(t.Context(), stream.Shard(0), now.Add(time.Second), rest); !errors.As(err, &over) || over.Left.Records == 0 {
		t.Errorf("%v, want a refusal that leaves some", err)
	}
	f.expectRequests(t, "a refusal", map[string]int{"UpdateItem": 1})
}

// TestOldWindowsGo: processes that allocate once and end leave few windows, and the counter costs one write unit all the while.
func TestOldWindowsGo(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	f.spy.reset(nil)
	const allocations = 40
	now := stream.Created
	for range allocations {
		now = now.Add(30 * time.Second)
		if _, err := dynamostore.New(f.spy, f.table).Allocate(t.Context(), stream.Shard(0), now, few); err != nil {
			t.Fatal(err)
		}
		if n := len(f.used(t)); n > 2*7 {
			t.Fatalf("%d numbers stand in the counter: %v", n, f.used(t))
		}
	}
	if n := f.spy.counts()["UpdateItem"]; n > allocations*7/6 {
		t.Errorf("%d requests for %d allocations", n, allocations)
	}
}

// TestCounterWithoutWindows: the counter of an earlier release gets its windows with the first allocation under limits.
func TestCounterWithoutWindows(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	counter := f.items(t, "counter#a1#000000000000")[0]
	delete(counter, "used")
	f.put(t, counter)
	for slot := uint64(1); slot <= 2; slot++ {
		f.spy.reset(nil)
		a, err := f.Allocate(t.Context(), stream.Shard(0), stream.Created, few)
		if err != nil || a.Slot != slot {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	f.expectRequests(t, "the second allocation", map[string]int{"UpdateItem": 1})
	if got := f.used(t); len(got) != 2 || str(got[fmt.Sprint("r", stream.Created.Unix())]) != "4" {
		t.Errorf("used is %v", got)
	}
}

// TestCrashInLimitedAllocate: a call that fails counts at most once, and what is not known is counted.
func TestCrashInLimitedAllocate(t *testing.T) {
	f := open(t)
	streams := map[string]shardlog.Stream{}
	prepare := func(t *testing.T, try string) { streams[try] = f.create(t, try, "a"+try, 1) }
	half := shardlog.Usage{Records: shardlog.LimitRecords / 2}
	at := func(try string) time.Time { return streams[try].Created.Add(2 * time.Hour) } // a mark is due
	run := func(t *testing.T, try string) (err error) {
		_, err = f.Allocate(t.Context(), streams[try].Shard(0), at(try), half)
		return err
	}
	eachCrash(t, f, prepare, run, func(t *testing.T, try string, err error) {
		taken := uint64(0)
		for {
			a, err := f.Allocate(t.Context(), streams[try].Shard(0), at(try), half)
			if err != nil {
				break
			}
			taken = a.Slot
		}
		if taken != 2 {
			t.Errorf("the last half was taken with slot %d, want 2: what was lost from sight counts if it was applied", taken)
		}
	})
}

// TestLargestCounterCostsOneUnit asks DynamoDB what allocations cost on a counter with all the marks and windows that it can have.
func TestLargestCounterCostsOneUnit(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	shard, now := stream.Shard(0), stream.Created
	for i := range 60 { // lengthened again and again, so that more marks are set than the retention needs
		retention := []time.Duration{24 * time.Hour, 8760 * time.Hour}[i%2]
		if _, err := f.SetRetention(t.Context(), shard, retention); err != nil {
			t.Fatal(err)
		}
		now = now.Add(20 * time.Minute)
		f.allocate(t, shard, now)
	}
	units := &unitCounter{API: f.spy}
	for i := range 30 {
		now = now.Add(time.Duration(1+7*i%20) * time.Second)
		u := shardlog.Usage{Records: 999, Bytes: 1<<20 - 1}
		if _, err := dynamostore.New(units, f.table).Allocate(t.Context(), shard, now, u); err != nil {
			t.Fatal(err)
		}
	}
	if units.most != 1 || units.units < 30 {
		t.Errorf("an allocation cost %v write units, of %v in all", units.most, units.units)
	}
	if marks := len(f.items(t, "counter#a1#000000000000")[0]["marks"].(*types.AttributeValueMemberB).Value) / 13; marks < 40 {
		t.Errorf("%d marks: the counter was not at its largest", marks)
	}
}
