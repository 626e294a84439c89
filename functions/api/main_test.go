package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"millrace/functions/api/runtimetest"
	"millrace/pkg/dynamostore/dynamolocal"
)

// fixture is what the tests share: the built binary and DynamoDB Local.
type fixture struct {
	dynamo dynamolocal.Server
	binary string
}

var shared fixture

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-api-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer shared.dynamo.Stop()
	shared.binary = filepath.Join(dir, "bootstrap")
	if err := runtimetest.Build(shared.binary, "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// start starts the function over an empty table, behind API Gateway's IAM authorizer.
func start(t *testing.T) *runtimetest.Runtime {
	t.Helper()
	_, table := shared.dynamo.Table(t)
	return runtimetest.Start(t, shared.binary, []string{
		"TABLE_NAME=" + table, "AUTH_MODE=IAM", "ACCOUNT_ID=111122223333", "AWS_ENDPOINT_URL_DYNAMODB=" + shared.dynamo.Endpoint(t),
	})
}

// answer is what API Gateway would send to the client.
type answer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

func invoke(t *testing.T, function *runtimetest.Runtime, event []byte) answer {
	t.Helper()
	out, err := function.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("answer %s: %v", out, err)
	}
	return a
}

// TestEvents sends every sample event to the function, as Lambda would.
func TestEvents(t *testing.T) {
	wants := map[string]string{
		"01-create-stream.json":         `^200 $`,
		"02-put-orders-v2.json":         `^200 {"EncryptionType":"NONE","FailedRecordCount":0,"Records":\[({"SequenceNumber":"\d{56}","ShardId":"shardId-\d{12}"},?){5}\]}$`,
		"03-put-orders-v1.json":         `^200 {"EncryptionType":"NONE","FailedRecordCount":0,"Records":\[({"SequenceNumber":"\d{56}","ShardId":"shardId-\d{12}"},?){2}\]}$`,
		"04-put-orders-base64.json":     `^200 {"EncryptionType":"NONE","FailedRecordCount":0,"Records":\[({"SequenceNumber":"\d{56}","ShardId":"shardId-\d{12}"},?){3}\]}$`,
		"05-put-explicit-hash-key.json": `^200 .*"shardId-000000000000"}.*"shardId-000000000002"}.*"shardId-000000000003"}\]}$`,
		"06-put-breaks-limits.json":     `^400 {"__type":"InvalidArgumentException","message":"\d+ validation errors detected: Value at '`,
		"07-put-missing-stream.json":    `^400 {"__type":"ResourceNotFoundException","message":"Stream [a-z-]+ under account 111122223333 not found."}$`,
	}
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	function := start(t)
	for _, file := range files {
		event, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := invoke(t, function, event)
		got := fmt.Sprint(a.StatusCode, " ", a.Body)
		want, known := wants[filepath.Base(file)]
		if !known {
			t.Errorf("%s: no answer is expected of it, it got %s", file, got)
		} else if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is answered by %s", file, got)
		}
		if a.Headers["X-Amzn-Requestid"] == "" || a.Headers["Content-Type"] != "application/x-amz-json-1.1" {
			t.Errorf("%s: headers %v", file, a.Headers)
		}
	}
	if err := function.WaitLog(t.Context(), `"action":"PutRecords"`); err != nil {
		t.Error(err)
	}
	if err := function.WaitLog(t.Context(), `"gateway_request_id":"SqUAW7YRbMcifdg="`); err != nil { // of put-orders-v2
		t.Error(err)
	}
	if log := function.Logs(); strings.Contains(log, "cust-58213") {
		t.Errorf("the log tells a partition key: %s", log)
	}
}

// event returns an event as a REST API with the IAM authorizer sends it, the body as text.
func event(action string, body any) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	e, err := json.Marshal(object{
		"httpMethod": "POST", "path": "/", "body": string(raw), "isBase64Encoded": false,
		"headers":        object{"X-Amz-Target": "Kinesis_20131202." + action, "Content-Type": "application/x-amz-json-1.1"},
		"requestContext": object{"identity": object{"accessKey": "ASIAIOSFODNN7EXAMPLE", "userArn": "arn:aws:iam::111122223333:user/checkout"}},
	})
	if err != nil {
		panic(err)
	}
	return e
}

type object = map[string]any

