package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/pkg/shardlog"
)

func testListStreams(t *testing.T, s shardlog.Store) {
	expectList(t, s, "", 10, nil, false)
	want := map[string]shardlog.Stream{}
	var names []string
	for i, name := range []string{"orders", "b", "B", "a.b", "a-b", "a_b", "a", "a1", "Z", "aa", "0", "orders.eu"} {
		stream := NewStream(name, fmt.Sprintf("id%d", i), 1+i%2)
		stream.Created = stream.Created.Add(-time.Duration(i) * time.Hour)
		if i%3 == 0 {
			stream.Mode = shardlog.OnDemand
		}
		stream.Tags = map[string]string{"team": name}
		if err := s.CreateStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
		want[name] = stream
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	for _, limit := range []int{1, 2, 5, len(names) - 1, len(names), len(names) + 1} {
		for _, after := range append([]string{"", "A", "a0", "nothing", "zzz", "orders."}, names...) {
			rest := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n <= after })
			expectList(t, s, after, limit, rest[:min(limit, len(rest))], len(rest) > limit)
		}
	}
	got, _, err := s.ListStreams(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got {
		w := want[g.Name]
		if g.ID != w.ID || !g.Created.Equal(w.Created) || g.Mode != w.Mode {
			t.Errorf("%s is listed as %+v, want %+v", g.Name, g, w)
		}
	}
}

