package main

import (
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
)

// cliVersion is the AWS CLI that the tests fetch: version 1, which PyPI carries.
const cliVersion = "1.45.11"

// fetchCLI returns the path of the AWS CLI.
func fetchCLI(t *testing.T) string {
	t.Helper()
	dir := cached(t, "awscli-"+cliVersion, func(dir string) error { return fetchPython(t, dir, "awscli=="+cliVersion) })
	return filepath.Join(dir, "bin", "aws")
}

// cli runs aws kinesis commands against an endpoint.
type cli struct {
	path, url string
}

func (c cli) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--endpoint-url", c.url, "--output", "json", "kinesis"}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
	}
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
