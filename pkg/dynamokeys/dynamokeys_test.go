package dynamokeys_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/dynamokeys"
	"millrace/pkg/dynamostore/dynamolocal"
	"millrace/pkg/keys"
)

var local dynamolocal.Server

func TestMain(m *testing.M) {
	code := m.Run()
	local.Stop()
	os.Exit(code)
}

func newKey(t *testing.T) keys.Key {
	t.Helper()
	k, err := keys.New("checkout", []string{"Put*"}, []string{"orders*"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// spy counts the calls to DynamoDB, and makes the first of each kind fail after it was applied.
type spy struct {
	dynamokeys.API
	calls map[string]int
	late  bool // fail the first call of each kind, applied all the same
}

func (s *spy) call(name string) error {
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[name]++
	if s.late && s.calls[name] == 1 {
		return errLost
	}
	return nil
}

var errLost = errors.New("the answer was lost")

func (s *spy) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	s.call("Scan")
	return s.API.Scan(ctx, in, o...)
}

// PutItem fails as a call does whose answer was lost and that the SDK made again.
func (s *spy) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if s.call("PutItem") != nil {
		if _, err := s.API.PutItem(ctx, in, o...); err != nil {
			return nil, err
		}
	}
	return s.API.PutItem(ctx, in, o...)
}

func load(t *testing.T, table dynamokeys.Table, broken ...string) []keys.Key {
	t.Helper()
	all, unreadable, err := table.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, err := range unreadable {
		got = append(got, err.Error())
	}
	slices.Sort(got)
	if !slices.Equal(got, broken) {
		t.Errorf("unreadable: %q, want %q", got, broken)
	}
	slices.SortFunc(all, func(a, b keys.Key) int { return cmp.Compare(a.Name+a.ID, b.Name+b.ID) })
	return all
}

func TestTable(t *testing.T) {
	client, name := local.KeysTable(t)
	for kind, late := range map[string]bool{"sound": false, "answers lost": true} {
		t.Run(kind, func(t *testing.T) {
			table := dynamokeys.New(&spy{API: client, late: late}, name)
			changed := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				table = dynamokeys.New(&spy{API: client, late: late}, name)
			}
			a, b := newKey(t), newKey(t)
			a.Name, b.Name = "a", "b"
			changed(table.Add(t.Context(), a))
			changed(table.Add(t.Context(), b))
			if got := load(t, table); !reflect.DeepEqual(got, []keys.Key{a, b}) {
				t.Errorf("it holds %v", got)
			}
			other := newKey(t)
			other.ID = a.ID
			if err := table.Add(t.Context(), other); !errors.Is(err, keys.ErrExists) {
				t.Errorf("another key of one id: %v", err)
			}
			for _, enabled := range []bool{false, true} {
				changed(table.SetEnabled(t.Context(), b.ID, enabled))
				if b.Enabled = enabled; !reflect.DeepEqual(load(t, table), []keys.Key{a, b}) {
					t.Errorf("after enabled=%v it holds %v", enabled, load(t, table))
				}
			}
			changed(table.Delete(t.Context(), a.ID))
			if got := load(t, table); !reflect.DeepEqual(got, []keys.Key{b}) {
				t.Errorf("after a deletion it holds %v", got)
			}
			for name, err := range map[string]error{
				"delete": table.Delete(t.Context(), a.ID), "enable": table.SetEnabled(t.Context(), a.ID, true),
			} {
				if !errors.Is(err, keys.ErrNotFound) || !strings.Contains(err.Error(), a.ID) {
					t.Errorf("%s what is not there: %v", name, err)
				}
			}
			changed(table.Delete(t.Context(), b.ID))
		})
	}
}

