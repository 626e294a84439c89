package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/cbor"

	"millrace/pkg/lacking/fetched"
)

// TestLikeKinesalite sends the same requests to this endpoint and to kinesalite, whose answers were once compared with those of
// AWS one by one, and compares what both say: status, code, message, the shape of the body, headers. Where they differ,
// testdata/kinesalite/differences.md must say so.
func TestLikeKinesalite(t *testing.T) {
	dir := fetched.Kinesalite(t)
	listed := readDifferences(t)
	theirURL, stop := startKinesalite(t, dir)
	file, id, secret := keysFile(t)
	key := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	start := func() *peer { return newPeer(startServer(t, "-memory", "-keys", file).url, key) }
	theirs, ours := newPeer(theirURL, key), start()
	compared := 0
	for _, p := range probes() {
		said := p.ask(t, theirs)
		if said.text == noAnswer {
			t.Fatalf("%s: kinesalite has ended\n%s", p.name, stop())
		}
		listed.compare(t, p.name, said, p.ask(t, ours))
		compared++
	}
	stop()
	for _, p := range fatalProbes() {
		url, stop := startKinesalite(t, dir)
		theirs, ours := newPeer(url, key), start()
		for _, before := range p.before {
			before.ask(t, theirs)
			before.ask(t, ours)
		}
		listed.compare(t, p.name, p.ask(t, theirs), p.ask(t, ours))
		stop()
		compared++
	}
	listed.wantUsed(t)
	t.Logf("%d requests, of which %d are answered otherwise, by %d rules", compared, listed.found, len(listed.rules))
}

// noAnswer stands for the answer of a peer that ends.
const noAnswer = "no answer, the process ends"

// peer is one of the two endpoints.
type peer struct {
	url  string
	key  aws.Credentials   // that requests are signed with
	kept map[string]string // what its answers said, for later requests
}

func newPeer(url string, key aws.Credentials) *peer {
	return &peer{url: url, key: key, kept: map[string]string{}}
}

// settle waits until every stream of the peer is ACTIVE: kinesalite's become so soon after its answer.
func (p *peer) settle(t *testing.T) {
	t.Helper()
	for {
		names := p.plain(t, "ListStreams", `{"Limit":100}`)
		var list struct{ StreamNames []string }
		if err := json.Unmarshal(names, &list); err != nil {
			t.Fatalf("ListStreams: %s", names)
		}
		settled := true
		for _, name := range list.StreamNames {
			summary := p.plain(t, "DescribeStreamSummary", fmt.Sprintf(`{"StreamName":%q}`, name))
			settled = settled && bytes.Contains(summary, []byte(`"StreamStatus":"ACTIVE"`))
		}
		if settled {
			return
		}
	}
}

