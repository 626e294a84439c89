package streams_test

import (
	"fmt"
	"testing"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// BenchmarkPutRecords measures what a put costs from the decoded request to the encoded answer, over a store in memory.
func BenchmarkPutRecords(b *testing.B) {
	for _, records := range []int{1, 500} {
		for name, codec := range map[string]kinesis.Codec{"json": kinesis.JSON, "cbor": kinesis.CBOR} {
			b.Run(fmt.Sprintf("%dx100B/%s", records, name), func(b *testing.B) {
				in := &kinesis.PutRecordsInput{StreamName: "orders"}
				for i := range records {
					in.Records = append(in.Records, kinesis.PutRecordsEntry{Data: make([]byte, 100), PartitionKey: fmt.Sprint("customer-", i*7919)})
				}
				service := inMemory(b)
				b.ReportAllocs()
				for puts := 1; b.Loop(); puts++ {
					if puts%5000 == 0 { // what is stored takes memory
						b.StopTimer()
						service = inMemory(b)
						b.StartTimer()
					}
					out, err := service.PutRecords(b.Context(), in)
					if err != nil || out.FailedRecordCount > 0 {
						b.Fatal(out, err)
					}
					codec.Encode(nil, out)
				}
			})
		}
	}
}

// inMemory returns a service with the stream orders, of 4 shards.
func inMemory(b *testing.B) *streams.Service {
	b.Helper()
	service := streams.New(shardlog.NewLog(memstore.New(), shardlog.Options{}), streams.Config{})
	do(b, service.CreateStream, &kinesis.CreateStreamInput{StreamName: "orders", ShardCount: 4})
	return service
}