// TestOneRequest: as many keys as a deployment will have come at one request, and many more in pages.
func TestOneRequest(t *testing.T) {
	client, name := local.KeysTable(t)
	put := func(first, end int, streams ...string) {
		var g errgroup.Group
		g.SetLimit(8)
		for i := first; i < end; i++ {
			k := newKey(t)
			k.ID, k.Streams = fmt.Sprintf("MR%d", i), streams
			g.Go(func() error { return dynamokeys.New(client, name).Add(t.Context(), k) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	put(0, 20, "orders*")
	s := &spy{API: client}
	if got := load(t, dynamokeys.New(s, name)); len(got) != 20 || s.calls["Scan"] != 1 {
		t.Errorf("%d keys, after %d requests", len(got), s.calls["Scan"])
	}
	// The largest there can be: 100 patterns of 128 characters.
	put(20, 120, slices.Repeat([]string{strings.Repeat("o", 128)}, 100)...)
	s.calls = nil
	if got := load(t, dynamokeys.New(s, name)); len(got) != 120 || s.calls["Scan"] != 2 {
		t.Errorf("%d keys, after %d requests", len(got), s.calls["Scan"])
	}
}

// TestUnreadable: what is no key opens nothing, is told of, hides no other key, and can be deleted.
func TestUnreadable(t *testing.T) {
	client, name := local.KeysTable(t)
	table := dynamokeys.New(client, name)
	sound := newKey(t)
	if err := table.Add(t.Context(), sound); err != nil {
		t.Fatal(err)
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for _, item := range []map[string]types.AttributeValue{
		{"id": text("MR1"), "accessKey": text(string(keys.Encode(sound)))},
		{"id": text("MR2"), "accessKey": text(`{"id":"MR2","enabled":true}`)},
		{"id": text("MR3")},
		{"id": text("MR4"), "accessKey": &types.AttributeValueMemberB{Value: keys.Encode(sound)}},
	} {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	got := load(t, table, "an item has not the strings id and accessKey", "an item has not the strings id and accessKey",
		`key "MR1": it calls itself `+sound.ID, `key "MR2": secret is not 16 to 128 printable ASCII characters without spaces`)
	if !reflect.DeepEqual(got, []keys.Key{sound}) {
		t.Errorf("it holds %v", got)
	}
	if err := table.SetEnabled(t.Context(), "MR1", true); err == nil || strings.Contains(err.Error(), sound.Secret.Reveal()) {
		t.Errorf("a key that cannot be read was enabled: %v", err)
	}
	for _, id := range []string{"MR1", "MR2", "MR3", "MR4"} {
		if err := table.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	load(t, table)
}

// racing changes a key's item between the reading and the writing of a change.
type racing struct {
	dynamokeys.API
	meanwhile func()
}

func (r racing) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out, err := r.API.GetItem(ctx, in, o...)
	r.meanwhile()
	return out, err
}

// TestChangedMeanwhile: a change does not bring back what another has taken away.
func TestChangedMeanwhile(t *testing.T) {
	client, name := local.KeysTable(t)
	table := dynamokeys.New(client, name)
	for how, meanwhile := range map[string]func(string) error{
		"deleted":  func(id string) error { return table.Delete(t.Context(), id) },
		"disabled": func(id string) error { return table.SetEnabled(t.Context(), id, false) },
	} {
		k := newKey(t)
		if err := table.Add(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		slow := dynamokeys.New(racing{client, func() {
			if err := meanwhile(k.ID); err != nil {
				t.Error(err)
			}
		}}, name)
		if err := slow.SetEnabled(t.Context(), k.ID, true); !errors.Is(err, dynamokeys.ErrChanged) {
			t.Errorf("%s meanwhile: %v", how, err)
		}
		for _, k := range load(t, table) {
			if k.Enabled {
				t.Errorf("%s meanwhile, %v is enabled", how, k)
			}
		}
	}
}

func TestNoTable(t *testing.T) {
	table := dynamokeys.New(local.Client(t), "absent")
	if _, _, err := table.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "read the keys in table absent") {
		t.Errorf("load: %v", err)
	}
	if err := table.Add(t.Context(), newKey(t)); err == nil || !strings.Contains(err.Error(), "to table absent") {
		t.Errorf("add: %v", err)
	}
}

// flaky answers the first request by a failure inside DynamoDB.
type flaky struct {
	dynamodb.HTTPClient
	failed bool
}

func (f *flaky) Do(r *http.Request) (*http.Response, error) {
	if f.failed {
		return f.HTTPClient.Do(r)
	}
	f.failed = true
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Body: io.NopCloser(strings.NewReader(`{"__type":"InternalServerError"}`)), Request: r,
	}, nil
}

// TestTriesAgain: the client tries once, for the streams' sake, the table again.
func TestTriesAgain(t *testing.T) {
	client, name := local.KeysTable(t)
	for op, do := range map[string]func(dynamokeys.Table) error{
		"load": func(table dynamokeys.Table) error { _, _, err := table.Load(t.Context()); return err },
		"add":  func(table dynamokeys.Table) error { return table.Add(t.Context(), newKey(t)) },
	} {
		f := &flaky{HTTPClient: client.Options().HTTPClient}
		once := dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.HTTPClient = f })
		if err := do(dynamokeys.New(once, name)); err != nil || !f.failed {
			t.Errorf("%s: %v", op, err)
		}
	}
}
