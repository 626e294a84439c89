package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"millrace/pkg/dynamostore"
	"millrace/pkg/kinesis"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/streams"
)

// errLost: what was read back is not what was put.
var errLost = errors.New("the records that were read are not those that were put")

// baselineRecords is how many records of a shape are stored as items of their own, at most, to see what that costs.
const baselineRecords = 100

// figures are what a shape costs.
type figures struct {
	shape
	requests int
	consumed         // by the writes and reads of all requests
	single   float64 // write units of the same records, each as an item of its own
}

// count is how many records were put.
func (f figures) count() int { return f.requests * f.records }

// perThousand returns a sum over all requests, for 1,000 records.
func (f figures) perThousand(sum float64) float64 { return sum * 1000 / float64(f.count()) }

// ratio is how many times dearer one item a record is to write.
func (f figures) ratio() float64 { return f.single / f.writing() }

// bench is a table and the service over it.
type bench struct {
	meter   *meter
	store   *dynamostore.Store
	service *streams.Service
	streams int // created so far
}

func newBench(ctx context.Context, endpoint, table string) (*bench, error) {
	client := dynamostore.NewClient(dynamostore.Config{Endpoint: endpoint})
	if err := dynamostore.CreateTable(ctx, client, table); err != nil {
		return nil, err
	}
	b := &bench{meter: &meter{API: client}}
	b.store = dynamostore.New(b.meter, table)
	// As the function has it, but that it reads a stream's map again no more.
	log := shardlog.NewLog(b.store, shardlog.Options{Compress: true, MapAge: time.Hour})
	b.service = streams.New(log, streams.Config{Logger: slog.New(slog.DiscardHandler)})
	return b, nil
}

// measure puts the shape's requests into a stream of their own, and reads them back.
func (b *bench) measure(ctx context.Context, s shape) (figures, error) {
	f := figures{shape: s, requests: s.requests()}
	stream, err := b.newStream(ctx)
	if err != nil {
		return f, err
	}
	sent := map[string][]byte{} // by sequence number
	var sample []kinesis.PutRecordsEntry
	for n := range f.requests {
		entries := s.request(n)
		if err := b.put(ctx, stream, entries, sent); err != nil {
			return f, err
		}
		sample = append(sample, entries[:min(len(entries), baselineRecords-len(sample))]...)
	}
	if f.consumed, err = b.meter.reset(); err != nil {
		return f, err
	}
	if f.reading, err = b.readBack(ctx, stream, sent); err != nil {
		return f, err
	}
	f.single, err = b.singly(ctx, sample)
	f.single = f.single*float64(f.count()) + f.allocating
	return f, err
}

// newStream returns a stream whose map the service knows, so that no request pays for reading it.
func (b *bench) newStream(ctx context.Context) (string, error) {
	b.streams++
	name := fmt.Sprintf("orders-%d", b.streams)
	if _, err := b.service.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: shards}); err != nil {
		return "", err
	}
	if _, err := b.service.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name}); err != nil {
		return "", err
	}
	_, err := b.meter.reset()
	return name, err
}

func (b *bench) put(ctx context.Context, stream string, entries []kinesis.PutRecordsEntry, sent map[string][]byte) error {
	out, err := b.service.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: stream, Records: entries})
	if err != nil {
		return err
	}
	if out.FailedRecordCount > 0 {
		return fmt.Errorf("%d records failed", out.FailedRecordCount)
	}
	for i := range entries {
		sent[out.Records.At(i).SequenceNumber] = entries[i].Data
	}
	return nil
}

// readBack reads all shards from their starts to their tips, and returns what the reads consumed. The search for the start,
// once in a consumer's life, is not counted.
func (b *bench) readBack(ctx context.Context, stream string, sent map[string][]byte) (units float64, err error) {
	for i := range shards {
		it, err := b.service.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName: stream, ShardId: kinesis.ShardID(uint32(i)), ShardIteratorType: kinesis.IteratorTrimHorizon,
		})
		if err != nil {
			return 0, err
		}
		if _, err := b.meter.reset(); err != nil {
			return 0, err
		}
		if err := b.readShard(ctx, it.ShardIterator, sent); err != nil {
			return 0, err
		}
		sum, err := b.meter.reset()
		if err != nil {
			return 0, err
		}
		units += sum.reading
	}
	if len(sent) > 0 {
		return 0, fmt.Errorf("%w: %d are missing", errLost, len(sent))
	}
	return units, nil
}

// readShard takes what it reads out of sent.
func (b *bench) readShard(ctx context.Context, iterator string, sent map[string][]byte) error {
	for {
		out, err := b.service.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return err
		}
		for _, r := range out.Records {
			data, known := sent[r.SequenceNumber]
			if !known || !bytes.Equal(data, r.Data) {
				return fmt.Errorf("%w: %s", errLost, r.SequenceNumber)
			}
			delete(sent, r.SequenceNumber)
		}
		if out.MillisBehindLatest == 0 {
			return nil
		}
		iterator = out.NextShardIterator
	}
}

// singly stores records as items of their own, and returns the write units of one.
func (b *bench) singly(ctx context.Context, entries []kinesis.PutRecordsEntry) (units float64, err error) {
	shard := shardlog.Shard{StreamID: "abcdefghijklmnopqrstuvwxyz", Index: uint32(b.streams)} // no stream's
	now := time.Now()
	for i, e := range entries {
		content := shardlog.Content{
			Count:   1,
			Packed:  segment.Encode([]segment.Record{{PartitionKey: e.PartitionKey, Data: e.Data}}),
			Arrival: now,
			Expires: now.Add(24 * time.Hour),
		}
		if err := b.store.PutOnce(ctx, shard, uint64(i+1), content); err != nil {
			return 0, err
		}
	}
	sum, err := b.meter.reset()
	return sum.putting / float64(len(entries)), err
}
