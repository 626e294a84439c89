package dynamostore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/dynamostore"
	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// BenchmarkGroupCommit has 64 producers put single records into one shard: each through a process of its own, where nothing is shared, and all through
// one. It reports what a record costs in both cases, and their ratios.
func BenchmarkGroupCommit(b *testing.B) {
	client, table := local.Table(b)
	units := &unitCounter{API: client}
	store := dynamostore.New(units, table)
	stream := storetest.NewStream("orders", "a1", 1)
	if err := store.CreateStream(b.Context(), stream); err != nil {
		b.Fatal(err)
	}
	const producers = 64
	measure := func(logs int) (unitsEach, seconds float64) {
		pool := make([]*shardlog.Log, logs)
		for i := range pool {
			pool[i] = shardlog.NewLog(store, shardlog.Options{})
		}
		before, start := units.total(), time.Now()
		var g errgroup.Group
		g.SetLimit(producers)
		for n := range max(b.N, producers) {
			g.Go(func() error {
				_, err := pool[n%logs].Append(b.Context(), stream.Shard(0), []segment.Record{{PartitionKey: "k", Data: make([]byte, 100)}})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		n := float64(max(b.N, producers))
		return (units.total() - before) / n, time.Since(start).Seconds() / n
	}
	aloneUnits, aloneTime := measure(producers)
	sharedUnits, sharedTime := measure(1)
	b.ReportMetric(aloneUnits, "alone-units/record")
	b.ReportMetric(sharedUnits, "shared-units/record")
	b.ReportMetric(aloneUnits/sharedUnits, "units-ratio")
	b.ReportMetric(aloneTime/sharedTime, "throughput-ratio")
}

// unitCounter counts the write units that appends consume.
type unitCounter struct {
	dynamostore.API
	mu    sync.Mutex
	units float64
	most  float64 // of one request
}

func (u *unitCounter) total() float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.units
}

func (u *unitCounter) add(c *types.ConsumedCapacity) {
	u.mu.Lock()
	defer u.mu.Unlock()
	units := aws.ToFloat64(c.CapacityUnits)
	u.units += units
	u.most = max(u.most, units)
}

func (u *unitCounter) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := u.API.UpdateItem(ctx, in, o...)
	if err == nil {
		u.add(out.ConsumedCapacity)
	}
	return out, err
}

func (u *unitCounter) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := u.API.PutItem(ctx, in, o...)
	if err == nil {
		u.add(out.ConsumedCapacity)
	}
	return out, err
}
