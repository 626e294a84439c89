package streams_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog/faultstore"
)

func TestIteratorRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 2)
		f.create(t, "missed", 1)
		old := f.put(t, hashkey.Key{}, "x")[0]
		do(t, f.DeleteStream, &kinesis.DeleteStreamInput{StreamName: "orders"})
		time.Sleep(time.Second)
		f.create(t, "orders", 2)
		foreign := f.put(t, hashkey.Max(), "x")[0]
		ask := func(shard, rest string) string {
			return fmt.Sprintf(`{"StreamName":"orders","ShardId":%q,"ShardIteratorType":%s}`, shard, rest)
		}
		at := func(number string) string {
			return ask("shardId-000000000000", `"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"`+number+`"`)
		}
		const (
			zero   = "shardId-000000000000"
			rule   = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
			number = " used in GetShardIterator on shard shardId-000000000000 in stream orders under account 111111111111 is invalid"
		)
		for _, test := range []struct{ name, body, code, message string }{
			{"shard that is not there", ask("shardId-000000000002", `"LATEST"`), notFound,
				"Shard shardId-000000000002 in stream orders under account 111111111111 does not exist"},
			{"shard in short that is not there", ask("7", `"LATEST"`), notFound,
				"Shard shardId-000000000007 in stream orders under account 111111111111 does not exist"},
			{"no shard id", ask("shard-zero", `"LATEST"`), notFound,
				"Could not find shard shard-zero in stream orders under account 111111111111."},
			{"stream that is not there", `{"StreamName":"missing","ShardId":"0","ShardIteratorType":"LATEST"}`, notFound,
				"Shard shardId-000000000000 in stream missing under account 111111111111 does not exist"},
			{"neither stream nor a shard id", `{"StreamName":"missing","ShardId":"x","ShardIteratorType":"LATEST"}`, notFound,
				"Could not find shard x in stream missing under account 111111111111."},
			{"number of another shard", at(foreign), invalidArgument,
				"Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000"},
			{"number of another creation", at(old), invalidArgument,
				"StartingSequenceNumber " + old + number + " because it did not come from this stream."},
			{"number that is none", at("12345"), invalidArgument, "StartingSequenceNumber 12345" + number + "."},
			{"number cut short", at(old[:55]), invalidArgument, "StartingSequenceNumber " + old[:55] + number + "."},
			{"text for a number", at("x"), invalidArgument,
				violation("startingSequenceNumber", `Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})`)},
			{"timestamp in the future", ask(zero, `"AT_TIMESTAMP","Timestamp":946684801.001`), invalidArgument,
				"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 946684801001, currentTimestampInMillis: 946684801000"},
			{"at no number", ask(zero, `"AT_SEQUENCE_NUMBER"`), invalidArgument, rule + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
			{"after no number", ask(zero, `"AFTER_SEQUENCE_NUMBER"`), invalidArgument, rule + "AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber."},
			{"LATEST with a number", ask(zero, `"LATEST","StartingSequenceNumber":"1"`), invalidArgument, rule + "LATEST and also a StartingSequenceNumber."},
			{"TRIM_HORIZON with a number", ask(zero, `"TRIM_HORIZON","StartingSequenceNumber":"1"`), invalidArgument,
				rule + "TRIM_HORIZON and also a StartingSequenceNumber."},
			{"at no timestamp", ask(zero, `"AT_TIMESTAMP"`), invalidArgument,
				"Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."},
			{"unknown type", ask(zero, `"FIRST"`), invalidArgument,
				violation("shardIteratorType", "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")},
		} {
			t.Log(test.name)
			f.wantRefusal(t, "GetShardIterator", test.body, test.code, test.message)
		}
	})
}

func TestIteratorAtNumbers(t *testing.T) {
	f := newStream(t, 1)
	start := f.shards(t)[0].SequenceNumberRange.StartingSequenceNumber
	numbers := append(f.put(t, hashkey.Key{}, "a", "b", "c"), f.put(t, hashkey.Key{}, "d")...)
	all := []string{"a", "b", "c", "d"}
	from := func(kind, number string) string {
		return f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: "0", ShardIteratorType: kind, StartingSequenceNumber: number})
	}
	f.wantRead(t, from(kinesis.IteratorAtSequenceNumber, start), all...)
	f.wantRead(t, from(kinesis.IteratorAfterSequenceNumber, start), all...)
	for i, number := range numbers {
		f.wantRead(t, from(kinesis.IteratorAtSequenceNumber, number), all[i:]...)
		f.wantRead(t, from(kinesis.IteratorAfterSequenceNumber, number), all[i+1:]...)
	}
	last := from(kinesis.IteratorAfterSequenceNumber, numbers[3])
	f.put(t, hashkey.Key{}, "e", "f")
	f.wantRead(t, last, "e", "f")
}

