package main

import (
	"context"
	"log/slog"
	"time"
)

// reclaimEvery is how often expired records are dropped.
const reclaimEvery = time.Minute

// reclaimer is a store that drops expired records when it is told to.
type reclaimer interface {
	// Reclaim drops what expired by now, and returns how many bytes that freed.
	Reclaim(ctx context.Context, now time.Time) (freed int64, err error)
}

// reclaim drops expired records now and then until the context ends.
func reclaim(ctx context.Context, store reclaimer, logger *slog.Logger) {
	ticker := time.NewTicker(reclaimEvery)
	defer ticker.Stop()
	for {
		freed, err := store.Reclaim(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.Error("expired records could not be dropped", "cause", err.Error())
		case freed > 0:
			logger.Info("dropped expired records", "bytes", freed)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
