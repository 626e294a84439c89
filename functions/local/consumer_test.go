package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/boltstore"
	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
)

// TestConsumer has 8 producers put while the stream's shards are split, merged and scaled, and a consumer that reads parents
// before children, as the Kinesis Client Library does: every acknowledged record is read exactly once, and the records of
// each partition key in the order of its producer.
func TestConsumer(t *testing.T) {
	t.Run("embedded store", func(t *testing.T) {
		store, err := boltstore.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		testConsumer(t, store, 60)
	})
	t.Run("DynamoDB", func(t *testing.T) {
		client, table := dynamo.Table(t)
		testConsumer(t, dynamostore.New(client, table), 25)
	})
}

func testConsumer(t *testing.T, store shardlog.Store, puts int) {
	client := newClient(t, store)
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(4)})
	if err != nil {
		t.Fatal(err)
	}
	c := &consumer{client: client, stream: "orders", started: map[string]bool{}, ended: map[string]bool{}, written: make(chan struct{})}
	var consuming errgroup.Group
	c.ctx, c.group = t.Context(), &consuming
	if err := c.startListed(); err != nil {
		t.Fatal(err)
	}
	producers, err := produceAndReshard(t.Context(), client, puts)
	close(c.written)
	if err := errors.Join(err, consuming.Wait()); err != nil {
		t.Fatal(err)
	}
	c.check(t, producers)
}

// produceAndReshard has 8 producers put at the same time, and the stream's shards change meanwhile.
func produceAndReshard(ctx context.Context, client *kinesis.Client, puts int) ([]producer, error) {
	third := make(chan struct{}, 8)
	producers := make([]producer, cap(third))
	var producing errgroup.Group
	for i := range producers {
		producers[i] = producer{client: client, name: fmt.Sprint(i)}
		producing.Go(func() error { return producers[i].run(ctx, puts, third) })
	}
	err := reshard(ctx, client, third)
	return producers, errors.Join(producing.Wait(), err)
}

// newClient returns a stock client of an endpoint over the store.
func newClient(t *testing.T, store shardlog.Store) *kinesis.Client {
	o := options{account: "000000000000", region: "us-east-1"}
	server := httptest.NewServer(o.newHandler(store, slog.New(slog.NewTextHandler(io.Discard, nil))))
	t.Cleanup(server.Close)
	return clientOf(server.URL)
}

// clientOf returns a stock client of an endpoint.
func clientOf(url string, more ...func(*kinesis.Options)) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient: wholeBodies{},
	}, more...)
}

// wholeBodies sends requests whose bodies net/http knows to be in memory. The SDK closes a body of its own as soon as the answer
// begins, which net/http now and then takes for a failure to send it, and closes the connection under the answer.
type wholeBodies struct{}

func (wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength > 0 {
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(r)
}

// reshard splits, merges and scales, once a third of the puts are done.
func reshard(ctx context.Context, client *kinesis.Client, third <-chan struct{}) error {
	for range cap(third) {
		select {
		case <-third:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	name := aws.String("orders")
	middleOfFirst := aws.String("42535295865117307932921825928971026432") // 2^125, in the middle of [0, 2^126)
	_, err := client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: middleOfFirst})
	if err != nil {
		return err
	}
	_, err = client.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: name, ShardToMerge: aws.String("shardId-000000000002"), AdjacentShardToMerge: aws.String("shardId-000000000003"),
	})
	if err != nil {
		return err
	}
	for _, target := range []int32{7, 4} {
		_, err = client.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
			StreamName: name, TargetShardCount: &target, ScalingType: types.ScalingTypeUniformScaling,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// producer puts records of a few partition keys, one request after another. A record's data is its key and its number among those of
// the key.
type producer struct {
	client *kinesis.Client
	name   string
	sent   map[string]int
	acked  []string
	maybe  []string // told to have failed, which does not say that they were not stored
}

func (p *producer) run(ctx context.Context, puts int, third chan<- struct{}) error {
	p.sent = map[string]int{}
	for turn := range puts {
		if turn == puts/3 {
			third <- struct{}{}
		}
		var entries []types.PutRecordsRequestEntry
		for i := range 1 + turn%12 {
			key := fmt.Sprintf("%s-%d", p.name, i%4)
			data := fmt.Sprintf("%s/%06d", key, p.sent[key])
			p.sent[key]++
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(data)})
		}
		out, err := p.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: entries})
		if err != nil {
			return fmt.Errorf("producer %s: %w", p.name, err)
		}
		for i, r := range out.Records {
			if r.ErrorCode == nil {
				p.acked = append(p.acked, string(entries[i].Data))
			} else {
				p.maybe = append(p.maybe, string(entries[i].Data))
			}
		}
	}
	return nil
}

