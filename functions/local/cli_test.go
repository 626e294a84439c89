package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"millrace/pkg/lacking/fetched"
)

// cliVersion is the AWS CLI that the tests fetch: version 1, which PyPI carries.
const cliVersion = "1.45.11"

// fetchCLI returns the path of the AWS CLI.
func fetchCLI(t *testing.T) string {
	t.Helper()
	return filepath.Join(fetched.Python(t, "awscli=="+cliVersion), "aws")
}

// cli runs aws kinesis commands against an endpoint.
type cli struct {
	path, url string
}

func (c cli) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--endpoint-url", c.url, "--output", "json", "kinesis"}, args...)...)
	cmd.Env = append(clientEnvironment(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return strings.TrimSpace(string(out)), fmt.Errorf("exit code %d", failed.ExitCode())
	}
	return strings.TrimSpace(string(out)), err
}

// TestCLI runs every operation as `aws kinesis` does. Words in {braces} stand for what an earlier answer said.
func TestCLI(t *testing.T) {
	t.Parallel()
	c := cli{path: fetchCLI(t), url: startServer(t, "-data", t.TempDir()).url}
	said := map[string]string{}
	for _, step := range []struct {
		command string
		want    string // of the answer, or of the error
		keep    string // member of the answer to keep in said
	}{
		{"create-stream --stream-name orders --shard-count 4 --tags team=checkout", `^$`, ""},
		{"wait stream-exists --stream-name orders", `^$`, ""},
		{"list-streams", `"orders"`, ""},
		{"describe-stream-summary --stream-name orders", `"OpenShardCount": 4`, ""},
		{"describe-stream --stream-name orders", `(?s)"StreamStatus": "ACTIVE".*"shardId-000000000003"|"shardId-000000000003"`, ""},
		{"describe-limits", `"OpenShardCount": 4`, ""},
		{"put-records --stream-name orders --records Data=b3JkZXIgMQ==,PartitionKey=customer-17 Data=b3JkZXIgMg==,PartitionKey=customer-42", `"FailedRecordCount": 0`, ""},
		{"put-record --stream-name orders --partition-key customer-17 --data b3JkZXIgMw==", `"ShardId": "shardId-000000000000"`, "SequenceNumber"},
		{"list-shards --stream-name orders", `(?s)"shardId-000000000000".*"shardId-000000000003"`, ""},
		{"list-shards --stream-name orders --shard-filter Type=AT_LATEST --max-items 2", `"NextToken"`, ""},
		{"get-shard-iterator --stream-name orders --shard-id shardId-000000000000 --shard-iterator-type TRIM_HORIZON", ``, "ShardIterator"},
		{"get-records --shard-iterator {ShardIterator}", `(?s)"customer-17".*"MillisBehindLatest": 0`, ""},
		{"get-shard-iterator --stream-name orders --shard-id shardId-000000000000 --shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number {SequenceNumber}", ``, "ShardIterator"},
		{"get-records --shard-iterator {ShardIterator} --limit 1", `"SequenceNumber": "{SequenceNumber}"`, ""},
		{"get-shard-iterator --stream-name orders --shard-id shardId-000000000000 --shard-iterator-type AFTER_SEQUENCE_NUMBER --starting-sequence-number {SequenceNumber}", ``, "ShardIterator"},
		{"get-records --shard-iterator {ShardIterator}", `"Records": \[\]`, ""},
		{"get-shard-iterator --stream-name orders --shard-id shardId-000000000000 --shard-iterator-type AT_TIMESTAMP --timestamp 2026-01-01T00:00:00Z", ``, "ShardIterator"},
		{"get-records --shard-iterator {ShardIterator}", `"customer-17"`, ""},
		{"get-shard-iterator --stream-name orders --shard-id shardId-000000000000 --shard-iterator-type LATEST", ``, "ShardIterator"},
		{"get-records --shard-iterator {ShardIterator}", `"Records": \[\]`, ""},
		{"get-records --shard-iterator nonsense", `ResourceNotFound|InvalidArgumentException.*Invalid ShardIterator`, ""},
		{"add-tags-to-stream --stream-name orders --tags env=test,owner=us", `^$`, ""},
		{"list-tags-for-stream --stream-name orders", `(?s)"env".*"owner".*"team"`, ""},
		{"remove-tags-from-stream --stream-name orders --tag-keys owner", `^$`, ""},
		{"tag-resource --resource-arn arn:aws:kinesis:us-east-1:000000000000:stream/orders --tags env=prod", `^$`, ""},
		{"untag-resource --resource-arn arn:aws:kinesis:us-east-1:000000000000:stream/orders --tag-keys team", `^$`, ""},
		{"list-tags-for-resource --resource-arn arn:aws:kinesis:us-east-1:000000000000:stream/orders", `"Value": "prod"`, ""},
		{"increase-stream-retention-period --stream-name orders --retention-period-hours 48", `^$`, ""},
		{"decrease-stream-retention-period --stream-name orders --retention-period-hours 24", `^$`, ""},
		{"decrease-stream-retention-period --stream-name orders --retention-period-hours 23", `InvalidArgumentException.*Minimum allowed retention period is 24 hours`, ""},
		{"split-shard --stream-name orders --shard-to-split shardId-000000000000 --new-starting-hash-key 42535295865117307932921825928971026432", `^$`, ""},
		{"merge-shards --stream-name orders --shard-to-merge shardId-000000000002 --adjacent-shard-to-merge shardId-000000000003", `^$`, ""},
		{"describe-stream --stream-name orders", `(?s)"ParentShardId": "shardId-000000000000".*"AdjacentParentShardId": "shardId-000000000003"`, ""},
		{"update-shard-count --stream-name orders --target-shard-count 2 --scaling-type UNIFORM_SCALING", `(?s)"CurrentShardCount": 4.*"TargetShardCount": 2`, ""},
		{"describe-stream-summary --stream-name orders", `"OpenShardCount": 2`, ""},
		{"get-records --shard-iterator {ShardIterator}", `(?s)"ChildShards".*"shardId-000000000004"`, ""},
		{"update-stream-mode --stream-arn arn:aws:kinesis:us-east-1:000000000000:stream/orders --stream-mode-details StreamMode=ON_DEMAND", `^$`, ""},
		{"register-stream-consumer --stream-arn arn:aws:kinesis:us-east-1:000000000000:stream/orders --consumer-name c", `UnknownOperationException.*RegisterStreamConsumer is not supported by this endpoint`, ""},
		{"enable-enhanced-monitoring --stream-name orders --shard-level-metrics ALL", `UnknownOperationException.*EnableEnhancedMonitoring is not supported by this endpoint`, ""},
		{"delete-stream --stream-name orders", `^$`, ""},
		{"wait stream-not-exists --stream-name orders", `^$`, ""},
		{"describe-stream --stream-name orders", `ResourceNotFoundException.*Stream orders under account 000000000000 not found`, ""},
		{"get-records --shard-iterator {ShardIterator}", `ResourceNotFoundException.*does not exist`, ""},
	} {
		command, want := step.command, step.want
		for word, value := range said {
			command = strings.ReplaceAll(command, "{"+word+"}", value)
			want = strings.ReplaceAll(want, "{"+word+"}", value)
		}
		out, err := c.run(t.Context(), strings.Fields(command)...)
		if refused := strings.Contains(want, "Exception"); refused != (err != nil) || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("aws kinesis %s: %v\n%s\nwant %s", step.command, err, out, want)
		}
		if step.keep != "" {
			var answer map[string]any
			if err := json.Unmarshal([]byte(out), &answer); err != nil {
				t.Fatalf("aws kinesis %s: %v\n%s", step.command, err, out)
			}
			said[step.keep] = fmt.Sprint(answer[step.keep])
		}
	}
}

