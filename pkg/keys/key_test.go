package keys_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"pgregory.net/rapid"

	"millrace/pkg/keys"
)

var created = time.Date(2026, 3, 16, 9, 15, 21, 0, time.UTC)

func newKey(t testing.TB, actions, streams string) keys.Key {
	t.Helper()
	k, err := keys.New("checkout", strings.Fields(actions), strings.Fields(streams), created)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNew(t *testing.T) {
	a, b := newKey(t, "*", "*"), newKey(t, "*", "*")
	for _, k := range []keys.Key{a, b} {
		if !regexp.MustCompile(`^MR[A-Z2-7]{18}$`).MatchString(k.ID) || !regexp.MustCompile(`^[A-Z2-7]{40}$`).MatchString(k.Secret.Reveal()) {
			t.Errorf("%s has a secret of %d characters", k.ID, len(k.Secret.Reveal()))
		}
		if !k.Enabled || k.Name != "checkout" || !k.Created.Equal(created) {
			t.Errorf("%#v", k)
		}
	}
	if a.ID == b.ID || a.Secret.Reveal() == b.Secret.Reveal() {
		t.Error("two keys are alike")
	}
	if _, err := keys.New("", []string{"Putt*"}, []string{"*"}, created); err == nil || !strings.Contains(err.Error(), `"Putt*" matches no action of Kinesis`) {
		t.Errorf("an action that is none: %v", err)
	}
}

func TestAllows(t *testing.T) {
	for _, test := range []struct {
		actions, streams string
		action, stream   string
		want             bool
	}{
		{"*", "*", "PutRecords", "orders", true},
		{"*", "*", "ListStreams", "", true},
		{"PutRecords", "orders", "PutRecords", "orders", true},
		{"PutRecords", "orders", "PutRecord", "orders", false},
		{"PutRecords", "orders", "PutRecords", "orders-eu", false},
		{"PutRecords", "orders", "putrecords", "orders", false},
		{"PutRecords", "orders", "PutRecords", "Orders", false},
		{"Put*", "orders*", "PutRecords", "orders", true},
		{"Put*", "orders*", "PutRecord", "orders-eu", true},
		{"Put*", "orders*", "PutRecord", "my-orders", false},
		{"Put*", "orders*", "GetRecords", "orders", false},
		{"*Stream*", "*-eu", "DescribeStreamSummary", "orders-eu", true},
		{"*", "o*d*s", "PutRecords", "orders", true},
		{"*", "o*d*s", "PutRecords", "order", false},
		{"GetRecords Put*", "orders payments", "PutRecords", "payments", true},
		{"GetRecords Put*", "orders payments", "PutRecords", "invoices", false},
		// On no stream.
		{"ListStreams", "*", "ListStreams", "", true},
		{"ListStreams", "orders *", "ListStreams", "", true},
		{"*", "orders", "ListStreams", "", false},
		{"*", "o*", "DescribeLimits", "", false},
		{"*", "**", "ListStreams", "", false}, // not the pattern `*`
		{"Put*", "*", "ListStreams", "", false},
		// Names that come from a request are not patterns.
		{"Put*", "orders", "*", "orders", false},
		{"Put*", "orders", "PutRecords", "*", false},
		// Nor need they be names that a stream can have: what is wrong with them, who has the right is told.
		{"*", "*", "PutRecords", "a/b", true},
		{"*", "orders*", "PutRecords", "orders/..\n", true},
		{"*", "orders*", "PutRecords", "a/orders", false},
		{"*", "o*o", "PutRecords", "o", false}, // two of them
		{"*", "*", "", "orders", true},         // the handler asks of no such action
	} {
		k := newKey(t, test.actions, test.streams)
		if got := k.Allows(test.action, test.stream); got != test.want {
			t.Errorf("a key for %s on %s: %s on %q is %v", test.actions, test.streams, test.action, test.stream, got)
		}
		if test.want && !k.AllowsAction(test.action) {
			t.Errorf("a key for %s on %s: %s is not allowed at all", test.actions, test.streams, test.action)
		}
		k.Enabled = false
		if k.Allows(test.action, test.stream) || k.AllowsAction(test.action) {
			t.Errorf("a disabled key for %s on %s allows %s on %q", test.actions, test.streams, test.action, test.stream)
		}
	}
	if (keys.Key{Enabled: true}).Allows("", "") {
		t.Error("a key without rights allows something")
	}
}

// TestPatterns holds patterns to the regular expressions that they stand for.
func TestPatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{1,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab/]{1,10}`).Draw(t, "name")
		meant := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$")
		key := keys.Key{Actions: []string{"*"}, Streams: []string{pattern}, Enabled: true}
		if got, want := key.Allows("PutRecords", name), meant.MatchString(name); got != want {
			t.Fatalf("%q allows %q: %v", pattern, name, got)
		}
	})
}

func TestAllowsAction(t *testing.T) {
	k := newKey(t, "Put* GetRecords", "orders")
	for action, want := range map[string]bool{"PutRecord": true, "PutRecords": true, "GetRecords": true, "GetRecord": false, "ListStreams": false, "": false} {
		if got := k.AllowsAction(action); got != want {
			t.Errorf("%q is allowed: %v", action, got)
		}
	}
}

// TestSecretsStayHidden: whatever is done with a key but encode it, its secret does not show.
func TestSecretsStayHidden(t *testing.T) {
	k := newKey(t, "*", "*")
	type holder struct {
		Key     keys.Key
		inner   keys.Key
		secret  keys.Secret
		pointer *keys.Key
		list    []keys.Key
		byID    map[string]keys.Key
	}
	h := holder{k, k, k.Secret, &k, []keys.Key{k}, map[string]keys.Key{"k": k}}
	var out bytes.Buffer
	for _, value := range []any{k, &k, k.Secret, &k.Secret, h, &h, []any{k, k.Secret}, fmt.Errorf("wrapped: %v", k)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("line", "value", value, "group", slog.GroupValue(slog.Any("k", value)))
		}
	}
	for _, form := range []string{k.Secret.Reveal(), fmt.Sprintf("%x", k.Secret.Reveal())} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
			t.Errorf("the secret shows in %s", &out)
		}
	}
	if !strings.Contains(out.String(), k.ID) || !strings.Contains(out.String(), "(hidden)") {
		t.Errorf("the key does not show in %s", &out)
	}
}

const minimal = `{"id":"local","secret":"0123456789abcdef","actions":["*"],"streams":["*"],"enabled":true}`

func TestEncodeDecode(t *testing.T) {
	for name, k := range map[string]keys.Key{
		"new":      newKey(t, "Put* GetRecords", "orders* payments"),
		"disabled": func() keys.Key { k := newKey(t, "*", "*"); k.Enabled = false; return k }(),
	} {
		got, err := keys.Decode(keys.Encode(k))
		if err != nil || !reflect.DeepEqual(got, k) {
			t.Errorf("%s: %#v comes back as %#v, %v", name, k, got, err)
		}
	}
	k, err := keys.Decode([]byte(minimal))
	if err != nil || k.ID != "local" || k.Secret.Reveal() != "0123456789abcdef" || !k.Enabled || k.Name != "" || !k.Created.IsZero() {
		t.Errorf("%#v, %v", k, err)
	}
}

// TestDecodeRefuses changes one thing in a key that is well-formed.
func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{`"enabled":true`, `"enabled":true,"admin":true`, `unknown member "admin"`},
		{`"enabled":true`, `"Enabled":true`, `unknown member "Enabled"`},
		{`,"enabled":true`, ``, "enabled is missing"},
		{`"enabled":true`, `"enabled":null`, "enabled is missing"},
		{`"enabled":true`, `"enabled":"true"`, "/enabled has a value of the wrong kind"},
		{`"enabled":true`, `"enabled":true,"enabled":true`, "a member given twice"},
		{`"enabled":true`, `"enabled":true,"created":"yesterday"`, "/created has a value of the wrong kind"},
		{`"enabled":true`, `"enabled":true,"name":"a\u0007b"`, "cannot be printed"},
		{`"enabled":true`, `"enabled":true,"name":"` + strings.Repeat("n", 129) + `"`, "name is longer than 128 bytes"},
		{`"local"`, `""`, `id "" is not 1 to 128`},
		{`"local"`, `"a/b"`, `id "a/b" is not 1 to 128`},
		{`"id":"local",`, ``, `id "" is not 1 to 128`},
		{`"local"`, `"` + strings.Repeat("k", 129) + `"`, `is not 1 to 128`},
		{`"0123456789abcdef"`, `"0123456789abcde"`, "secret is not 16 to 128"},
		{`"0123456789abcdef"`, `"0123456789abcde "`, "secret is not 16 to 128"},
		{`"0123456789abcdef"`, `["0123456789abcdef"]`, "/secret has a value of the wrong kind"},
		{`"0123456789abcdef"`, `0123456789`, "/secret has a value of the wrong kind"},
		{`"0123456789abcdef"`, `1234567890123456`, "/secret has a value of the wrong kind"},
		{`"secret":"0123456789abcdef",`, ``, "secret is not 16 to 128"},
		{`"actions":["*"]`, `"actions":["PutRecrods"]`, `actions: "PutRecrods" matches no action of Kinesis`},
		{`"actions":["*"]`, `"actions":["*","Foo*"]`, `actions: "Foo*" matches no action of Kinesis`},
		{`"actions":["*"]`, `"actions":["kinesis:*"]`, `matches no action`},
		{`"actions":["*"]`, `"actions":["Put?ecords"]`, `matches no action`},
		{`"actions":["*"]`, `"actions":[""]`, `matches no action`},
		{`"actions":["*"]`, `"actions":[]`, "actions is empty"},
		{`"actions":["*"]`, `"actions":null`, "actions is empty"},
		{`"actions":["*"]`, `"actions":"*"`, "/actions has a value of the wrong kind"},
		{`"actions":["*"],`, ``, "actions is empty"},
		{`"streams":["*"],`, ``, "streams is empty"},
		{`"streams":["*"]`, `"streams":["orders_eu"]`, `streams: "orders_eu" is not a stream's name`},
		{`"streams":["*"]`, `"streams":["[a-z]*"]`, `is not a stream's name`},
		{`"streams":["*"]`, `"streams":["` + strings.Repeat(`a","`, 100) + `a"]`, `streams has 101 patterns`},
		{`}`, `}{}`, "not JSON at byte"},
		{`}`, ``, "not JSON"},
		{minimal, ``, "not JSON"},
		{minimal, `[]`, "not a JSON object"},
		{minimal, `null`, "id"},
		{minimal, `"0123456789abcdef"`, "not a JSON object"},
	} {
		text := strings.Replace(minimal, test.old, test.new, 1)
		k, err := keys.Decode([]byte(text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", text, err, test.want)
		} else if strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), "1234567890") {
			t.Errorf("%s: the error tells the secret: %v", text, err)
		}
		if k.Enabled || k.Allows("PutRecords", "orders") {
			t.Errorf("%s: a key that was refused is %#v", text, k)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(keys.Encode(newKey(f, "Put*", "orders*")))
	f.Add([]byte(`{"id":"a","secret":"}","actions":[],"enabled":null,"created":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := keys.Decode(text)
		if err != nil {
			if k.Enabled || k.Secret.Reveal() != "" || k.ID != "" {
				t.Errorf("refused by %v, but is %#v", err, k)
			}
			return
		}
		again, err := keys.Decode(keys.Encode(k))
		if err != nil || again.Secret.Reveal() != k.Secret.Reveal() || !again.Created.Equal(k.Created) || again.ID != k.ID || again.Name != k.Name ||
			again.Enabled != k.Enabled || !slices.Equal(again.Actions, k.Actions) || !slices.Equal(again.Streams, k.Streams) {
			t.Errorf("%#v comes back as %#v, %v", k, again, err)
		}
	})
}

// TestEveryActionIsKnown: a key may name each operation that the SDK has.
func TestEveryActionIsKnown(t *testing.T) {
	client := reflect.TypeFor[*kinesis.Client]()
	operations := 0
	for method := range client.Methods() {
		if method.Type.NumIn() != 4 || !strings.HasSuffix(method.Type.In(2).String(), "."+method.Name+"Input") {
			continue
		}
		operations++
		if _, err := keys.New("", []string{method.Name}, []string{"*"}, created); err != nil {
			t.Error(err)
		}
	}
	if operations < 45 {
		t.Errorf("the SDK has %d operations", operations)
	}
}
