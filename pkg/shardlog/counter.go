package shardlog

import (
	"slices"
	"time"
)

// Counter is a shard's counter: the sequencer that hands out its slots.
//
// It also remembers how its slots lie in time, in marks that it sets now and then. Contents are dropped once they have expired, and
// a slot whose content was dropped looks like a hole. The marks tell the two apart: what lies below a mark
// that is older than the retention was either dropped or expired before it was written, and is passed over unread.
type Counter struct {
	Open      bool
	Next      uint64 // the slot that is handed out next
	Retention time.Duration
	Last      time.Time // when a slot was last handed out, or the counter created; whole seconds
	MarkDue   time.Time // when the next mark is to be set; whole seconds
	Marks     []Mark    // oldest first
	Windows   []Window  // of the last seconds in which limited appends took something, oldest first; see Charge
}

// Mark says that all slots below Slot were handed out at or before Before.
type Mark struct {
	Slot   uint64
	Before time.Time // whole seconds
}

// Allocation is a slot that was handed out.
type Allocation struct {
	Slot      uint64
	Retention time.Duration // the shard's, as of then
}

const (
	// markEvery is how often a counter sets a mark at most; with a long retention it does so marksKept times in it.
	markEvery = time.Hour
	marksKept = 32
	// marksMost is how many marks a counter keeps where its retention was lengthened several times.
	marksMost = 48
	// skew is how far clocks are taken to differ, and how long an append may take. A record whose retention ended less than
	// that ago may still be returned; none is lost to it.
	skew = time.Minute
)

// NewCounter returns the counter of a shard that is created now.
func NewCounter(now time.Time, retention time.Duration) Counter {
	now = now.UTC().Truncate(time.Second)
	return Counter{Open: true, Next: 1, Retention: retention, Last: now, MarkDue: now.Add(markInterval(retention))}
}

func markInterval(retention time.Duration) time.Duration {
	return max(markEvery, (retention / marksKept).Truncate(time.Second))
}

// keep is how long after its arrival a content is kept: its retention, and as much longer as it takes to see by the marks that it has
// ended.
func keep(retention time.Duration) time.Duration {
	return retention + markInterval(retention) + markEvery
}

// Due tells whether an allocation now sets a mark.
func (c Counter) Due(now time.Time) bool { return !now.Before(c.MarkDue) }

// Allocate returns the counter after it handed out c.Next now.
func (c Counter) Allocate(now time.Time) Counter {
	now = now.UTC().Truncate(time.Second)
	if c.Due(now) {
		c.Marks = append(c.liveMarks(now), Mark{Slot: c.Next, Before: c.Last})
		c.MarkDue = now.Add(markInterval(c.Retention))
		c.Windows = c.windowsAround(c.countedIn(now))
	}
	c.Next++
	c.Last = now
	return c
}

// WithRetention returns the counter with another retention. Its next allocation sets a mark: with a shorter retention, what is
// stored from then on is dropped before the mark that was due would tell of it.
func (c Counter) WithRetention(retention time.Duration) Counter {
	c.Retention, c.MarkDue = retention, c.Last
	return c
}

// liveMarks returns a copy of the marks without those that tell less than a later one that is older than the retention.
func (c Counter) liveMarks(now time.Time) []Mark {
	past := now.Add(-c.Retention - 2*skew) // older than the retention by the clock of every reader
	first := 0
	for i, m := range c.Marks {
		if m.Before.Before(past) {
			first = i
		}
	}
	live := slices.Clone(c.Marks[min(first, len(c.Marks)):])
	for len(live) > marksMost {
		live = thinned(live)
	}
	return live
}

// thinned leaves out the mark without which those beside it are closest to each other. The first one stays: what lies
// below it is gone.
func thinned(marks []Mark) []Mark {
	least := 1
	gap := func(i int) time.Duration { return marks[i+1].Before.Sub(marks[i-1].Before) }
	for i := 2; i < len(marks)-1; i++ {
		if gap(i) < gap(least) {
			least = i
		}
	}
	return slices.Delete(marks, least, least+1)
}

// Horizon returns a slot such that whatever was or will be stored below it arrived before the time since, and such that
// nothing at it or above it was dropped, if since is no earlier than the end of the retention.
func (c Counter) Horizon(since time.Time) uint64 {
	since = since.Add(-skew)
	if c.Last.Before(since) {
		return c.Next
	}
	horizon := uint64(1)
	for _, m := range c.Marks {
		if m.Before.Before(since) {
			horizon = max(horizon, m.Slot)
		}
	}
	return horizon
}
