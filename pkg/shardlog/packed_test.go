package shardlog_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

// witness is a store that remembers each Packed that it was given, and what was in it then.
type witness struct {
	shardlog.Store

	mu    sync.Mutex
	given [][2][]byte
}

// PutOnce implements [shardlog.Store].
func (w *witness) PutOnce(ctx context.Context, shard shardlog.Shard, slot uint64, c shardlog.Content) error {
	w.mu.Lock()
	w.given = append(w.given, [2][]byte{c.Packed, bytes.Clone(c.Packed)})
	w.mu.Unlock()
	return w.Store.PutOnce(ctx, shard, slot, c)
}

// TestPackedStays: neither writers nor readers change what a store was given, and so may keep. Writers share slots, compress, lose their
// slots and try again.
func TestPackedStays(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress ", compress), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept := &witness{Store: memstore.New()}
				faults := faultstore.New(kept, func(c faultstore.Call) faultstore.Fault {
					switch {
					case c.Op == faultstore.PutOnce && c.N%5 == 1:
						return faultstore.Failed
					case c.Op == faultstore.PutOnce && c.N%5 == 3:
						return faultstore.FailedAfter
					default:
						return faultstore.Fault{}
					}
				})
				stream := storetest.NewStream("orders", "a1", 2)
				if err := kept.CreateStream(t.Context(), stream); err != nil {
					t.Fatal(err)
				}
				log := shardlog.NewLog(faults, shardlog.Options{Compress: compress})
				var writing sync.WaitGroup
				for writer := range 6 {
					writing.Go(func() {
						for turn := range 4 {
							if _, err := log.Append(t.Context(), stream.Shard(uint32(writer%2)), records(writer, turn, 100)); err != nil {
								t.Error(err)
							}
						}
					})
				}
				writing.Wait()
				if n := len(readAll(t, log, stream, 0)) + len(readAll(t, log, stream, 1)); n != 2400 {
					t.Errorf("%d records were read, want 2400", n)
				}
				for i, g := range kept.given {
					if !bytes.Equal(g[0], g[1]) {
						t.Errorf("the %d bytes of put %d have changed", len(g[1]), i)
					}
				}
			})
		})
	}
}