func TestIteratorLatestAndTrimHorizon(t *testing.T) {
	f := newStream(t, 2)
	empty := f.iterator(t, 0, kinesis.IteratorLatest)
	horizon := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
	f.put(t, hashkey.Key{}, "a")
	f.put(t, hashkey.Max(), "elsewhere")
	latest := f.iterator(t, 0, kinesis.IteratorLatest)
	f.wantRead(t, latest)
	f.put(t, hashkey.Key{}, "b")
	f.wantRead(t, latest, "b")
	f.wantRead(t, empty, "a", "b")
	f.wantRead(t, horizon, "a", "b")
	f.wantRead(t, f.iterator(t, 0, kinesis.IteratorTrimHorizon), "a", "b")
	f.wantRead(t, f.iterator(t, 1, kinesis.IteratorTrimHorizon), "elsewhere")
}

// TestIteratorLatestBehindPutsUnderWay: a put that has its slot when LATEST is asked for came before it.
func TestIteratorLatestBehindPutsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(func(c faultstore.Call) faultstore.Fault {
			if c.Op == faultstore.PutOnce && c.N == 0 {
				return faultstore.Fault{Wait: waitFor(release)}
			}
			return faultstore.None
		})
		f.create(t, "orders", 1)
		go func() {
			in := &kinesis.PutRecordInput{StreamName: "orders", PartitionKey: "k", Data: []byte("under way")}
			if _, err := f.PutRecord(context.Background(), in); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		latest := f.iterator(t, 0, kinesis.IteratorLatest)
		close(release)
		synctest.Wait()
		f.put(t, hashkey.Key{}, "after")
		f.wantRead(t, latest, "after")
	})
}

func TestIteratorAtTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		begin := time.Now()
		// Records at 1 ms, 2 ms, 2 ms, 90 s and 10 h 90 s.
		for _, step := range []struct {
			wait time.Duration
			data []string
		}{
			{time.Millisecond, []string{"a"}}, {time.Millisecond, []string{"b"}}, {0, []string{"c", "d"}},
			{90*time.Second - 2*time.Millisecond, []string{"e"}}, {10 * time.Hour, []string{"f"}},
		} {
			time.Sleep(step.wait)
			f.put(t, hashkey.Key{}, step.data...)
		}
		for _, test := range []struct {
			at   time.Duration
			want []string
		}{
			{-time.Hour, []string{"a", "b", "c", "d", "e", "f"}},
			{0, []string{"a", "b", "c", "d", "e", "f"}},
			{time.Millisecond, []string{"a", "b", "c", "d", "e", "f"}},
			{2 * time.Millisecond, []string{"b", "c", "d", "e", "f"}},
			{3 * time.Millisecond, []string{"e", "f"}},
			{90 * time.Second, []string{"e", "f"}},
			{90*time.Second + time.Millisecond, []string{"f"}},
			{10*time.Hour + 90*time.Second, []string{"f"}},
		} {
			f.wantRead(t, f.atTime(t, begin.Add(test.at)), test.want...)
		}
		time.Sleep(time.Millisecond)
		tip := f.atTime(t, time.Now())
		f.wantRead(t, tip)
		f.put(t, hashkey.Key{}, "g")
		f.wantRead(t, tip, "g")

		time.Sleep(time.Until(begin.Add(24*time.Hour + 2*time.Millisecond)))
		f.wantRead(t, f.atTime(t, begin), "e", "f", "g") // before the trim horizon
	})
}

// TestIteratorAtTimestampPages: the records left out stay left out on the pages that follow.
func TestIteratorAtTimestampPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		f.put(t, hashkey.Key{}, "a")
		time.Sleep(time.Second)
		f.put(t, hashkey.Key{}, "b", "c")
		f.put(t, hashkey.Key{}, "d")
		iterator, got := f.atTime(t, time.Now()), ""
		for range 3 {
			out := f.get(t, iterator, 1)
			if len(out.Records) != 1 {
				t.Fatalf("after %q: %+v", got, out)
			}
			got += string(out.Records[0].Data)
			iterator = out.NextShardIterator
		}
		if got != "bcd" {
			t.Errorf("read %q", got)
		}
	})
}

