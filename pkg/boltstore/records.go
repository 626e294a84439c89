package boltstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"time"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

const (
	stateOpen   = 1
	stateClosed = 2
)

// encodeCounter returns some 20 bytes, and about 5 for each mark: a counter is stored with each commit of its shard. Times and the marks' slots
// are differences to what stands before them, as varints.
func encodeCounter(c shardlog.Counter) []byte {
	state := byte(stateOpen)
	if !c.Open {
		state = stateClosed
	}
	b := []byte{recordVersion, state}
	b = binary.AppendUvarint(b, c.Next)
	b = binary.AppendUvarint(b, uint64(c.Retention/time.Second))
	b = binary.AppendVarint(b, c.Last.Unix())
	b = binary.AppendVarint(b, c.MarkDue.Unix()-c.Last.Unix())
	slot, before := uint64(0), c.Last.Unix()
	for _, m := range c.Marks {
		b = binary.AppendVarint(b, int64(m.Slot-slot))
		b = binary.AppendVarint(b, m.Before.Unix()-before)
		slot, before = m.Slot, m.Before.Unix()
	}
	return b
}

func decodeCounter(b []byte) (shardlog.Counter, error) {
	switch {
	case len(b) < 2:
		return shardlog.Counter{}, corrupt("a counter of %d bytes", len(b))
	case b[0] != recordVersion:
		return shardlog.Counter{}, corrupt("a counter of version %d", b[0])
	case b[1] != stateOpen && b[1] != stateClosed:
		return shardlog.Counter{}, corrupt("a counter in state %d", b[1])
	}
	f := varints{rest: b[2:]}
	c := shardlog.Counter{Open: b[1] == stateOpen, Next: f.unsigned()}
	retention, last := f.unsigned(), f.signed()
	c.Last, c.MarkDue = unix(last), unix(last+f.signed())
	for slot, before := uint64(0), last; len(f.rest) > 0; {
		slot, before = slot+uint64(f.signed()), before+f.signed()
		c.Marks = append(c.Marks, shardlog.Mark{Slot: slot, Before: unix(before)})
	}
	if f.short || c.Next == 0 || retention > uint64(math.MaxInt64/time.Second) {
		return shardlog.Counter{}, corrupt("counter %x", b)
	}
	c.Retention = time.Duration(retention) * time.Second
	return c, nil
}

// varints are numbers one after another.
type varints struct {
	rest  []byte
	short bool // one did not end, or did not fit
}

func (f *varints) unsigned() uint64 {
	v, n := binary.Uvarint(f.rest)
	f.skip(n)
	return v
}

func (f *varints) signed() int64 {
	v, n := binary.Varint(f.rest)
	f.skip(n)
	return v
}

func (f *varints) skip(n int) {
	if n <= 0 {
		f.rest, f.short = nil, true
		return
	}
	f.rest = f.rest[n:]
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// optionalUnix returns nil for the zero time, as a stored 0 is a time like others.
func optionalUnix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
}

func fromOptionalUnix(seconds *int64) time.Time {
	if seconds == nil {
		return time.Time{}
	}
	return unix(*seconds)
}

// streamRecord is a stream without its name and its shards.
type streamRecord struct {
	ID            string            `json:"id"`
	Created       time.Time         `json:"created"`
	Retention     int64             `json:"retentionSeconds"`
	RetainedSince *int64            `json:"retainedSince,omitempty"` // Unix, s
	Mode          shardlog.Mode     `json:"mode"`
	Tags          map[string]string `json:"tags,omitempty"`
	Revision      uint64            `json:"revision"`
	Deleting      bool              `json:"deleting,omitempty"`
}

func (r *streamRecord) set(settings shardlog.Settings) {
	r.Retention, r.RetainedSince = int64(settings.Retention/time.Second), optionalUnix(settings.RetainedSince)
	r.Mode, r.Tags = settings.Mode, settings.Tags
}

func (r *streamRecord) stream(name string) shardlog.Stream {
	return shardlog.Stream{Name: name, ID: r.ID, Created: r.Created, Revision: r.Revision, Settings: shardlog.Settings{
		Retention: time.Duration(r.Retention) * time.Second, RetainedSince: fromOptionalUnix(r.RetainedSince), Mode: r.Mode, Tags: r.Tags,
	}}
}

func decodeStream(b []byte) (streamRecord, error) {
	var r streamRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return r, corrupt("a stream's record: %v", err)
	}
	if !validID(r.ID) {
		return r, corrupt("a stream has id %q", r.ID)
	}
	r.Created = r.Created.UTC()
	if year := r.Created.Year(); year < 0 || year > 9999 {
		return r, corrupt("a stream was created in the year %d", year)
	}
	if len(r.Tags) == 0 {
		r.Tags = nil
	}
	return r, nil
}

// shardRecord is a shard without its index, its hash keys in decimal, its times Unix, s.
type shardRecord struct {
	Created int64    `json:"created"`
	Start   string   `json:"start"`
	End     string   `json:"end"`
	Parents []uint32 `json:"parents,omitempty"`
	Closed  *int64   `json:"closed,omitempty"`
	Sealed  bool     `json:"sealed,omitempty"`
	Final   uint64   `json:"final,omitempty"`
}

func encodeShard(s shardlog.ShardInfo) ([]byte, error) {
	return json.Marshal(shardRecord{
		Created: s.Created.Unix(), Start: s.Keys.Start.String(), End: s.Keys.End.String(), Parents: s.Parents,
		Closed: optionalUnix(s.Closed), Sealed: s.Sealed, Final: s.Final,
	})
}

func decodeShard(index uint32, b []byte) (shardlog.ShardInfo, error) {
	var r shardRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return shardlog.ShardInfo{}, corrupt("record of shard %d: %v", index, err)
	}
	start, startErr := hashkey.Parse(r.Start)
	end, endErr := hashkey.Parse(r.End)
	if err := errors.Join(startErr, endErr); err != nil {
		return shardlog.ShardInfo{}, corrupt("range of shard %d: %v", index, err)
	}
	if len(r.Parents) == 0 {
		r.Parents = nil
	}
	return shardlog.ShardInfo{
		Index: index, Keys: hashkey.Range{Start: start, End: end}, Created: unix(r.Created), Parents: r.Parents,
		Closed: fromOptionalUnix(r.Closed), Sealed: r.Sealed, Final: r.Final,
	}, nil
}