// TestCLIRecords puts records of all sorts from files, and reads them back.
func TestCLIRecords(t *testing.T) {
	t.Parallel()
	c := cli{path: fetchCLI(t), url: startServer(t, "-data", t.TempDir()).url}
	c.must(t, nil, "create-stream", "--stream-name", "orders", "--shard-count", "1")
	c.must(t, nil, "wait", "stream-exists", "--stream-name", "orders")
	dir, stored := t.TempDir(), map[string]cliRecord{}
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for key, data := range map[string][]byte{"k": everyByte, "клиент-17": {}, "🦀": []byte("顧客")} {
		file := filepath.Join(dir, "data")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var answer struct{ SequenceNumber string }
		c.must(t, &answer, "put-record", "--stream-name", "orders", "--partition-key", key, "--data", "fileb://"+file)
		stored[answer.SequenceNumber] = cliRecord{key, data}
	}
	var large []cliRecord
	for i := range 8 {
		large = append(large, cliRecord{fmt.Sprintf("заказ %d", i), bytes.Repeat([]byte("🦀"), 25_000+i)})
	}
	if failed := c.put(t, large, stored); len(failed) > 0 {
		t.Errorf("%d records failed", len(failed))
	}
	c.readBack(t, stored)
	c.must(t, nil, "delete-stream", "--stream-name", "orders")
	c.must(t, nil, "wait", "stream-not-exists", "--stream-name", "orders")
}

