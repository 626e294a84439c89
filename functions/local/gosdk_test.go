package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestGoSDK takes streams around the loop by the AWS SDK for Go, over HTTP/1.1 without TLS and over HTTP/2 with it.
func TestGoSDK(t *testing.T) {
	for name, overTLS := range map[string]bool{"HTTP/1.1": false, "HTTP/2 over TLS": true} {
		t.Run(name, func(t *testing.T) {
			sound, failing := soundAndFailing(t, overTLS)
			connect := func(s *server) *kinesis.Client {
				return clientOf(s.url, func(o *kinesis.Options) {
					o.RetryMaxAttempts = 1 // so that no retry hides a fault
					if overTLS {
						o.HTTPClient = trusting(t, s.cert, true)
					}
				})
			}
			c := goClient{connect(sound), map[string]types.PutRecordsRequestEntry{}}
			c.create(t)
			if failures := c.put(t, allSorts()); failures > 0 {
				t.Errorf("%d records failed", failures)
			}
			c.readBack(t)
			c.delete(t)

			c = goClient{connect(failing), map[string]types.PutRecordsRequestEntry{}}
			c.create(t)
			if failures := c.put(t, small(400)); failures == 0 {
				t.Error("no record failed")
			}
			c.putUntilThrottled(t)
			c.readBack(t)
			c.delete(t)
		})
	}
}

// small returns records of little data.
func small(n int) []types.PutRecordsRequestEntry {
	var entries []types.PutRecordsRequestEntry
	for i := range n {
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i)), Data: fmt.Appendf(nil, "order %d", i)})
	}
	return entries
}

// allSorts returns records with data of every byte, none and much, and with keys in several scripts.
func allSorts() []types.PutRecordsRequestEntry {
	random := rand.NewChaCha8([32]byte{1})
	fill := func(size int) []byte {
		data := make([]byte, size)
		random.Read(data)
		return data
	}
	entries := small(10)
	for _, key := range []string{"k", "клиент-17", "顧客", strings.Repeat("🦀", 256), "\t\"\\/\u2028\x00"} {
		everyByte := make([]byte, 256)
		for i := range everyByte {
			everyByte[i] = byte(i)
		}
		entries = append(entries,
			types.PutRecordsRequestEntry{PartitionKey: &key, Data: everyByte}, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte{}},
			types.PutRecordsRequestEntry{PartitionKey: &key, Data: fill(300_000)})
	}
	return append(entries, types.PutRecordsRequestEntry{
		PartitionKey: aws.String("largest"), ExplicitHashKey: aws.String("340282366920938463463374607431768211455"), Data: fill(1 << 20),
	})
}

// goClient puts records to the stream orders and keeps, by their sequence numbers, those that were stored.
type goClient struct {
	*kinesis.Client
	stored map[string]types.PutRecordsRequestEntry
}

func (c goClient) create(t *testing.T) {
	t.Helper()
	if _, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	err := kinesis.NewStreamExistsWaiter(c).Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("orders")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
}

func (c goClient) delete(t *testing.T) {
	t.Helper()
	if _, err := c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	err := kinesis.NewStreamNotExistsWaiter(c).Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("orders")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
}

// put puts the records, again where they fail, and returns how many failed.
func (c goClient) put(t *testing.T, entries []types.PutRecordsRequestEntry) (failures int) {
	t.Helper()
	for len(entries) > 0 {
		out, err := c.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: entries})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Records) != len(entries) {
			t.Fatalf("%d answers to %d records", len(out.Records), len(entries))
		}
		var failed []types.PutRecordsRequestEntry
		for i, r := range out.Records {
			if r.ErrorCode == nil {
				c.stored[*r.SequenceNumber] = entries[i]
				continue
			}
			if *r.ErrorCode != "ProvisionedThroughputExceededException" || !strings.HasPrefix(*r.ErrorMessage, "Rate exceeded for shard") {
				t.Errorf("a record failed with %s: %s", *r.ErrorCode, *r.ErrorMessage)
			}
			failed = append(failed, entries[i])
		}
		if int(*out.FailedRecordCount) != len(failed) {
			t.Errorf("FailedRecordCount is %d, %d records failed", *out.FailedRecordCount, len(failed))
		}
		entries, failures = failed, failures+len(failed)
	}
	return failures
}

// putUntilThrottled puts single records until one fails.
func (c goClient) putUntilThrottled(t *testing.T) {
	t.Helper()
	for {
		entry := small(1)[0]
		out, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: entry.PartitionKey, Data: entry.Data})
		if throttled := new(types.ProvisionedThroughputExceededException); errors.As(err, &throttled) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c.stored[*out.SequenceNumber] = entry
	}
}

// readBack compares what the stream holds with what was stored.
func (c goClient) readBack(t *testing.T) {
	t.Helper()
	found := 0
	for _, s := range listShards(t, c.Client) {
		at, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String("orders"), ShardId: s.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		for next := at.ShardIterator; ; {
			out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
				break
			}
			for _, r := range out.Records {
				want, known := c.stored[*r.SequenceNumber]
				if !known || *r.PartitionKey != *want.PartitionKey || !bytes.Equal(r.Data, want.Data) {
					t.Errorf("%s of %s is another record, or none that was put", *r.SequenceNumber, *s.ShardId)
				}
				found++
			}
			next = out.NextShardIterator
		}
	}
	if found != len(c.stored) {
		t.Errorf("%d records were read back, %d were stored", found, len(c.stored))
	}
}
