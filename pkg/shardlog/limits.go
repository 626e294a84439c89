package shardlog

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"millrace/pkg/segment"
)

// What a shard takes in one second at most, where it is limited (Kinesis Data Streams developer guide, "Quotas and limits":
// 1,000 records and 1 MB, partition keys included).
const (
	LimitRecords = 1000
	LimitBytes   = 1 << 20
)

// Usage is what records take of a shard's limits. The zero Usage is that of an allocation without limits.
type Usage struct {
	Records int
	Bytes   int // of data and partition keys
}

// Window is what limited appends took of a shard in one second.
type Window struct {
	Second time.Time
	Usage
}

// OverLimitError says that a shard has less left in its second than was asked for, or takes less than that in any second. Nothing
// was applied.
type OverLimitError struct {
	Left Usage
}

func (e *OverLimitError) Error() string {
	return fmt.Sprintf("shard takes %d records and %d bytes a second, and has %d records and %d bytes left",
		LimitRecords, LimitBytes, e.Left.Records, e.Left.Bytes)
}

func usageOf(records []segment.Record) Usage {
	u := Usage{Records: len(records)}
	for _, r := range records {
		u.Bytes += bytesOf(r)
	}
	return u
}

func bytesOf(r segment.Record) int { return len(r.PartitionKey) + len(r.Data) }

// cut leaves of each part what a shard takes that has this much left, and returns the usage of that.
func cut(parts [][]segment.Record, left Usage) (taken Usage) {
	for i, part := range parts {
		parts[i] = part[:fitting(part, left)]
		u := usageOf(parts[i])
		left.Records, left.Bytes = left.Records-u.Records, left.Bytes-u.Bytes
		taken.Records, taken.Bytes = taken.Records+u.Records, taken.Bytes+u.Bytes
	}
	return taken
}

// fitting returns how many of the records, from the first on, a shard takes that has this much left. An unused second takes one
// record whatever its size: with its partition key, the largest record that is accepted is larger than the limit.
func fitting(records []segment.Record, left Usage) int {
	n, size := 0, 0
	for n < min(len(records), left.Records) {
		size += bytesOf(records[n])
		if size > left.Bytes {
			break
		}
		n++
	}
	if n == 0 && len(records) > 0 && left == unused() {
		return 1
	}
	return n
}

// unused is what a shard has left in a second in which nothing was taken.
func unused() Usage { return Usage{Records: LimitRecords, Bytes: LimitBytes} }

// Most returns how far a second may have been used for the usage to fit into what is left of it.
func (u Usage) Most() Usage {
	return Usage{Records: LimitRecords - u.Records, Bytes: LimitBytes - u.Bytes}
}

// FitsUnused tells whether the usage fits into a second in which nothing was taken. One record always does.
func (u Usage) FitsUnused() bool {
	return u.Records <= 1 || (u.Records <= LimitRecords && u.Bytes <= LimitBytes)
}

// WindowSpread is how far writers' clocks may be apart, in either direction, for a shard to keep to its limits.
//
// An allocation counts in the second of its writer's clock, or in the newest second that was counted in if that is more
// than one second ahead. So no allocation counts in a second that is two older than another's, and two windows are all that must be kept.
// If the newest is further ahead than WindowSpread it is forgotten, rather than to have a clock that was once wrong throttle the
// shard until the others reach it.
const WindowSpread = 5 * time.Second

// Charge returns the counter after an allocation of that usage at the time now was counted. It fails with an
// *[OverLimitError]. The zero Usage is not counted.
//
// An allocation whose answer was lost is counted, and counted again when it is tried again; so is one whose slot a reader filled.
// A shard may take less than its limits for that, never more.
func (c Counter) Charge(now time.Time, u Usage) (Counter, error) {
	if u == (Usage{}) {
		return c, nil
	}
	if !u.FitsUnused() {
		return c, &OverLimitError{Left: unused()}
	}
	second := c.countedIn(now)
	windows := c.windowsAround(second)
	i, found := slices.BinarySearchFunc(windows, second, func(w Window, t time.Time) int { return w.Second.Compare(t) })
	if !found {
		windows = slices.Insert(windows, i, Window{Second: second})
	}
	w := &windows[i]
	if most := u.Most(); found && (w.Records > most.Records || w.Bytes > most.Bytes) {
		return c, &OverLimitError{Left: Usage{Records: LimitRecords - w.Records, Bytes: max(LimitBytes-w.Bytes, 0)}}
	}
	w.Records += u.Records
	w.Bytes += u.Bytes
	c.Windows = windows
	return c, nil
}

// countedIn returns the second in which an allocation now counts.
func (c Counter) countedIn(now time.Time) time.Time {
	second := now.UTC().Truncate(time.Second)
	if len(c.Windows) == 0 {
		return second
	}
	newest := slices.MaxFunc(c.Windows, func(a, b Window) int { return a.Second.Compare(b.Second) }).Second
	if ahead := newest.Sub(second); ahead > time.Second && ahead <= WindowSpread {
		return newest
	}
	return second
}

// windowsAround returns a copy of the windows in which an allocation may still count, after one that counted in the second.
func (c Counter) windowsAround(second time.Time) []Window {
	var kept []Window
	for _, w := range c.Windows {
		if apart := w.Second.Sub(second); -time.Second <= apart && apart <= time.Second {
			kept = append(kept, w)
		}
	}
	slices.SortFunc(kept, func(a, b Window) int { return cmp.Compare(a.Second.Unix(), b.Second.Unix()) })
	return kept
}