// TestCLIPartialFailure puts records, and again those that failed.
func TestCLIPartialFailure(t *testing.T) {
	t.Parallel()
	c := cli{path: fetchCLI(t), url: startServer(t, "-memory", "-throttle", "0.5").url}
	c.must(t, nil, "create-stream", "--stream-name", "orders", "--shard-count", "1")
	var records []cliRecord
	for i := range 400 {
		records = append(records, cliRecord{fmt.Sprint(i), fmt.Appendf(nil, "order %d", i)})
	}
	stored := map[string]cliRecord{}
	failed := c.put(t, records, stored)
	if len(failed) == 0 {
		t.Fatal("no record failed")
	}
	c.put(t, failed, stored)
	c.readBack(t, stored)
	for {
		out, err := c.run(t.Context(), "put-record", "--stream-name", "orders", "--partition-key", "k", "--data", "x")
		if err == nil {
			continue
		}
		if !strings.Contains(out, "(ProvisionedThroughputExceededException)") || !strings.Contains(out, "Rate exceeded for shard shardId-000000000000") {
			t.Errorf("put-record: %v %s", err, out)
		}
		return
	}
}

type cliRecord struct {
	key  string
	data []byte
}

// must runs a command that is to succeed, and decodes its answer.
func (c cli) must(t *testing.T, answer any, args ...string) {
	t.Helper()
	out, err := c.run(t.Context(), args...)
	if err == nil && answer != nil {
		err = json.Unmarshal([]byte(out), answer)
	}
	if err != nil {
		t.Fatalf("aws kinesis %.200q: %v\n%.2000s", args, err, out)
	}
}

// put puts records from a file, keeps by sequence number what was stored, and returns what failed.
func (c cli) put(t *testing.T, records []cliRecord, stored map[string]cliRecord) (failed []cliRecord) {
	t.Helper()
	type entry struct{ Data, PartitionKey string } // version 1 takes Data as it is
	var entries []entry
	for _, r := range records {
		entries = append(entries, entry{string(r.data), r.key})
	}
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "records.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		FailedRecordCount int
		Records           []struct{ SequenceNumber, ErrorCode, ErrorMessage string }
	}
	c.must(t, &answer, "put-records", "--stream-name", "orders", "--records", "file://"+file)
	if len(answer.Records) != len(records) {
		t.Fatalf("%d answers to %d records", len(answer.Records), len(records))
	}
	for i, r := range answer.Records {
		if r.ErrorCode == "" {
			stored[r.SequenceNumber] = records[i]
			continue
		}
		if r.ErrorCode != "ProvisionedThroughputExceededException" || !strings.HasPrefix(r.ErrorMessage, "Rate exceeded for shard") {
			t.Errorf("a record failed with %s: %s", r.ErrorCode, r.ErrorMessage)
		}
		failed = append(failed, records[i])
	}
	if answer.FailedRecordCount != len(failed) {
		t.Errorf("%d records failed, FailedRecordCount is %d", len(failed), answer.FailedRecordCount)
	}
	return failed
}

// readBack compares what the stream's one shard holds with what was stored.
func (c cli) readBack(t *testing.T, stored map[string]cliRecord) {
	t.Helper()
	var at struct{ ShardIterator string }
	c.must(t, &at, "get-shard-iterator", "--stream-name", "orders", "--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON")
	var read struct {
		Records []struct {
			SequenceNumber, PartitionKey string
			Data                         []byte
		}
	}
	c.must(t, &read, "get-records", "--shard-iterator", at.ShardIterator)
	if len(read.Records) != len(stored) {
		t.Errorf("%d records were read back, %d were stored", len(read.Records), len(stored))
	}
	for _, r := range read.Records {
		want, known := stored[r.SequenceNumber]
		if !known || r.PartitionKey != want.key || !bytes.Equal(r.Data, want.data) {
			t.Errorf("%s holds another record, or none that was put: %.100v", r.SequenceNumber, r)
		}
	}
}
