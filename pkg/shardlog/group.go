package shardlog

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"millrace/pkg/deadline"
	"millrace/pkg/segment"
)

const (
	// groupBytes is how many bytes of data and partition keys share a slot at most. To share saves an append one write unit of
	// DynamoDB's and part of another, which is little beside this, and this still fits one item.
	groupBytes = 256 << 10
	// soloBytes and soloRecords are from how much on an append does not wait to share: what it would save is little beside what it
	// writes, and on bbolt it misses commits. There, 8 producers of 14 KB for each of 4 shards are a sixth faster than if
	// they waited, 32 of 10 KB a third; 32 of 5 KB are a twentieth slower.
	soloBytes   = 8 << 10
	soloRecords = segment.MaxRecords / 2
	// roundYields is how often other goroutines run before what waits goes, if any wait for a processor: the writers that were just
	// answered append again, and so come along. Of 32 producers of single records, 14 share a commit of the embedded store with four, and 12
	// with two. The throughput with four is 1.1 times that with one, and no less than with two or eight.
	roundYields = 4
	// patience is how long an append waits at most for one under way, of which an ordinary one is done long before.
	patience = 50 * time.Millisecond
)

// groups lets appends to one shard share a slot where they wait at the same time.
//
// An append that finds none under way on its shard goes at once. Those that come meanwhile wait, and go together once it
// is done: as one group with one allocation, one slot and one content. So an append alone waits for nothing, and the busier
// a shard is, the more appends share its slots. One group under way at a time is best: on DynamoDB Local, where 64 producers
// put single records, a second one made 1.25 times as many slots, four 1.6 times, and neither was faster.
//
// Where the store commits whatever comes at one time together ([Together]), appends wait for those to any shard, and the groups of all
// shards go in one round. A group that went as soon as its own shard was free would come too late for the commit in
// which the others are, and half of the shards would take turns with the other half, with twice the commits. What one request brings to several
// shards finds nothing under way for all of them, or waits for all that does: else the first of them would hold up the rest, and a request
// alone would take two commits.
//
// Three do not wait any longer: a group that has no room for the next append; one whose first append has waited for as
// long as patience, since what is under way may be stuck; and an append that has little to gain, because it is
// large, or no time left to wait. Nor do others wait for these. So waiting never holds up what a shard can take.
//
// A group asks for its slot after its last append came, and tells none of them before its content is durable. So if append A is
// acknowledged before append B starts, A's group had its slot before B came, and B's group gets a later one (I5).
// A group's appends stand in its segment one after another, so each keeps the order of its records.
//
// A group ends by the first of its appends' deadlines. If it has certainly stored nothing by then, the others go again.
// An append whose context was cancelled while it waited is left out when the group goes. One in a group under way is told what became
// of that, which is no later than its deadline. A group under way gives up once the contexts of all its appends have ended. Contexts are
// looked at then and not waited for: to wait for one takes a timer and a place with the parent, 5 to 8 percent of a single put.
type groups struct {
	mu    sync.Mutex
	lines map[lane][]*group // by their lines, where appends are under way that others wait for: the groups that wait, of different lanes
}

// lane is what appends must have in common to share a slot.
type lane struct {
	shard   Shard
	limited bool
}

// group is appends that share a slot.
type group struct {
	lane    lane
	members []*member
	records int
	bytes   int
	timer   *time.Timer // ends the group's patience
}

// member is one append.
type member struct {
	ctx     context.Context
	end     time.Time // when it must be told
	lane    lane
	records []segment.Record
	usage   Usage

	told *sync.WaitGroup // done when the outcome is there
	outcome
}

// outcome is what an append is told.
type outcome struct {
	at    Appended
	taken int
	err   error
	again bool // its records are certainly not stored, and it has time left
}

func (l *Log) newMember(ctx context.Context, ln lane, records []segment.Record) *member {
	m := &member{ctx: ctx, end: time.Now().Add(l.options.AppendTimeout), lane: ln, records: records, usage: usageOf(records)}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(m.end) {
		m.end = deadline
	}
	return m
}

// shareAll gives each of one request's appends, to different lanes, its outcome.
func (l *Log) shareAll(ms []*member) {
	if l.together != nil {
		l.share(ms)
		return
	}
	var others sync.WaitGroup
	for i := range ms[1:] {
		others.Go(func() { l.share(ms[1+i : 2+i]) })
	}
	l.share(ms[:1])
	others.Wait()
}

// share gives appends, which wait in one line, their outcomes. Their slots may be shared.
func (l *Log) share(ms []*member) {
	for len(ms) > 0 {
		l.shareOnce(ms)
		var again []*member
		for _, m := range ms {
			if m.again {
				again = append(again, m)
			}
		}
		ms = again
	}
}

func (l *Log) shareOnce(ms []*member) {
	var told sync.WaitGroup
	told.Add(len(ms))
	for _, m := range ms {
		m.outcome, m.told = outcome{}, &told
	}
	line := l.line(ms[0].lane)
	now, leads := l.enter(line, ms)
	l.runNow(line, now, leads)
	told.Wait()
}

func (l *Log) runNow(line lane, now []*group, leads bool) {
	if leads {
		defer l.leave(line)
	}
	l.runRound(now)
}

// line returns the line in which a lane's appends wait: its own, or that of all.
func (l *Log) line(ln lane) lane {
	if l.together != nil {
		return lane{}
	}
	return ln
}

// waits tells whether the append goes with others.
func (l *Log) waits(m *member) bool {
	return m.usage.Records <= soloRecords && m.usage.Bytes <= soloBytes && time.Until(m.end) >= l.options.GiveUpTime+patience
}

