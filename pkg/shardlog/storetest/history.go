package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"millrace/pkg/segment"
	"millrace/pkg/seqnum"
	"millrace/pkg/shardlog"
)

// History is what writers of one shard were told, to be held against what readers saw. Record data must be unique. It
// is safe for use by many goroutines.
type History struct {
	clock   atomic.Int64
	mu      sync.Mutex
	appends []*Append
}

// Append is one append under way, or its outcome.
type Append struct {
	history *History
	writer  string
	records []segment.Record
	start   int64 // on the history's own clock
	ack     int64 // 0: not acknowledged
	err     error
	at      shardlog.Appended
}

// Start notes that a writer starts to append. A writer has one append under way at a time.
func (h *History) Start(writer string, records []segment.Record) *Append {
	a := &Append{history: h, writer: writer, records: records, start: h.clock.Add(1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.appends = append(h.appends, a)
	return a
}

// Done notes what the writer was told.
func (a *Append) Done(at shardlog.Appended, err error) {
	a.history.mu.Lock()
	defer a.history.mu.Unlock()
	a.at, a.err = at, err
	if err == nil {
		a.ack = a.history.clock.Add(1)
	}
}

// Check holds the history against a whole reading of the shard: each acknowledged record is there exactly once, under
// the number it was acknowledged with (I4); no record is there that certainly failed, or that nobody wrote; numbers
// ascend; what was acknowledged before another append started stands before it (I5).
func (h *History) Check(read []shardlog.Stored) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]seqnum.Number{}
	for i, r := range read {
		if i > 0 && r.Number.Compare(read[i-1].Number) <= 0 {
			return fmt.Errorf("record %d has number %s, after %s", i, r.Number, read[i-1].Number)
		}
		if _, twice := seen[string(r.Data)]; twice {
			return fmt.Errorf("record %q was read twice", r.Data)
		}
		seen[string(r.Data)] = r.Number
	}
	for _, a := range h.appends {
		if err := a.check(seen); err != nil {
			return fmt.Errorf("writer %s: %w", a.writer, err)
		}
		for _, r := range a.records {
			delete(seen, string(r.Data))
		}
	}
	for data := range seen {
		return fmt.Errorf("record %q was read, but nobody wrote it", data)
	}
	return h.checkOrder()
}

func (a *Append) check(seen map[string]seqnum.Number) error {
	for i, r := range a.records {
		number, there := seen[string(r.Data)]
		switch {
		case a.err == nil && !there:
			return fmt.Errorf("acknowledged record %q is lost", r.Data)
		case a.err == nil && (number.Slot != a.at.Slot || number.Index != a.at.First+i):
			return fmt.Errorf("record %q was acknowledged at slot %d index %d and read at %d, %d",
				r.Data, a.at.Slot, a.at.First+i, number.Slot, number.Index)
		case a.err != nil && there && !errors.Is(a.err, shardlog.ErrUndecided):
			return fmt.Errorf("record %q was read, but its writer was told that it failed: %w", r.Data, a.err)
		}
	}
	return nil
}

func (h *History) checkOrder() error {
	var acked []*Append
	for _, a := range h.appends {
		if a.ack != 0 {
			acked = append(acked, a)
		}
	}
	// By place, each append must have started before every later one was acknowledged.
	slices.SortFunc(acked, func(a, b *Append) int {
		return cmp.Or(cmp.Compare(a.at.Slot, b.at.Slot), cmp.Compare(a.at.First, b.at.First))
	})
	latest := int64(0)
	for i, a := range acked {
		if i > 0 && a.at.Slot == acked[i-1].at.Slot && a.at.First < acked[i-1].at.First+len(acked[i-1].records) {
			return fmt.Errorf("index %d of slot %d was acknowledged to writers %s and %s", a.at.First, a.at.Slot, acked[i-1].writer, a.writer)
		}
		if a.ack < latest {
			return fmt.Errorf("writer %s got slot %d, but was acknowledged before an append at a smaller slot started", a.writer, a.at.Slot)
		}
		latest = max(latest, a.start)
	}
	return nil
}