func (p *peer) plain(t *testing.T, action, body string) []byte {
	t.Helper()
	w, err := http.DefaultTransport.RoundTrip(probe{action: action, raw: &body}.request(t.Context(), p))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	said, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

const (
	jsonType = "application/x-amz-json-1.1"
	cborType = "application/x-amz-cbor-1.1"
)

// probe is a request to be sent to both. Names in {braces} in its body stand for what an earlier answer of the same peer said.
type probe struct {
	name   string // by which differences.md speaks of it
	method string // default POST
	path   string // with the query; default /
	action string
	header map[string]string // set on top of what an SDK sends; "" takes one away
	body   any               // written as the content type says
	raw    *string           // the body, in place of one that is written
	open   bool              // without a signature
	keep   map[string]string // what of the answer is kept under which name: a path such as Records.0.ShardId
	before []probe           // what must have been done
}

// ask sends the probe and returns what the peer answers.
func (p probe) ask(t *testing.T, to *peer) answer {
	t.Helper()
	w, err := http.DefaultTransport.RoundTrip(p.request(t.Context(), to)) // a redirection would be an answer
	var said answer
	if err == nil {
		defer w.Body.Close()
		said, err = newAnswer(w)
	}
	if err != nil {
		if t.Context().Err() != nil || errors.Is(err, errAnswer) {
			t.Fatalf("%s: %v", p.name, err)
		}
		return answer{text: noAnswer}
	}
	switch p.action {
	case "CreateStream", "DeleteStream", "SplitShard", "MergeShards":
		to.settle(t)
	}
	for name, path := range p.keep {
		to.kept[name] = lookUp(said.body, path)
		if to.kept[name] == "" {
			t.Fatalf("%s: no %s in the answer %s", p.name, path, said.text)
		}
	}
	return said
}

func (p probe) request(ctx context.Context, to *peer) *http.Request {
	header := map[string]string{"Content-Type": jsonType, "X-Amz-Target": "Kinesis_20131202." + p.action}
	maps.Copy(header, p.header)
	var body []byte
	switch {
	case p.raw != nil:
		body = []byte(*p.raw)
	case header["Content-Type"] == cborType:
		body = cbor.Encode(cborOf(to.filled(p.body)))
	default:
		body, _ = json.Marshal(to.filled(p.body)) // of nothing that JSON does not have
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(p.method, http.MethodPost), to.url+cmp.Or(p.path, "/"), bytes.NewReader(body))
	if err != nil {
		panic(err) // the probe is written wrong
	}
	for name, value := range header {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if !p.open {
		sum := sha256.Sum256(body)
		if err := v4.NewSigner().SignHTTP(ctx, to.key, r, hex.EncodeToString(sum[:]), "kinesis", "us-east-1", time.Now()); err != nil {
			panic(err)
		}
	}
	return r
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

// filled returns a value with what was kept in the place of names in braces.
func (p *peer) filled(v any) any {
	switch v := v.(type) {
	case string:
		return inBraces.ReplaceAllStringFunc(v, func(name string) string {
			if kept, ok := p.kept[strings.Trim(name, "{}")]; ok {
				return kept
			}
			return name
		})
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = p.filled(v[i])
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, value := range v {
			all[name] = p.filled(value)
		}
		return all
	}
	return v
}

// cborOf turns a value as encoding/json knows them, and bytes, into one of CBOR.
func cborOf(v any) cbor.Value {
	switch v := v.(type) {
	case nil:
		return &cbor.Nil{}
	case bool:
		return cbor.Bool(v)
	case int:
		if v < 0 {
			return cbor.NegInt(uint64(-v))
		}
		return cbor.Uint(uint64(v))
	case float64:
		return cbor.Float64(v)
	case string:
		return cbor.String(v)
	case []byte:
		return cbor.Slice(v)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Uint(uint64(v.UnixMilli()))}
	case []any:
		list := make(cbor.List, len(v))
		for i := range v {
			list[i] = cborOf(v[i])
		}
		return list
	case map[string]any:
		m := cbor.Map{}
		for name, value := range v {
			m[name] = cborOf(value)
		}
		return m
	}
	panic(fmt.Sprintf("%T is not for CBOR", v))
}

// answer is what a peer said, in a form in which two can be compared: what must differ, such as ids, is replaced by its kind.
type answer struct {
	text    string // the status; then the code and message of an error, or the body with the members of its maps sorted
	headers string // sorted, without those of the connection
	body    any
}

var errAnswer = errors.New("an answer that cannot be read")

func newAnswer(w *http.Response) (answer, error) {
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{headers: headersOf(w.Header), text: fmt.Sprint(w.StatusCode)}
	switch contentType := w.Header.Get("Content-Type"); {
	case len(raw) == 0:
		return a, nil
	case contentType == cborType:
		v, err := cbor.Decode(raw)
		if err != nil {
			return a, fmt.Errorf("%w: %x: %w", errAnswer, raw, err)
		}
		a.body = fromCBOR(v)
	case strings.Contains(contentType, "json"):
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if err := decoder.Decode(&a.body); err != nil {
			return a, fmt.Errorf("%w: %s: %w", errAnswer, raw, err)
		}
	default:
		a.text += " " + strings.Join(strings.Fields(string(raw)), " ")
		return a, nil
	}
	a.text += " " + bodyText(a.body)
	return a, nil
}

// bodyText writes an error as its code and message, and anything else as JSON.
func bodyText(body any) string {
	members, _ := body.(map[string]any)
	code, isError := members["__type"].(string)
	if isError && len(members) == 1 {
		return code
	}
	for _, name := range []string{"message", "Message"} {
		if message, ok := members[name].(string); ok && isError && len(members) == 2 {
			return code + ", " + name + ": " + varying(sortedViolations(message))
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // it was decoded
	}
	return varying(strings.TrimSpace(text.String()))
}

// sortedViolations sorts the broken limits that a message lists: kinesalite has an order of its own.
func sortedViolations(message string) string {
	count, list, ok := strings.Cut(message, " detected: ")
	if !ok {
		return message
	}
	violations := strings.Split(list, "; ")
	place := func(violation string) string {
		if i := strings.Index(violation, " at '"); i >= 0 {
			return violation[i:]
		}
		return violation
	}
	slices.SortFunc(violations, func(a, b string) int { return strings.Compare(place(a), place(b)) })
	return count + " detected: " + strings.Join(violations, "; ")
}

// variable are what differs from one endpoint, or one moment, to another, and its kind.
var variable = []struct {
	text *regexp.Regexp
	kind string
}{
	{regexp.MustCompile(`\b\d{56}\b`), `<sequence number>`},
	{regexp.MustCompile(`("(?:Next)?ShardIterator":")[A-Za-z0-9+/]+=*"`), `$1<iterator>"`},
	{regexp.MustCompile(`("NextToken":")[A-Za-z0-9+/]+=*"`), `$1<token>"`},
	{regexp.MustCompile(`("(?:StreamCreationTimestamp|ApproximateArrivalTimestamp)":)1[0-9]{9}(\.[0-9]{1,3})?\b`), `$1<seconds>`},
	{regexp.MustCompile(`\b1[0-9]{12}\b`), `<milliseconds>`},
}

// varying replaces what is variable.
func varying(text string) string {
	for _, v := range variable {
		text = v.text.ReplaceAllString(text, v.kind)
	}
	return text
}

var (
	uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	idText   = regexp.MustCompile(`^[A-Za-z0-9+/]{80,108}=*$`)
)

func headersOf(header http.Header) string {
	var all []string
	for name, values := range header {
		switch name {
		case "Connection", "Keep-Alive", "Date", "Content-Length", "Transfer-Encoding": // the HTTP server's own
			continue
		}
		value := strings.Join(values, ", ")
		switch {
		case uuidText.MatchString(value):
			value = "<UUID>"
		case idText.MatchString(value):
			value = "<base64>"
		}
		all = append(all, name+": "+value)
	}
	slices.Sort(all)
	return strings.Join(all, " | ")
}

// fromCBOR returns a value as encoding/json would have read it. What JSON does not have is a text that says so.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for name, value := range v {
			m[name] = fromCBOR(value)
		}
		return m
	case cbor.List:
		list := make([]any, len(v))
		for i := range v {
			list[i] = fromCBOR(v[i])
		}
		return list
	case cbor.String:
		return string(v)
	case cbor.Slice:
		return fmt.Sprintf("bytes %x", []byte(v))
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return json.Number(fmt.Sprint(uint64(v)))
	case cbor.NegInt:
		return json.Number(fmt.Sprint("-", uint64(v)))
	case cbor.Float64:
		return json.Number(strconv.FormatFloat(float64(v), 'f', -1, 64))
	case *cbor.Nil:
		return nil
	case *cbor.Tag:
		return map[string]any{fmt.Sprint("tag ", v.ID): fromCBOR(v.Value)}
	}
	return fmt.Sprintf("%T", v)
}

// lookUp follows a path such as Records.0.ShardId, and returns "" where there is no text.
func lookUp(body any, path string) string {
	for _, step := range strings.Split(path, ".") {
		switch at := body.(type) {
		case map[string]any:
			body = at[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(at) {
				return ""
			}
			body = at[i]
		default:
			return ""
		}
	}
	text, _ := body.(string)
	return text
}
