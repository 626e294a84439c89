package streams_test

import (
	"strings"
	"testing"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog/faultstore"
)

// TestDryRun asks whether requests would succeed: they are checked as others are, and nothing is done.
func TestDryRun(t *testing.T) {
	f := newFixture(nil)
	f.create(t, "orders", 1)
	it := do(t, f.GetShardIterator, &kinesis.GetShardIteratorInput{
		StreamName: "orders", ShardId: "0", ShardIteratorType: kinesis.IteratorTrimHorizon,
	}).ShardIterator
	const code, would = "DryRunOperationException", "The request was rejected because the DryRun parameter was specified."
	for _, test := range []struct{ action, good, bad, code, message string }{
		{"PutRecord", `"StreamName":"orders","Data":"aGk=","PartitionKey":"k"`,
			`"StreamName":"missing","Data":"aGk=","PartitionKey":"k"`, notFound, missingStream},
		{"PutRecords", `"StreamName":"orders","Records":[{"Data":"aGk=","PartitionKey":"k"}]`,
			`"StreamName":"missing","Records":[{"Data":"aGk=","PartitionKey":"k"}]`, notFound, missingStream},
		{"PutRecords", `"StreamName":"orders","Records":[{"Data":"aGk=","PartitionKey":"k"}]`,
			`"StreamName":"orders","Records":[]`, invalidArgument, violation("records", "Member must have length greater than or equal to 1")},
		{"GetRecords", `"ShardIterator":"` + it + `"`, `"ShardIterator":"AAAA"`, invalidArgument, invalidIterator},
		{"GetShardIterator", `"StreamName":"orders","ShardId":"0","ShardIteratorType":"LATEST"`,
			`"StreamName":"missing","ShardId":"0","ShardIteratorType":"LATEST"`,
			notFound, "Shard shardId-000000000000 in stream missing under account 111111111111 does not exist"},
	} {
		f.wantRefusal(t, test.action, `{"DryRun":true,`+test.good+`}`, code, would)
		f.wantRefusal(t, test.action, `{"DryRun":true,`+test.bad+`}`, test.code, test.message)
	}
	if n := f.faults.Calls()[faultstore.Allocate] + f.faults.Calls()[faultstore.PutOnce]; n != 0 {
		t.Errorf("%d slots were taken or written", n)
	}
	if w := f.send("PutRecord", `{"DryRun":false,"StreamName":"orders","Data":"aGk=","PartitionKey":"k"}`); w.Code != 200 {
		t.Errorf("DryRun false: %d %s", w.Code, w.Body)
	}
}

// TestOrderingNumber: what is no sequence number is refused, what is one needs no more.
func TestOrderingNumber(t *testing.T) {
	f := newFixture(nil)
	f.create(t, "orders", 2)
	put := func(stream, number string) string {
		return `{"StreamName":"` + stream + `","Data":"","PartitionKey":"k","SequenceNumberForOrdering":"` + number + `"}`
	}
	number := do(t, f.PutRecord, &kinesis.PutRecordInput{StreamName: "orders", Data: []byte{}, PartitionKey: "k"}).SequenceNumber
	for _, good := range []string{"0", "1", strings.Repeat("9", 37), number} {
		if w := f.send("PutRecord", put("orders", good)); w.Code != 200 {
			t.Errorf("after %s: %d %s", good, w.Code, w.Body)
		}
	}
	stored := f.faults.Calls()[faultstore.PutOnce]
	for _, bad := range []string{strings.Repeat("9", 38), strings.Repeat("9", 56), number + "0", number[:55]} {
		f.wantRefusal(t, "PutRecord", put("orders", bad), invalidArgument,
			"ExclusiveMinimumSequenceNumber "+bad+" used in PutRecord on stream orders under account 111111111111 is invalid.")
		f.wantRefusal(t, "PutRecord", put("missing", bad), notFound, missingStream)
	}
	if n := f.faults.Calls()[faultstore.PutOnce]; n != stored {
		t.Errorf("%d segments were stored by refused requests", n-stored)
	}
}
