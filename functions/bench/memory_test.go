package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"millrace/functions/api/runtimetest"
	"millrace/pkg/kinesis"
	"millrace/pkg/lacking"
)

// BenchmarkMemory64 sends 64 requests of 5 MB at the same time, and reads the server's peak of resident memory.
func BenchmarkMemory64(b *testing.B) {
	onLinux(b)
	const requests = 64
	ours := startMillrace(b, "-data", b.TempDir())
	ours.createStream(b, "bench", shards)
	put := request("PutRecords", putBody("bench", 5, kinesis.MaxRequestData/5-len("customer-100000")))
	for b.Loop() {
		var all sync.WaitGroup
		for range requests {
			all.Go(func() { putOnce(b, ours, put) })
		}
		all.Wait()
	}
	what := fmt.Sprintf("peak of memory, local: %d requests of 5 MB at once", requests)
	shared.table.atMost(b, what, "", "", peakMemory(b, ours.pid), 1000, " MB")
}

func putOnce(b *testing.B, c *contender, put []byte) {
	conn, err := dial(c.addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	if answer, err := conn.do(put); err != nil || !strings.Contains(string(answer), stored) {
		b.Errorf("%.300s, %v", answer, err)
	}
}

// BenchmarkMemoryLambda sends the function requests of as much data as an event carries, and reads its peak of resident memory.
func BenchmarkMemoryLambda(b *testing.B) {
	onLinux(b)
	if err := runtimetest.Build(shared.lambda, "millrace/functions/api", "-trimpath", "-ldflags", "-s -w"); err != nil {
		b.Fatal(err)
	}
	_, table := shared.dynamo.Table(b)
	// The shell's process becomes the function's, whose id is thus known.
	dir := b.TempDir()
	wrapper, pidFile := filepath.Join(dir, "bootstrap"), filepath.Join(dir, "pid")
	script := fmt.Sprintf("#!/bin/sh\necho $$ > %s\nexec %s\n", pidFile, shared.lambda)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		b.Fatal(err)
	}
	function := runtimetest.Start(b, wrapper, []string{
		"TABLE_NAME=" + table, "AUTH_MODE=IAM", "AWS_ENDPOINT_URL_DYNAMODB=" + shared.dynamo.Endpoint(b), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	})
	create := strings.ReplaceAll(string(event(b, fmt.Sprintf(`{"StreamName":"bench","ShardCount":%d,"StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`, shards), false)), "PutRecords", "CreateStream")
	if out, err := function.Invoke(b.Context(), []byte(create)); err != nil || !strings.Contains(string(out), `"statusCode":200`) {
		b.Fatalf("%s, %v", out, err)
	}
	put := event(b, putBody("bench", 5, 900_000), false)
	for b.Loop() {
		out, err := function.Invoke(b.Context(), put)
		if err != nil || !strings.Contains(string(out), `\"FailedRecordCount\":0`) {
			b.Fatalf("%.300s, %v", out, err)
		}
	}
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		b.Fatal(err)
	}
	what := fmt.Sprintf("peak of memory, Lambda: an event of %.1f MB", float64(len(put))/1e6)
	shared.table.atMost(b, what, "", "", peakMemory(b, pid), 128, " MB")
}

func onLinux(b *testing.B) {
	if runtime.GOOS != "linux" {
		lacking.Skip(b, fmt.Errorf("the peak of memory is read from Linux's /proc"))
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory returns the most resident memory that the process has had, in MB.
func peakMemory(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	match := highWater.FindSubmatch(status)
	if match == nil {
		b.Fatalf("no VmHWM in %s", status)
	}
	kB, err := strconv.Atoi(string(match[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kB) * 1024 / 1e6
}