func (f *fixture) atTime(t *testing.T, at time.Time) string {
	t.Helper()
	return f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: "0", ShardIteratorType: kinesis.IteratorAtTimestamp, Timestamp: at})
}

func TestIteratorsOfAClosedShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		begin := time.Now()
		numbers := f.put(t, hashkey.Key{}, "a", "b")
		time.Sleep(time.Second)
		f.split(t, 0, half())
		closed := f.shards(t)[0].SequenceNumberRange
		at := func(kind, number string) string {
			return f.iteratorAt(t, &kinesis.GetShardIteratorInput{ShardId: "0", ShardIteratorType: kind, StartingSequenceNumber: number})
		}
		for iterator, want := range map[string][]string{
			f.iterator(t, 0, kinesis.IteratorTrimHorizon):                          {"a", "b"},
			f.iterator(t, 0, kinesis.IteratorLatest):                               {},
			f.atTime(t, begin):                                                     {"a", "b"},
			f.atTime(t, begin.Add(time.Millisecond)):                               {},
			at(kinesis.IteratorAfterSequenceNumber, numbers[0]):                    {"b"},
			at(kinesis.IteratorAfterSequenceNumber, numbers[1]):                    {},
			at(kinesis.IteratorAtSequenceNumber, closed.EndingSequenceNumber):      {},
			at(kinesis.IteratorAfterSequenceNumber, closed.EndingSequenceNumber):   {},
			at(kinesis.IteratorAfterSequenceNumber, closed.StartingSequenceNumber): {"a", "b"},
		} {
			f.wantRead(t, iterator, want...)
			if out := f.get(t, iterator, 0); out.NextShardIterator != "" || len(out.ChildShards) != 2 {
				t.Errorf("at the end of a closed shard: %+v", out)
			}
		}
		// Its last records have expired: it is gone.
		time.Sleep(24*time.Hour + 2*time.Minute)
		f.wantRefusal(t, "GetShardIterator", `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"LATEST"}`, notFound,
			"Shard shardId-000000000000 in stream orders under account 111111111111 does not exist")
	})
}

// TestIteratorWhereTheRecordExpired: reading goes on at the oldest record that is retained, also where the store dropped
// what came before.
func TestIteratorWhereTheRecordExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStream(t, 1)
		first := f.put(t, hashkey.Key{}, "a")[0]
		for range 40 {
			time.Sleep(time.Hour)
			f.put(t, hashkey.Key{}, "old")
		}
		time.Sleep(23*time.Hour + 30*time.Minute)
		f.put(t, hashkey.Key{}, "new")
		if freed, err := f.mem.Reclaim(t.Context(), time.Now()); err != nil || freed == 0 {
			t.Fatalf("the store freed %d bytes, %v", freed, err)
		}
		for _, kind := range []string{kinesis.IteratorAtSequenceNumber, kinesis.IteratorAfterSequenceNumber} {
			fills := f.faults.Calls()[faultstore.PutOnce]
			f.wantRead(t, f.iteratorAt(t, &kinesis.GetShardIteratorInput{
				ShardId: "0", ShardIteratorType: kind, StartingSequenceNumber: first,
			}), "old", "new")
			if again := f.faults.Calls()[faultstore.PutOnce]; again != fills {
				t.Errorf("%d slots of dropped contents were filled", again-fills)
			}
		}
	})
}

// TestTrimHorizonReads: the oldest retained record among n slots is found in about log2(n) reads.
func TestTrimHorizonReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 1000
		f := newStream(t, 1)
		for i := range slots {
			f.put(t, hashkey.Key{}, fmt.Sprint(i))
			time.Sleep(3 * time.Minute)
		}
		before := f.faults.Calls()
		iterator := f.iterator(t, 0, kinesis.IteratorTrimHorizon)
		after := f.faults.Calls()
		if peeks := after[faultstore.Peek] - before[faultstore.Peek]; peeks > 10+3 {
			t.Errorf("%d slots took %d peeks", slots, peeks)
		}
		if scans := after[faultstore.Scan] - before[faultstore.Scan]; scans != 0 {
			t.Errorf("%d scans", scans)
		}
		if first := f.get(t, iterator, 1).Records; len(first) != 1 || string(first[0].Data) != "521" { // 480 slots a day
			t.Errorf("the oldest record is %+v", first)
		}
	})
}
