package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/pkg/segment"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/faultstore"
)

// testProtocol has 16 writers in 4 processes append to one shard, each one after another, while readers follow at the tip. Half of the processes
// append in rounds.
func testProtocol(t *testing.T, s shardlog.Store) {
	const writers, processes, each = 16, 4, 12
	stream := create(t, s, "orders", "a1", 1)
	log := shardlog.NewLog(apart(s), shardlog.Options{})
	logs := []*shardlog.Log{log}
	for len(logs) < processes {
		logs = append(logs, shardlog.NewLog([]shardlog.Store{apart(s), together(s)}[len(logs)%2], shardlog.Options{}))
	}
	var history History
	var writing, reading errgroup.Group
	for w := range writers {
		writing.Go(func() error { return appendAll(t.Context(), logs[w%processes], stream, &history, w, each) })
	}
	done := make(chan struct{})
	followed := make([][]shardlog.Stored, 2)
	for i := range followed {
		reading.Go(func() (err error) {
			followed[i], err = follow(t.Context(), log, stream, done)
			return err
		})
	}
	err := writing.Wait()
	close(done)
	if err := reading.Wait(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range followed { // I3: following at the tip, a reader skipped nothing
		if err := history.Check(read); err != nil {
			t.Error(err)
		}
	}
}

// apart returns a store of which it does not show if it is a [shardlog.Together].
func apart(s shardlog.Store) shardlog.Store { return struct{ shardlog.Store }{s} }

// together returns a store that is a [shardlog.Together], by itself or made one.
func together(s shardlog.Store) shardlog.Together {
	if s, ok := s.(shardlog.Together); ok {
		return s
	}
	return faultstore.Together{Store: faultstore.New(s, nil)}
}

func appendAll(ctx context.Context, log *shardlog.Log, stream shardlog.Stream, history *History, writer, each int) error {
	for turn := range each {
		records := make([]segment.Record, 1+(writer+turn)%3)
		for i := range records {
			records[i] = segment.Record{PartitionKey: fmt.Sprint(writer), Data: fmt.Appendf(nil, "%d/%d/%d", writer, turn, i)}
		}
		a := history.Start(fmt.Sprint(writer), records)
		at, err := log.Append(ctx, stream.Shard(0), records)
		a.Done(at, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// follow reads shard 0 from its start until it is at the tip after the writers were done.
func follow(ctx context.Context, log *shardlog.Log, stream shardlog.Stream, done <-chan struct{}) ([]shardlog.Stored, error) {
	var all []shardlog.Stored
	from := shardlog.Position{}
	for {
		finished := false
		select {
		case <-done:
			finished = true
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
		read, err := log.Read(ctx, stream, 0, from, shardlog.Limits{Records: 50, Bytes: 1 << 20})
		if err != nil {
			return nil, err
		}
		all, from = append(all, read.Records...), read.Next
		switch {
		case read.Behind == 0 && finished:
			return all, nil
		case len(read.Records) == 0:
			pause(ctx, 5*time.Millisecond) // as a consumer polls
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