// consumer reads every shard of a stream from its start, a child once all its parents are read to their end.
type consumer struct {
	client  *kinesis.Client
	stream  string
	ctx     context.Context
	group   *errgroup.Group
	written chan struct{} // closed when nothing more is put

	mu      sync.Mutex
	started map[string]bool
	ended   map[string]bool
	read    []string // data, in the order of processing
}

// startListed starts reading the shards whose parents, as far as they are listed, are read.
func (c *consumer) startListed() error {
	var shards []types.Shard
	for page := (&kinesis.ListShardsInput{StreamName: &c.stream, MaxResults: aws.Int32(3)}); ; {
		out, err := c.client.ListShards(c.ctx, page)
		if err != nil {
			return err
		}
		shards = append(shards, out.Shards...)
		if out.NextToken == nil {
			break
		}
		page = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: aws.Int32(3)}
	}
	for _, s := range shards {
		c.start(*s.ShardId, []string{aws.ToString(s.ParentShardId), aws.ToString(s.AdjacentParentShardId)})
	}
	return nil
}

func (c *consumer) start(shard string, parents []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := slices.ContainsFunc(parents, func(p string) bool { return p != "" && !c.ended[p] })
	if c.started[shard] || waiting {
		return
	}
	c.started[shard] = true
	c.group.Go(func() error { return c.follow(shard) })
}

func (c *consumer) follow(shard string) error {
	it, err := c.client.GetShardIterator(c.ctx, &kinesis.GetShardIteratorInput{
		StreamName: &c.stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		return err
	}
	for next := it.ShardIterator; ; {
		finished := c.isWritten()
		out, err := c.client.GetRecords(c.ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(25)})
		if err != nil {
			return fmt.Errorf("read %s: %w", shard, err)
		}
		c.process(out.Records)
		if out.NextShardIterator == nil {
			return c.end(shard, out.ChildShards)
		}
		if finished && len(out.Records) == 0 && *out.MillisBehindLatest == 0 && c.isLeaf(shard) {
			return nil
		}
		next = out.NextShardIterator
		if len(out.Records) == 0 {
			c.pause()
		}
	}
}

// isLeaf tells whether the shard is open, so that nothing comes after its tip.
func (c *consumer) isLeaf(shard string) bool {
	out, err := c.client.ListShards(c.ctx, &kinesis.ListShardsInput{
		StreamName: &c.stream, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest},
	})
	return err == nil && slices.ContainsFunc(out.Shards, func(s types.Shard) bool { return *s.ShardId == shard })
}

func (c *consumer) isWritten() bool {
	select {
	case <-c.written:
		return true
	default:
		return false
	}
}

// pause waits as a consumer that polls does.
func (c *consumer) pause() {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

func (c *consumer) process(records []types.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range records {
		c.read = append(c.read, string(r.Data))
	}
}

func (c *consumer) end(shard string, children []types.ChildShard) error {
	c.mu.Lock()
	c.ended[shard] = true
	c.mu.Unlock()
	if len(children) == 0 {
		return fmt.Errorf("shard %s ended without children", shard)
	}
	for _, child := range children {
		c.start(*child.ShardId, child.ParentShards)
	}
	return nil
}

func (c *consumer) check(t *testing.T, producers []producer) {
	seen := map[string]bool{}
	last := map[string]string{}
	for _, data := range c.read {
		if seen[data] {
			t.Errorf("%s was read twice", data)
		}
		seen[data] = true
		key, _, _ := strings.Cut(data, "/")
		if data <= last[key] {
			t.Errorf("%s was read after %s", data, last[key])
		}
		last[key] = data
	}
	acked, maybe := 0, 0
	for _, p := range producers {
		acked, maybe = acked+len(p.acked), maybe+len(p.maybe)
		for _, data := range p.acked {
			if !seen[data] {
				t.Errorf("%s was acknowledged and never read", data)
			}
			delete(seen, data)
		}
		for _, data := range p.maybe {
			delete(seen, data)
		}
	}
	for data := range seen {
		t.Errorf("%s was read and never put", data)
	}
	t.Logf("%d records acknowledged, %d not, %d read, from %d shards", acked, maybe, len(c.read), len(c.started))
	if acked == 0 || maybe > acked/10 || len(c.ended) < 6 {
		t.Errorf("%d acknowledged, %d not, %d shards ended: too little to tell anything", acked, maybe, len(c.ended))
	}
}
