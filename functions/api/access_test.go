package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"millrace/functions/api/runtimetest"
	"millrace/pkg/dynamokeys"
	"millrace/pkg/keys"
)

// gateway is the name under which clients know the endpoint.
const gateway = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"

// signed returns the event of a request that a Kinesis client signs, as an HTTP API without authorizer sends it.
func signed(t *testing.T, id, secret, action string, body any) []byte {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+gateway+"/", strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	hash := sha256.Sum256(raw)
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, r, hex.EncodeToString(hash[:]),
		"kinesis", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	headers := object{"host": gateway, "content-length": fmt.Sprint(len(raw)), "x-forwarded-proto": "https", "x-amzn-trace-id": "Root=1-69b7ca29-4f1d2c7b9a3e5d6c8f0e4c32"}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e, err := json.Marshal(object{
		"version": "2.0", "routeKey": "POST /", "rawPath": "/", "rawQueryString": "", "headers": headers,
		"body": base64.StdEncoding.EncodeToString(raw), "isBase64Encoded": true,
		"requestContext": object{"domainName": gateway, "http": object{"method": "POST", "path": "/"}, "requestId": "SqUAW7YRbMcifdg="},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// closedFunction is the function with keys of its own.
type closedFunction struct {
	*runtimetest.Runtime
	keys    dynamokeys.Table
	answers strings.Builder
}

// startClosed starts the function with an empty table of keys. DynamoDB is asked through the given URL.
func startClosed(t *testing.T, dynamoDB string) *closedFunction {
	t.Helper()
	_, table := shared.dynamo.Table(t)
	client, keysTable := shared.dynamo.KeysTable(t)
	return &closedFunction{keys: dynamokeys.New(client, keysTable), Runtime: runtimetest.Start(t, shared.binary, []string{
		"TABLE_NAME=" + table, "AUTH_MODE=SIGV4", "KEYS_TABLE=" + keysTable, "ACCOUNT_ID=111122223333", "AWS_ENDPOINT_URL_DYNAMODB=" + dynamoDB,
	})}
}

// add makes a key.
func (f *closedFunction) add(t *testing.T, actions, streams string, change func(*keys.Key)) keys.Key {
	t.Helper()
	k, err := keys.New("checkout", strings.Fields(actions), strings.Fields(streams), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&k)
	}
	if err := f.keys.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return k
}

// answer sends an event and returns the status, the code of the error and the body.
func (f *closedFunction) answer(t *testing.T, event []byte) string {
	t.Helper()
	a := invoke(t, f.Runtime, event)
	fmt.Fprintln(&f.answers, a)
	var wire struct {
		Type string `json:"__type"`
	}
	if a.Body != "" {
		if err := json.Unmarshal([]byte(a.Body), &wire); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
	}
	return strings.TrimSpace(fmt.Sprint(a.StatusCode, " ", wire.Type))
}

// TestNoKeys: a stack without keys answers every request with 403, signed or not, and whoever API Gateway may name.
func TestNoKeys(t *testing.T) {
	f := startClosed(t, shared.dynamo.Endpoint(t))
	for _, action := range []string{"PutRecords", "PutRecord", "GetRecords", "CreateStream", "DeleteStream", "ListStreams", "DescribeLimits"} {
		body := object{"StreamName": "orders", "ShardCount": 1}
		if got := f.answer(t, event(action, body)); got != "403 MissingAuthenticationTokenException" {
			t.Errorf("%s, unsigned: %s", action, got)
		}
		if got := f.answer(t, signed(t, "AKIDEXAMPLE", "secret", action, body)); got != "403 UnrecognizedClientException" {
			t.Errorf("%s, signed: %s", action, got)
		}
	}
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	for _, file := range files {
		e, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.answer(t, e); got != "403 MissingAuthenticationTokenException" {
			t.Errorf("%s: %s", file, got)
		}
	}
}

// TestKeys lets in by the keys in the table, and no further than they allow. Secrets show nowhere.
func TestKeys(t *testing.T) {
	f := startClosed(t, shared.dynamo.Endpoint(t))
	admin := f.add(t, "*", "*", nil)
	producer := f.add(t, "Put*", "orders*", nil)
	disabled := f.add(t, "*", "*", func(k *keys.Key) { k.Enabled = false })
	create, put := object{"StreamName": "orders", "ShardCount": 1}, put(10)
	for _, test := range []struct {
		who    string
		id     string
		secret string
		action string
		body   object
		want   string
	}{
		{"admin", admin.ID, admin.Secret.Reveal(), "CreateStream", create, "200"},
		{"admin", admin.ID, admin.Secret.Reveal(), "ListStreams", object{}, "200"},
		{"producer", producer.ID, producer.Secret.Reveal(), "PutRecords", put, "200"},
		{"producer, another action", producer.ID, producer.Secret.Reveal(), "DeleteStream", object{"StreamName": "orders"}, "400 AccessDeniedException"},
		{"producer, no stream", producer.ID, producer.Secret.Reveal(), "ListStreams", object{}, "400 AccessDeniedException"},
		{"producer, another stream", producer.ID, producer.Secret.Reveal(), "PutRecord",
			object{"StreamName": "payments", "PartitionKey": "k", "Data": []byte("x")}, "400 AccessDeniedException"},
		{"disabled", disabled.ID, disabled.Secret.Reveal(), "PutRecords", put, "403 UnrecognizedClientException"},
		{"wrong secret", producer.ID, admin.Secret.Reveal(), "PutRecords", put, "403 InvalidSignatureException"},
		{"unknown", "MRAAAAAAAAAAAAAAAAAA", admin.Secret.Reveal(), "PutRecords", put, "403 UnrecognizedClientException"},
	} {
		if got := f.answer(t, signed(t, test.id, test.secret, test.action, test.body)); got != test.want {
			t.Errorf("%s: %s is answered by %s, want %s", test.who, test.action, got, test.want)
		}
	}
	// Once the last line is there, all are.
	f.answer(t, signed(t, producer.ID, producer.Secret.Reveal(), "DescribeLimits", object{}))
	if err := f.WaitLog(t.Context(), `"action":"DescribeLimits"`); err != nil {
		t.Error(err)
	}
	for _, k := range []keys.Key{admin, producer, disabled} {
		if secret := k.Secret.Reveal(); strings.Contains(f.Logs(), secret) || strings.Contains(f.answers.String(), secret) {
			t.Errorf("the secret of %v shows in the log or an answer", k)
		}
	}
	if !strings.Contains(f.Logs(), producer.ID) {
		t.Errorf("the log does not tell who asked: %s", f.Logs())
	}
}

// TestKeysAreReadWhenNeeded: no request for keys before somebody shows one, one then, and none after.
func TestKeysAreReadWhenNeeded(t *testing.T) {
	var counting operations
	f := startClosed(t, passOn(t, shared.dynamo.Endpoint(t), func(_ context.Context, operation string) { counting.add(operation) }))
	k := f.add(t, "*", "*", nil)
	for range 3 {
		f.answer(t, event("ListStreams", object{}))
	}
	if got := counting.take(); len(got) != 0 {
		t.Errorf("requests without signature asked DynamoDB for %v", got)
	}
	for _, want := range [][]string{{"Query", "Scan"}, {"Query"}, {"Query"}} {
		if got := f.answer(t, signed(t, k.ID, k.Secret.Reveal(), "ListStreams", object{})); got != "200" {
			t.Fatal(got)
		}
		if got := counting.take(); !slices.Equal(got, want) {
			t.Errorf("ListStreams asked DynamoDB for %v, want %v", got, want)
		}
	}
}

// TestKeysTableMissing: nobody is let in where the keys cannot be read, and why is logged but not told.
func TestKeysTableMissing(t *testing.T) {
	function := runtimetest.Start(t, shared.binary, []string{
		"TABLE_NAME=absent", "AUTH_MODE=SIGV4", "KEYS_TABLE=keys-that-are-absent", "AWS_ENDPOINT_URL_DYNAMODB=" + shared.dynamo.Endpoint(t),
	})
	a := invoke(t, function, signed(t, "AKIDEXAMPLE", "secret", "ListStreams", object{}))
	if a.StatusCode != 500 || a.Body != `{"__type":"InternalFailure","message":"Internal service failure."}` {
		t.Errorf("answer %d %s", a.StatusCode, a.Body)
	}
	for _, told := range []string{"keys-that-are-absent", "non-existent table", a.Headers["X-Amzn-Requestid"]} {
		if err := function.WaitLog(t.Context(), told); err != nil {
			t.Error(err)
		}
	}
}

// TestIAM: with API Gateway's authorizer the function lets in whom that names, and nobody else, however signed.
func TestIAM(t *testing.T) {
	function := start(t)
	bare := func(requestContext object) []byte {
		e, err := json.Marshal(object{
			"httpMethod": "POST", "path": "/", "body": "{}", "requestContext": requestContext,
			"headers": object{"X-Amz-Target": "Kinesis_20131202.ListStreams", "Content-Type": "application/x-amz-json-1.1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for name, e := range map[string][]byte{
		"no identity":    bare(object{}),
		"empty identity": bare(object{"identity": object{"accessKey": nil, "userArn": nil, "sourceIp": "203.0.113.24"}}),
		"key alone":      bare(object{"identity": object{"accessKey": "AKIDEXAMPLE"}}),
		"signed":         signed(t, "AKIDEXAMPLE", "secret", "ListStreams", object{}),
	} {
		if a := invoke(t, function, e); a.StatusCode != 403 || a.Body != `{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}` {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Body)
		}
	}
	if a := invoke(t, function, event("ListStreams", object{})); a.StatusCode != 200 {
		t.Errorf("whom API Gateway let in gets %d %s", a.StatusCode, a.Body)
	}
	if err := function.WaitLog(t.Context(), "ASIAIOSFODNN7EXAMPLE"); err != nil {
		t.Error(err)
	}
}

// TestAuthModeMustBeChosen: there is no way to leave the door open.
func TestAuthModeMustBeChosen(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want string
	}{
		{nil, "AUTH_MODE is"},
		{[]string{"AUTH_MODE="}, "AUTH_MODE is"},
		{[]string{"AUTH_MODE=NONE"}, `AUTH_MODE is \"NONE\"`},
		{[]string{"AUTH_MODE=sigv4", "KEYS_TABLE=keys"}, `it must be SIGV4, where this function`},
		{[]string{"AUTH_MODE=SIGV4,IAM", "KEYS_TABLE=keys"}, `or IAM, where API Gateway does`},
		{[]string{"AUTH_MODE=SIGV4"}, "KEYS_TABLE is not set"},
		{[]string{"AUTH_MODE=SIGV4", "KEYS_TABLE="}, "KEYS_TABLE is not set"},
	} {
		cmd := exec.CommandContext(t.Context(), shared.binary)
		cmd.Env = append([]string{"AWS_REGION=us-east-1", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "TABLE_NAME=table"}, test.env...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) || !strings.Contains(string(out), "start failed") {
			t.Errorf("%q: %v %s", test.env, err, out)
		}
	}
}
