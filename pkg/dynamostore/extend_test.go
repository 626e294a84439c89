package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
)

// expiries returns the log's items' expiry by sort key.
func (f fixture) expiries(t *testing.T, shard shardlog.Shard) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, i := range f.items(t, fmt.Sprintf("log#%s#%012d", shard.StreamID, shard.Index)) {
		found[str(i["sk"])] = str(i["expires"])
	}
	return found
}

// TestCrashInExtend: an extension of a small segment, one of 5 MB and a filler that failed at any request left no segment that
// outlives a part of its own; calling again ends it, and then nothing is left to do.
func TestCrashInExtend(t *testing.T) {
	const keep = 100 * time.Hour
	f := open(t)
	contents := []shardlog.Content{segmentOf(1, 10), segmentOf(2, 5<<20), segmentOf(3, 1)}
	contents[2].Packed, contents[2].Count = nil, 0
	stream := f.create(t, "orders", "a1", 1)
	for _, c := range contents {
		f.append(t, stream.Shard(0), c)
	}
	const items = 2 + 14
	// Each run extends further than the one before.
	run := 0
	extend := func(t *testing.T) error {
		return f.Extend(t.Context(), stream.Shard(0), 4, keep+time.Duration(run)*time.Hour)
	}
	for _, name := range []string{"lost", "late, then dead"} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 3, 9, items + 4} {
				run++
				f.spy.reset(crashes[name](n))
				err := extend(t)
				f.spy.reset(nil)
				if !errors.Is(err, errLost) {
					t.Fatalf("call %d failed, the extension said %v", n, err)
				}
				f.checkParts(t, stream.Shard(0))
				if err := extend(t); err != nil {
					t.Fatal(err)
				}
				for sk, got := range f.expiries(t, stream.Shard(0)) {
					slot, err := strconv.Atoi(sk[:20])
					if err != nil {
						t.Fatal(err)
					}
					if want := contents[slot-1].Arrival.Add(keep + time.Duration(run)*time.Hour).Unix(); got != fmt.Sprint(want) {
						t.Errorf("after call %d failed and another went well %s expires %s, want %d", n, sk, got, want)
					}
				}
				f.spy.reset(nil)
				if err := extend(t); err != nil || f.spy.counts()["UpdateItem"] != 0 {
					t.Errorf("when all was done: %v, error %v", f.spy.counts(), err)
				}
			}
		})
	}
	var want []shardlog.Placed
	for i, c := range contents {
		c.Expires = c.Arrival.Add(keep + time.Duration(run)*time.Hour).Truncate(time.Second)
		want = append(want, shardlog.Placed{Slot: uint64(i + 1), Content: c})
	}
	expectLog(t, f, stream.Shard(0), want)
}

// checkParts: no part expires before its segment.
func (f fixture) checkParts(t *testing.T, shard shardlog.Shard) {
	t.Helper()
	all := f.expiries(t, shard)
	for sk, expires := range all {
		if expires < all[sk[:20]] { // of equally many digits
			t.Errorf("part %s expires %s, its segment %s", sk, expires, all[sk[:20]])
		}
	}
}

// TestExtendRequests: a call asks for what moves, and for nothing else.
func TestExtendRequests(t *testing.T) {
	f := open(t)
	stream := f.create(t, "orders", "a1", 1)
	shard := stream.Shard(0)
	for i := range 20 {
		f.append(t, shard, segmentOf(byte(i), 10))
	}
	f.append(t, shard, segmentOf(99, 900_000))
	for _, c := range []struct {
		below   uint64
		keep    time.Duration
		updates int
	}{{1, 10 * time.Hour, 0}, {5, 10 * time.Hour, 4}, {21, 10 * time.Hour, 16}, {22, 10 * time.Hour, 3}, {22, 10 * time.Hour, 0}, {99, time.Minute, 0}, {99, 11 * time.Hour, 23}} {
		f.spy.reset(nil)
		if err := f.Extend(t.Context(), shard, c.below, c.keep); err != nil {
			t.Fatal(err)
		}
		if got := f.spy.counts(); got["UpdateItem"] != c.updates || got["Query"] != 1 {
			t.Errorf("below %d to %v took %v, want %d updates", c.below, c.keep, got, c.updates)
		}
	}
}

// TestExtendLeavesAlone: what has expired, lacks a part, or belongs to nobody is not brought back, not even in part.
func TestExtendLeavesAlone(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	expired, large := segmentOf(1, 900_000), segmentOf(2, 900_000)
	expired.Expires = time.Unix(1, 0)
	for _, c := range []shardlog.Content{expired, large, large, large} {
		f.append(t, shard, c)
	}
	f.remove(t, log0, "00000000000000000002#01")
	f.remove(t, log0, "00000000000000000003#02")
	f.remove(t, log0, "00000000000000000004")
	f.allocate(t, shard, time.Now())
	// A filler where a dead writer left parts.
	f.spy.reset(func(n int) fault { return pick(n == 3, lost) })
	if err := f.PutOnce(t.Context(), shard, 5, large); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	f.spy.reset(nil)
	filler := shardlog.Content{Nonce: shardlog.Nonce{5}, Arrival: large.Arrival, Expires: large.Expires}
	if err := f.PutOnce(t.Context(), shard, 5, filler); err != nil {
		t.Fatal(err)
	}
	before := f.expiries(t, shard)
	if err := f.Extend(t.Context(), shard, 6, 100*time.Hour); err != nil {
		t.Fatal(err)
	}
	after := f.expiries(t, shard)
	const moved = "00000000000000000005"
	if want := fmt.Sprint(filler.Arrival.Add(100 * time.Hour).Unix()); after[moved] != want {
		t.Errorf("the filler expires %s, want %s", after[moved], want)
	}
	for sk := range before {
		if sk != moved && after[sk] != before[sk] {
			t.Errorf("%s expires %s, want %s as it was", sk, after[sk], before[sk])
		}
	}
	if len(after) != len(before) {
		t.Errorf("there are %d items, want %d", len(after), len(before))
	}
}