// testListChanging pages through streams while some are created and deleted.
func testListChanging(t *testing.T, s shardlog.Store) {
	for i, name := range []string{"b", "d", "f", "h"} {
		create(t, s, name, fmt.Sprintf("id%d", i), 1)
	}
	expectList(t, s, "", 2, []string{"b", "d"}, true)
	if err := s.DeleteStream(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "e", "g"} {
		create(t, s, name, fmt.Sprintf("new%d", i), 1)
	}
	if err := s.DeleteStream(t.Context(), "h"); err != nil {
		t.Fatal(err)
	}
	expectList(t, s, "d", 2, []string{"e", "f"}, true)
	expectList(t, s, "f", 2, []string{"g"}, false)
	create(t, s, "d", "again", 1)
	expectList(t, s, "", 9, []string{"a", "b", "d", "e", "f", "g"}, false)
	for _, name := range []string{"a", "b", "d", "e", "f", "g"} {
		if err := s.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	expectList(t, s, "", 9, nil, false)
}

func expectList(t *testing.T, s shardlog.Store, after string, limit int, want []string, wantMore bool) {
	t.Helper()
	got, more, err := s.ListStreams(t.Context(), after, limit)
	if err != nil {
		t.Fatalf("ListStreams: %v", err)
	}
	var names []string
	for _, stream := range got {
		names = append(names, stream.Name)
	}
	if !slices.Equal(names, want) || more != wantMore {
		t.Errorf("%d streams after %q: %q, more %v; want %q, %v", limit, after, names, more, want, wantMore)
	}
}

// testUpdateStream changes every setting, back and forth.
func testUpdateStream(t *testing.T, s shardlog.Store) {
	want := create(t, s, "orders", "a1", 2)
	others := create(t, s, "others", "b2", 1)
	long := map[string]string{strings.Repeat("k", 128): strings.Repeat("v", 256), "empty": "", "ключ": "значение"}
	for i, settings := range []shardlog.Settings{
		{Retention: 48 * time.Hour, Mode: shardlog.Provisioned},
		{Retention: 48 * time.Hour, Mode: shardlog.OnDemand, Tags: map[string]string{"team": "red"}},
		{Retention: 8760 * time.Hour, Mode: shardlog.OnDemand, Tags: long, RetainedSince: want.Created.Add(-90 * time.Minute)},
		{Retention: 24 * time.Hour, Mode: shardlog.Provisioned, RetainedSince: want.Created},
		want.Settings,
	} {
		loaded := load(t, s, "orders")
		loaded.Settings = settings
		if err := s.UpdateStream(t.Context(), loaded); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
		want.Settings = settings
		want.Revision++
		expectStream(t, s, want)
		listed, _, err := s.ListStreams(t.Context(), "", 10)
		if err != nil || len(listed) != 2 || listed[0].Mode != settings.Mode {
			t.Errorf("update %d: listed as %+v, %v; want mode %s", i, listed, err, settings.Mode)
		}
	}
	expectStream(t, s, others)
}

func testCreateWithSettings(t *testing.T, s shardlog.Store) {
	want := NewStream("orders", "a1", 2)
	want.Settings = shardlog.Settings{
		Retention: 72 * time.Hour, RetainedSince: want.Created.Add(-time.Hour), Mode: shardlog.OnDemand,
		Tags: map[string]string{"team": "red", "": "no key"},
	}
	delete(want.Tags, "")
	if err := s.CreateStream(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	expectStream(t, s, want)
	if a := allocateAt(t, s, want.Shard(1), want.Created); a.Retention != 72*time.Hour {
		t.Errorf("the shard's retention is %v", a.Retention)
	}
	got := load(t, s, "orders")
	got.Tags["team"] = "blue" // the reader's own
	expectStream(t, s, want)
}

// testUpdateStale: what was loaded before another's update, or of a stream that is gone, cannot be stored.
func testUpdateStale(t *testing.T, s shardlog.Store) {
	create(t, s, "orders", "a1", 1)
	stale := load(t, s, "orders")
	want := load(t, s, "orders")
	want.Tags = map[string]string{"by": "the first"}
	if err := s.UpdateStream(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	want.Revision++
	stale.Tags = map[string]string{"by": "the second"}
	expectChanged(t, "UpdateStream of a stale revision", s.UpdateStream(t.Context(), stale))
	expectStream(t, s, want)
	if err := s.DeleteStream(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	expectChanged(t, "UpdateStream of a deleted stream", s.UpdateStream(t.Context(), want))
	if _, err := s.LoadStream(t.Context(), "orders"); !errors.Is(err, shardlog.ErrStreamNotFound) {
		t.Errorf("LoadStream after it: %v, want ErrStreamNotFound", err)
	}
	again := create(t, s, "orders", "b2", 1)
	stale.Revision = 0
	expectChanged(t, "UpdateStream of a stream created again", s.UpdateStream(t.Context(), stale))
	expectStream(t, s, again)
}

func testUpdateRace(t *testing.T, s shardlog.Store) {
	const rounds, updaters = 5, 4
	create(t, s, "orders", "a1", 1)
	for round := range rounds {
		loaded := load(t, s, "orders")
		errs := make([]error, updaters)
		var wg sync.WaitGroup
		for i := range updaters {
			wg.Go(func() {
				mine := loaded
				mine.Tags = map[string]string{"by": fmt.Sprint(i)}
				errs[i] = s.UpdateStream(t.Context(), mine)
			})
		}
		wg.Wait()
		winner := oneWinner(t, errs)
		got := load(t, s, "orders")
		if got.Revision != loaded.Revision+1 || !reflect.DeepEqual(got.Tags, map[string]string{"by": fmt.Sprint(winner)}) {
			t.Errorf("round %d: revision %d and tags %v, after %d won on revision %d", round, got.Revision, got.Tags, winner, loaded.Revision)
		}
	}
}

// oneWinner returns the only one that succeeded. A loser may be told to try again; it must not be told that it won.
func oneWinner(t *testing.T, errs []error) int {
	t.Helper()
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatalf("nobody won: %v", errs)
	}
	for i, err := range errs {
		if i != winner && !errors.Is(err, shardlog.ErrStreamChanged) && !errors.Is(err, shardlog.ErrThrottled) {
			t.Errorf("%d won, and %d got %v", winner, i, err)
		}
	}
	return winner
}

func load(t *testing.T, s shardlog.Store, name string) shardlog.Stream {
	t.Helper()
	stream, err := s.LoadStream(t.Context(), name)
	if err != nil {
		t.Fatalf("LoadStream: %v", err)
	}
	return stream
}

func expectChanged(t *testing.T, call string, err error) {
	t.Helper()
	if !errors.Is(err, shardlog.ErrStreamChanged) {
		t.Errorf("%s: %v, want ErrStreamChanged", call, err)
	}
}