// put returns a PutRecords of records of those sizes, which nothing makes smaller.
func put(sizes ...int) object {
	noise := rand.NewChaCha8([32]byte{})
	var records []object
	for _, size := range sizes {
		data := make([]byte, size)
		noise.Read(data) // never fails
		records = append(records, object{"PartitionKey": "k", "Data": data})
	}
	return object{"StreamName": "orders", "Records": records}
}

// onDemand makes a stream whose shards are not held to Kinesis's limits.
var onDemand = object{"StreamName": "orders", "StreamModeDetails": object{"StreamMode": "ON_DEMAND"}}

// TestProvisionedStreamsAreLimited puts more in one request than a shard takes in any second.
func TestProvisionedStreamsAreLimited(t *testing.T) {
	function := start(t)
	if a := invoke(t, function, event("CreateStream", object{"StreamName": "orders", "ShardCount": 1})); a.StatusCode != 200 {
		t.Fatalf("CreateStream: %+v", a)
	}
	a := invoke(t, function, event("PutRecords", put(600_000, 600_000)))
	if a.StatusCode != 200 || !strings.Contains(a.Body, `"FailedRecordCount":1`) || !strings.Contains(a.Body, "Rate exceeded for shard shardId-000000000000") {
		t.Errorf("%d %.300s", a.StatusCode, a.Body)
	}
}

// TestLargeRequests puts a record of 1 MB, and about as much as an invocation takes: 4.4 MB of data.
func TestLargeRequests(t *testing.T) {
	function := start(t)
	if a := invoke(t, function, event("CreateStream", onDemand)); a.StatusCode != 200 {
		t.Fatalf("CreateStream: %+v", a)
	}
	for _, sizes := range [][]int{{1 << 20}, {1 << 20, 1 << 20, 1 << 20, 1 << 20, 400_000}} {
		a := invoke(t, function, event("PutRecords", put(sizes...)))
		if a.StatusCode != 200 || !strings.Contains(a.Body, `"FailedRecordCount":0`) {
			t.Errorf("%v: %d %.300s", sizes, a.StatusCode, a.Body)
		}
	}
}

// TestLargestRequest passes the handler the full 5 MB, which only the platform's limit on events keeps from it.
func TestLargestRequest(t *testing.T) {
	_, table := shared.dynamo.Table(t)
	for name, value := range map[string]string{
		"TABLE_NAME": table, "AUTH_MODE": "IAM", "AWS_ENDPOINT_URL_DYNAMODB": shared.dynamo.Endpoint(t), "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
	} {
		t.Setenv(name, value)
	}
	handler, err := newHandler(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range [][]byte{
		event("CreateStream", onDemand),
		event("PutRecords", put(1<<20, 1<<20, 1<<20, 1<<20, 1<<20-5)),
	} {
		out, err := handler.Invoke(t.Context(), e)
		if err != nil || !strings.HasPrefix(string(out), `{"statusCode":200,`) || strings.Contains(string(out), "ErrorCode") {
			t.Errorf("answer %.300s, %v", out, err)
		}
	}
}

func TestStartNeedsTable(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), shared.binary)
	cmd.Env = []string{"AWS_REGION=us-east-1", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "TABLE_NAME is not set") {
		t.Errorf("without TABLE_NAME: %v %s", err, out)
	}
}

// TestTableMissing: what is wrong with the deployment is logged, and not told to the client.
func TestTableMissing(t *testing.T) {
	function := runtimetest.Start(t, shared.binary, []string{"TABLE_NAME=absent", "AUTH_MODE=IAM", "AWS_ENDPOINT_URL_DYNAMODB=" + shared.dynamo.Endpoint(t)})
	a := invoke(t, function, event("PutRecord", object{"StreamName": "orders", "PartitionKey": "k", "Data": []byte("x")}))
	if a.StatusCode != 500 || a.Body != `{"__type":"InternalFailure","message":"Internal service failure."}` {
		t.Errorf("answer %d %s", a.StatusCode, a.Body)
	}
	for _, told := range []string{"non-existent table", a.Headers["X-Amzn-Requestid"]} {
		if err := function.WaitLog(t.Context(), told); err != nil {
			t.Error(err)
		}
	}
}

func TestNotAnEvent(t *testing.T) {
	function := start(t)
	if out, err := function.Invoke(t.Context(), []byte(`{"hello":"world"}`)); err == nil || !strings.Contains(err.Error(), "not an API Gateway proxy event") {
		t.Errorf("answered with %s, %v", out, err)
	}
}
