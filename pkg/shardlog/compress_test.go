package shardlog_test

import (
	"fmt"
	"slices"
	"testing"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

// TestCompress: a log that compresses stores less, and it and one that does not read each other's segments, from any place in
// them.
func TestCompress(t *testing.T) {
	mem := memstore.New()
	stream := storetest.NewStream("orders", "a1", 1)
	if err := mem.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	logs := []*shardlog.Log{
		shardlog.NewLog(mem, shardlog.Options{Compress: true}),
		shardlog.NewLog(mem, shardlog.Options{}),
	}
	batch := records(1, 1, 200)
	var want []string
	for _, log := range logs {
		if _, err := log.Append(t.Context(), stream.Shard(0), batch); err != nil {
			t.Fatal(err)
		}
		for _, r := range batch {
			want = append(want, string(r.Data))
		}
	}
	page, err := mem.Scan(t.Context(), stream.Shard(0), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Contents) != 2 {
		t.Fatalf("%d segments are stored, want 2", len(page.Contents))
	}
	asItIs, compressed := segment.Encode(batch), page.Contents[0].Packed
	if len(compressed) > len(asItIs)/2 || !slices.Equal(page.Contents[1].Packed, asItIs) {
		t.Errorf("%d bytes are stored in %d, or not as they are where they should be", len(asItIs), len(compressed))
	}
	for n, log := range logs {
		var got []string
		for at := (shardlog.Position{}); ; {
			read, err := log.Read(t.Context(), stream, 0, at, shardlog.Limits{Records: 70, Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range read.Records {
				got = append(got, string(r.Data))
			}
			if at = read.Next; read.Behind == 0 {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("log %d reads %d records, or others than the %d that were put", n, len(got), len(want))
		}
	}
}
