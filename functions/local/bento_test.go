package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"

	"millrace/pkg/lacking/fetched"
)

const bentoVersion = "1.8.2" // as testdata/bento/go.mod has it

// bentoOutput and bentoInput are Bento's configurations.
const (
	bentoOutput = `
input: {file: {paths: [%q], scanner: {lines: {}}}}
output:
  aws_kinesis:
    stream: orders
    partition_key: "${! content() }"
    region: us-east-1
    batching: {count: 100}
    backoff: {initial_interval: 5ms}
`
	bentoInput = `
input:
  aws_kinesis:
    streams: [orders]
    region: us-east-1
    start_from_oldest: true
    dynamodb: {table: %q, create: true, billing_mode: PAY_PER_REQUEST}
output: {stdout: {codec: lines}}
`
)

// TestBento puts lines by Bento, of which some fail and are put again, and reads them back by another, whose checkpoints are in
// DynamoDB Local.
func TestBento(t *testing.T) {
	t.Parallel()
	bento := fetched.Go(t, "bento-v"+bentoVersion, "testdata/bento")
	s, table := startServer(t, "-data", t.TempDir(), "-throttle", "0.3"), "bento-"+uuid.NewString()
	env := []string{"AWS_ENDPOINT_URL_KINESIS=" + s.url, "AWS_ENDPOINT_URL_DYNAMODB=" + dynamo.Endpoint(t)}
	send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":2}`)
	unread := map[string]bool{} // false once a line is read
	var lines strings.Builder
	for i := range 400 {
		line := fmt.Sprintf("заказ %d 🦀", i)
		unread[line] = true
		fmt.Fprintln(&lines, line)
	}
	file := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(file, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	put, log := bentoCommand(t, bento, env, fmt.Sprintf(bentoOutput, file))
	if err := put.Run(); err != nil {
		t.Fatalf("bento ended with %v\n%s", err, log)
	}

	read, log := bentoCommand(t, bento, env, fmt.Sprintf(bentoInput, table))
	out, err := read.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := dynamo.Client(t).DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Errorf("delete the table of checkpoints: %v", err)
		}
	})
	found := bufio.NewScanner(out)
	left := len(unread)
	for left > 0 && found.Scan() {
		if first, put := unread[found.Text()]; !put {
			t.Errorf("%q was read and never put", found.Text())
		} else if first {
			left--
		}
		unread[found.Text()] = false
	}
	if err := read.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for found.Scan() {
	}
	if err := read.Wait(); err != nil || left > 0 {
		t.Errorf("bento ended with %v, %d lines were not read\n%s", err, left, log)
	}
}

// bentoCommand returns Bento, to be run, and where its log goes.
func bentoCommand(t *testing.T, bento string, env []string, config string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bento.yaml")
	if err := os.WriteFile(file, []byte("http: {enabled: false}\nlogger: {level: WARN}\n"+config), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, bento, "-c", file)
	cmd.Env = append(clientEnvironment(), env...)
	log := &bytes.Buffer{}
	cmd.Stderr = log
	return cmd, log
}