// enter has those of the appends wait that do so, if others are under way. It returns groups of the others, which are to go at once, and whether
// they lead: others wait for them, and they must leave afterwards.
func (l *Log) enter(line lane, ms []*member) (now []*group, leads bool) {
	l.groups.mu.Lock()
	defer l.groups.mu.Unlock()
	_, busy := l.groups.lines[line]
	for _, m := range ms {
		waits := l.waits(m)
		if waits && busy {
			l.join(line, m)
			continue
		}
		leads = leads || waits
		now = append(now, &group{lane: m.lane, members: []*member{m}})
	}
	if leads {
		l.groups.lines[line] = nil
	}
	return now, leads
}

// join has an append wait in a group. The caller holds mu.
func (l *Log) join(line lane, m *member) {
	waiting := l.groups.lines[line]
	i := slices.IndexFunc(waiting, func(g *group) bool { return g.lane == m.lane })
	if i >= 0 && !waiting[i].fits(m.usage) {
		waiting[i].timer.Stop()
		go l.runGroup(waiting[i])
		waiting = slices.Delete(waiting, i, i+1)
		i = -1
	}
	if i < 0 {
		g := &group{lane: m.lane}
		g.timer = time.AfterFunc(patience, func() { l.runImpatient(g) })
		i, waiting = len(waiting), append(waiting, g)
	}
	l.groups.lines[line] = waiting
	waiting[i].add(m)
}

func (g *group) fits(u Usage) bool {
	return g.records+u.Records <= segment.MaxRecords && g.bytes+u.Bytes <= groupBytes
}

func (g *group) add(m *member) {
	g.members = append(g.members, m)
	g.records += m.usage.Records
	g.bytes += m.usage.Bytes
}

// leave ends what others waited for, and has those go who did.
func (l *Log) leave(line lane) {
	l.groups.mu.Lock()
	defer l.groups.mu.Unlock()
	if len(l.groups.lines[line]) > 0 {
		go l.runWaiting(line)
		return
	}
	delete(l.groups.lines, line)
}

// runWaiting runs what waits, round after round, until nothing does.
func (l *Log) runWaiting(line lane) {
	for {
		for range roundYields {
			runtime.Gosched()
		}
		round := l.takeWaiting(line)
		if len(round) == 0 {
			return
		}
		l.runRound(round)
	}
}

// takeWaiting returns the groups that wait. If none does, nothing is under way on the line any more.
func (l *Log) takeWaiting(line lane) []*group {
	l.groups.mu.Lock()
	defer l.groups.mu.Unlock()
	round := l.groups.lines[line]
	if len(round) == 0 {
		delete(l.groups.lines, line)
		return nil
	}
	l.groups.lines[line] = nil
	for _, g := range round {
		g.timer.Stop()
	}
	return round
}

// runImpatient runs a group that has waited for long enough, if it still waits.
func (l *Log) runImpatient(g *group) {
	line := l.line(g.lane)
	l.groups.mu.Lock()
	i := slices.Index(l.groups.lines[line], g)
	if i >= 0 {
		l.groups.lines[line] = slices.Delete(l.groups.lines[line], i, i+1)
	}
	l.groups.mu.Unlock()
	if i >= 0 {
		l.runGroup(g)
	}
}

// runGroup appends what a group's members have, and tells each what became of its own.
func (l *Log) runGroup(g *group) {
	if t := l.newAttempt(g); t != nil {
		at, err := l.append(t)
		l.conclude(t, at, err)
	}
}

// newAttempt leaves out who went away while it waited. It returns nil where nobody is left.
func (l *Log) newAttempt(g *group) *attempt {
	g.members = slices.DeleteFunc(g.members, func(m *member) bool {
		err := m.ctx.Err()
		if err != nil {
			m.tell(outcome{taken: len(m.records), err: err})
		}
		return err != nil
	})
	if len(g.members) == 0 {
		return nil
	}
	t := &attempt{group: g, content: Content{Nonce: newNonce()}}
	t.ctx, t.end, t.stop = g.context()
	t.work = deadline.With(t.ctx, t.end.Add(-l.options.GiveUpTime))
	t.parts = make([][]segment.Record, len(g.members))
	for i, m := range g.members {
		t.parts[i] = m.records
	}
	return t
}

// conclude tells each member what became of its records.
func (l *Log) conclude(t *attempt, at Appended, err error) {
	certain := err != nil && !errors.Is(err, ErrUndecided)
	for i, m := range t.members {
		o := outcome{taken: len(t.parts[i]), err: err}
		switch {
		case o.taken == 0 && !errors.Is(err, ErrShardClosed):
			o.err = &OverLimitError{}
		case err == nil:
			o.at = at
			at.First += o.taken
		default:
			o.again = certain && t.work.Err() != nil && m.ctx.Err() == nil && m.end.After(t.end) && time.Until(m.end) > l.options.GiveUpTime
		}
		m.tell(o)
	}
	t.letGo()
}

func (m *member) tell(o outcome) {
	m.outcome = o
	m.told.Done()
}

// context returns the context of a group's append: it has the values of the first member's, and ends when all of theirs have ended. End
// is the first of the members' deadlines.
func (g *group) context() (ctx context.Context, end time.Time, stop func()) {
	first := g.members[0]
	if len(g.members) == 1 {
		return first.ctx, first.end, func() {}
	}
	contexts := make([]context.Context, len(g.members))
	end = first.end
	for i, m := range g.members {
		contexts[i] = m.ctx
		if m.end.Before(end) {
			end = m.end
		}
	}
	all := deadline.All(contexts)
	return all, end, all.Cancel
}
