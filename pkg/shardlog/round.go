package shardlog

import (
	"context"
	"time"

	"millrace/pkg/deadline"
)

// Together is a [Store] that commits what is put into any shards at one time with one write.
type Together interface {
	Store

	// PutAll is PutOnce for each of the puts, which are at different slots. It tells of each, by its index, what PutOnce would return, as soon as
	// that is known and once, on any goroutine; then it returns. Tell takes no time.
	PutAll(puts []Put, tell func(i int, outcome error))
}

// Put is what a PutOnce is given.
type Put struct {
	Context context.Context
	Shard   Shard
	Slot    uint64
	Content Content
}

// runRound runs groups of different lanes at once, on one goroutine, and returns once each has had its first try at the store. With a goroutine and
// a call to the store for each, 32 producers of single records are a tenth slower.
//
// What does not have its slot by the end of patience, or is not stored by the first try, goes on by itself.
func (l *Log) runRound(round []*group) {
	if l.together == nil {
		for _, g := range round { // one at most: a line is of one lane
			l.runGroup(g)
		}
		return
	}
	soon := time.Now().Add(patience)
	tries, puts := make([]*attempt, 0, len(round)), make([]Put, 0, len(round))
	for _, g := range round {
		t := l.newAttempt(g)
		if t == nil {
			continue
		}
		if err := l.beginBy(t, soon); err != nil {
			t.letGo()
			go l.runGroup(g)
			continue
		}
		tries = append(tries, t)
		puts = append(puts, Put{Shard: t.lane.shard, Slot: t.slot.Slot, Content: t.content})
	}
	if len(puts) == 0 { // all wait, as a rule
		return
	}
	until := time.Now().Add(l.options.TryTimeout)
	for i, t := range tries {
		puts[i].Context = deadline.With(t.work, until)
	}
	l.together.PutAll(puts, func(i int, outcome error) {
		if outcome == nil {
			l.goOn(tries[i], nil)
			return
		}
		go l.goOn(tries[i], outcome)
	})
}

// beginBy is begin with an end.
func (l *Log) beginBy(t *attempt, end time.Time) error {
	ctx := deadline.With(t.work, end)
	defer ctx.Cancel()
	return l.begin(ctx, t)
}

// goOn takes an attempt from the answer to its first put to its end.
func (l *Log) goOn(t *attempt, answer error) {
	at, again, err := l.finish(t, answer)
	if again {
		at, err = l.append(t)
	}
	l.conclude(t, at, err)
}
