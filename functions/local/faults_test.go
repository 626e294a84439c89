package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

const orders = `{"StreamName":"orders","ShardCount":2}`

func putMany(n int) string {
	return `{"StreamName":"orders","Records":[` + strings.Repeat(`{"Data":"aGk=","PartitionKey":"k"},`, n-1) + `{"Data":"aGk=","PartitionKey":"k"}]}`
}

// TestFaultsOnDemand has records fail by the flags: each as Kinesis words it, none of them stored, the others stored.
func TestFaultsOnDemand(t *testing.T) {
	for _, test := range []struct {
		flags []string
		code  string
		most  int // of 400 records
		least int
	}{
		{nil, "", 0, 0},
		{[]string{"-throttle", "1"}, "ProvisionedThroughputExceededException", 400, 400},
		{[]string{"-fail", "1"}, "InternalFailure", 400, 400},
		{[]string{"-throttle", "0.5"}, "ProvisionedThroughputExceededException", 300, 100}, // some 10 standard deviations each way
	} {
		s := startServer(t, append([]string{"-memory"}, test.flags...)...)
		send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":1}`)
		status, body, _ := strings.Cut(send(t, http.DefaultClient, s.url, "PutRecords", putMany(400)), " ")
		var out struct {
			FailedRecordCount int
			Records           []struct{ ErrorCode, ErrorMessage, SequenceNumber string }
		}
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != "200" {
			t.Fatalf("%v: %s %.200s", test.flags, status, body)
		}
		failed := 0
		for _, r := range out.Records {
			switch {
			case r.ErrorCode == "" && r.SequenceNumber != "":
			case r.ErrorCode == test.code && r.ErrorMessage != "" && r.SequenceNumber == "":
				failed++
			default:
				t.Errorf("%v: %+v", test.flags, r)
			}
		}
		if failed != out.FailedRecordCount || failed < test.least || failed > test.most {
			t.Errorf("%v: %d records failed, FailedRecordCount is %d", test.flags, failed, out.FailedRecordCount)
		}
		if stored := len(readShard(t, s.url, "shardId-000000000000")); stored != 400-failed {
			t.Errorf("%v: %d records are stored, %d were acknowledged", test.flags, stored, 400-failed)
		}
	}
}

func TestThrottledText(t *testing.T) {
	s := startServer(t, "-memory", "-throttle", "1")
	send(t, http.DefaultClient, s.url, "CreateStream", orders)
	got := send(t, http.DefaultClient, s.url, "PutRecord", `{"StreamName":"orders","Data":"aGk=","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211455"}`)
	want := `400 {"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard shardId-000000000001 in stream orders under account 000000000000."}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := send(t, http.DefaultClient, s.url, "PutRecord", `{"StreamName":"nothing","Data":"aGk=","PartitionKey":"k"}`); !strings.Contains(got, "ResourceNotFoundException") {
		t.Errorf("a stream that is not there: %s", got)
	}
}

// TestEnforceLimits puts more in one request than a shard takes in any second.
func TestEnforceLimits(t *testing.T) {
	data := strings.Repeat("QUJD", 200_000) // 600,000 bytes
	entry := `{"Data":"` + data + `","PartitionKey":"k"}`
	for _, test := range []struct {
		stream string
		flags  []string
		want   string
	}{
		{`{"StreamName":"orders","ShardCount":1}`, nil, `"FailedRecordCount":0`},
		{`{"StreamName":"orders","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`, []string{"-enforce-limits"}, `"FailedRecordCount":0`},
		{`{"StreamName":"orders","ShardCount":1}`, []string{"-enforce-limits"}, `"FailedRecordCount":1`},
	} {
		s := startServer(t, append([]string{"-memory"}, test.flags...)...)
		send(t, http.DefaultClient, s.url, "CreateStream", test.stream)
		got := send(t, http.DefaultClient, s.url, "PutRecords", `{"StreamName":"orders","Records":[`+entry+`,`+entry+`]}`)
		if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, test.want) {
			t.Errorf("%s with %v: %.400s, want %s", test.stream, test.flags, got, test.want)
		}
	}
}

func TestLatency(t *testing.T) {
	s := startServer(t, "-memory", "-latency", "30ms")
	start := time.Now()
	send(t, http.DefaultClient, s.url, "CreateStream", orders)
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("a request took %v", took)
	}
}