// TestExtendMeanwhile: content that DynamoDB drops under an extension stays dropped, and content that another extends further
// keeps what it got.
func TestExtendMeanwhile(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	f.append(t, shard, segmentOf(1, 900_000))
	f.spy.reset(func(n int) fault {
		if n == 3 {
			f.remove(t, log0, "00000000000000000001#02")
		}
		return none
	})
	if err := f.Extend(t.Context(), shard, 2, 50*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := f.expiries(t, shard); len(got) != 2 || got[slot1] >= got[slot1+"#01"] {
		t.Errorf("expiries are %v", got)
	}
	c := segmentOf(2, 900_000)
	f.append(t, shard, c)
	f.spy.reset(func(n int) fault {
		if n == 2 {
			if err := f.bypass().Extend(t.Context(), shard, 3, 90*time.Hour); err != nil {
				t.Error(err)
			}
		}
		return none
	})
	if err := f.Extend(t.Context(), shard, 3, 50*time.Hour); err != nil {
		t.Fatal(err)
	}
	f.spy.reset(nil)
	want := fmt.Sprint(c.Arrival.Add(90 * time.Hour).Unix())
	for _, sk := range []string{"00000000000000000002", "00000000000000000002#01", "00000000000000000002#02"} {
		if got := f.expiries(t, shard)[sk]; got != want {
			t.Errorf("%s expires %s, want %s", sk, got, want)
		}
	}
}

// busyAPI has a log of 40 small segments, and throttles two of three requests.
type busyAPI struct {
	brokenAPI
	never bool // throttles all updates

	mu      sync.Mutex
	n       int
	updated map[string]int
}

func (a *busyAPI) throttles() bool {
	a.n++
	return a.n%3 != 0
}

func (a *busyAPI) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.throttles() {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	out := &dynamodb.QueryOutput{}
	for slot := range 40 {
		out.Items = append(out.Items, map[string]types.AttributeValue{
			"sk":      &types.AttributeValueMemberS{Value: fmt.Sprintf("%020d", slot+1)},
			"arrival": &types.AttributeValueMemberN{Value: "4000000000000"},
			"expires": &types.AttributeValueMemberN{Value: "4000000000"},
		})
	}
	return out, nil
}

func (a *busyAPI) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.never || a.throttles() {
		return nil, &types.ProvisionedThroughputExceededException{}
	}
	a.updated[str(in.Key["sk"])]++
	return &dynamodb.UpdateItemOutput{}, nil
}

func TestExtendWaitsWhileThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &busyAPI{updated: map[string]int{}}
		if err := dynamostore.New(api, "t").Extend(t.Context(), shardlog.Shard{StreamID: "a1"}, 41, time.Hour); err != nil {
			t.Fatal(err)
		}
		if len(api.updated) != 40 {
			t.Errorf("%d of 40 were extended", len(api.updated))
		}
	})
}

func TestExtendGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dynamostore.New(&busyAPI{never: true}, "t")
		if err := s.Extend(t.Context(), shardlog.Shard{StreamID: "a1"}, 41, time.Hour); !errors.Is(err, shardlog.ErrThrottled) {
			t.Errorf("error %v, want ErrThrottled", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		started := time.Now()
		err := s.Extend(ctx, shardlog.Shard{StreamID: "a1"}, 41, time.Hour)
		if took := time.Since(started); !errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
			t.Errorf("error %v after %v, want context.DeadlineExceeded after 3 s", err, took)
		}
	})
}

// TestPeekPassesOrphans: a slot that has parts alone costs one more request, however many they are.
func TestPeekPassesOrphans(t *testing.T) {
	f := open(t)
	shard := f.create(t, "orders", "a1", 1).Shard(0)
	for i := range 3 {
		f.append(t, shard, segmentOf(byte(i+1), 1_700_000))
	}
	f.remove(t, log0, slot1)
	f.remove(t, log0, "00000000000000000002")
	f.spy.reset(nil)
	got, found, err := f.Peek(t.Context(), shard, 1)
	if err != nil || !found || got.Slot != 3 || got.Count != 7 || got.Nonce[0] != 3 || got.Packed != nil {
		t.Errorf("%+v, %v, error %v; want slot 3", got, found, err)
	}
	if f.spy.scanned != 3 {
		t.Errorf("DynamoDB read %d items, want 3", f.spy.scanned)
	}
	f.expectRequests(t, "passing two slots", map[string]int{"Query": 3})
	f.remove(t, log0, "00000000000000000003")
	if got, found, err := f.Peek(t.Context(), shard, 1); err != nil || found {
		t.Errorf("over orphans alone: %+v, %v, error %v", got, found, err)
	}
}
