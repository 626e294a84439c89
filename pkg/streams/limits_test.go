package streams_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/httpapi"
	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// newLimited returns a service that enforces limits, with the stream orders. What it logs goes to the builder.
func newLimited(t *testing.T, shards int, logged *strings.Builder) *fixture {
	t.Helper()
	f := &fixture{mem: memstore.New()}
	logger := slog.New(slog.NewTextHandler(logged, nil))
	f.Service = streams.New(shardlog.NewLog(f.mem, shardlog.Options{EnforceLimits: true}), streams.Config{Account: account, Logger: logger})
	f.handler = httpapi.New(httpapi.Config{Service: f.Service, Logger: slog.New(slog.DiscardHandler)})
	f.create(t, "orders", shards)
	return f
}

// TestShardLimits puts more than a shard takes: the first records that fit are stored, the others fail one by one as Kinesis words it, and
// other shards go on.
func TestShardLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		f := newLimited(t, 2, &logged)
		put := func(n int, hash string) (stored, refused int) {
			t.Helper()
			entry := fmt.Sprintf(`{"Data":"aGk=","PartitionKey":"k","ExplicitHashKey":%q}`, hash)
			w := f.send("PutRecords", `{"StreamName":"orders","Records":[`+strings.Repeat(entry+",", n-1)+entry+`]}`)
			var out struct {
				FailedRecordCount int
				Records           []kinesis.PutRecordsResultEntry
			}
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for i, r := range out.Records {
				switch {
				case r.ErrorCode == "" && r.SequenceNumber != "" && refused == 0:
					stored++
				case r.ErrorCode == "ProvisionedThroughputExceededException" && r.SequenceNumber == "" &&
					r.ErrorMessage == "Rate exceeded for shard shardId-000000000000 in stream orders under account 111111111111.":
					refused++
				default:
					t.Fatalf("record %d: %+v", i, r)
				}
			}
			if out.FailedRecordCount != refused {
				t.Errorf("FailedRecordCount is %d, %d failed", out.FailedRecordCount, refused)
			}
			return stored, refused
		}
		for i, want := range []int{400, 400, 200, 0} {
			if stored, refused := put(400, "0"); stored != want || refused != 400-want {
				t.Errorf("request %d: %d stored, %d refused, want %d stored", i, stored, refused, want)
			}
		}
		f.wantRefusal(t, "PutRecord", `{"StreamName":"orders","Data":"aGk=","PartitionKey":"k","ExplicitHashKey":"0"}`,
			"ProvisionedThroughputExceededException", "Rate exceeded for shard shardId-000000000000 in stream orders under account 111111111111.")
		if stored, _ := put(400, "340282366920938463463374607431768211455"); stored != 400 {
			t.Errorf("the other shard stored %d", stored)
		}
		time.Sleep(time.Second)
		if stored, _ := put(400, "0"); stored != 400 {
			t.Errorf("the next second stored %d", stored)
		}
		if logged.Len() > 0 {
			t.Errorf("refusals are logged as failures: %s", logged.String())
		}
	})
}

// TestLargestRecordUnderLimits: Kinesis's largest record is taken by a second in which nothing was.
func TestLargestRecordUnderLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLimited(t, 1, &strings.Builder{})
		in := &kinesis.PutRecordInput{StreamName: "orders", PartitionKey: strings.Repeat("k", 256), Data: make([]byte, 1<<20)}
		do(t, f.PutRecord, in)
		if _, err := f.PutRecord(t.Context(), in); err == nil {
			t.Error("a second one was taken")
		}
		time.Sleep(time.Second)
		do(t, f.PutRecord, in)
		f.setMode(t, "ON_DEMAND")
		do(t, f.PutRecord, in)
		do(t, f.PutRecord, in)
	})
}
