package shardlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

// TestReadAhead: a put uses the map that was read ahead.
func TestReadAhead(t *testing.T) {
	f := newFixture(t, 4, nil)
	streams := shardlog.NewStreams(f.log)
	streams.ReadAhead(t.Context(), "orders")
	results, err := streams.Put(t.Context(), "orders", spread(4))
	if err != nil {
		t.Fatal(err)
	}
	wantAllStored(t, results)
	if n := f.faults.Calls()[faultstore.LoadStream]; n != 1 {
		t.Errorf("the map was read %d times", n)
	}
}

// TestReadAheadIsNotShared: a put does not wait for a reading ahead that may be given up, and that ends with its context, or
// after TryTimeout.
func TestReadAheadIsNotShared(t *testing.T) {
	for name, test := range map[string]struct{ until, ends time.Duration }{
		"given up": {time.Second, time.Second},
		"too long": {time.Hour, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 4, first(faultstore.LoadStream, 1, faultstore.Hangs))
				streams := shardlog.NewStreams(f.log)
				ctx, cancel := context.WithTimeout(t.Context(), test.until)
				defer cancel()
				start, ended := time.Now(), make(chan struct{})
				go func() {
					defer close(ended)
					streams.ReadAhead(ctx, "orders")
				}()
				synctest.Wait()
				results, err := streams.Put(t.Context(), "orders", spread(4))
				if err != nil || time.Since(start) != 0 {
					t.Fatalf("a put after %v: %v", time.Since(start), err)
				}
				wantAllStored(t, results)
				<-ended
				if took := time.Since(start); took != test.ends {
					t.Errorf("it took %v, want %v", took, test.ends)
				}
			})
		})
	}
}
