package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"millrace/functions/api/runtimetest"
)

// BenchmarkColdStart starts the function's process again and again, as it is deployed, and in turn with it a Lambda that
// does nothing. A start is over when the function asks for its first event. It reports the medians and their ratio.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	function, nothing := buildDeployed(b, dir, "."), buildDeployed(b, dir, "./testdata/nothing")
	for range 3 { // the files are in memory from here on
		startUp(b, nothing)
		startUp(b, function)
	}
	var functions, nothings []time.Duration
	for b.Loop() {
		nothings = append(nothings, startUp(b, nothing))
		functions = append(functions, startUp(b, function))
	}
	ours, least := median(functions), median(nothings)
	b.ReportMetric(ours.Seconds()*1000, "ms")
	b.ReportMetric(least.Seconds()*1000, "ms-nothing")
	b.ReportMetric(ours.Seconds()/least.Seconds(), "x-nothing")
	b.ReportMetric(0, "ns/op") // both together: of no interest
	info, err := os.Stat(function)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
	b.Logf("the largest packages of the function, in KB of code and constants: %s", largestPackages(b, dir, 5))
}

// largestPackages tells which packages take most of the function's binary.
func largestPackages(b *testing.B, dir string, n int) string {
	b.Helper()
	binary := filepath.Join(dir, "with-symbols")
	if err := runtimetest.Build(binary, ".", "-trimpath"); err != nil {
		b.Fatal(err)
	}
	symbols, err := exec.Command("go", "tool", "nm", "-size", binary).Output()
	if err != nil {
		b.Fatalf("list the symbols: %v", err)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(symbols)) {
		// Address, size, type and name. What the compiler made has no package.
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.ContainsAny(fields[2], "tTrR") || strings.ContainsAny(fields[3], ":") {
			continue
		}
		size, err := strconv.Atoi(fields[1])
		if err != nil {
			b.Fatalf("symbol %q: %v", line, err)
		}
		folder, symbol := "", fields[3]
		if i := strings.LastIndexByte(strings.SplitN(symbol, "[", 2)[0], '/'); i >= 0 {
			folder, symbol = symbol[:i+1], symbol[i+1:]
		}
		name, _, _ := strings.Cut(symbol, ".")
		sizes[folder+name] += size
	}
	names := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int { return sizes[b] - sizes[a] })
	var told []string
	for _, name := range names[:n] {
		told = append(told, fmt.Sprintf("%s %d", name, sizes[name]/1000))
	}
	return strings.Join(told, ", ")
}

// buildDeployed builds a function with the flags of the deployment.
func buildDeployed(b *testing.B, dir, path string) string {
	b.Helper()
	binary := filepath.Join(dir, filepath.Base(path)+"-bootstrap")
	if err := runtimetest.Build(binary, path, "-trimpath", "-ldflags", "-s -w"); err != nil {
		b.Fatal(err)
	}
	return binary
}

func startUp(b *testing.B, binary string) time.Duration {
	b.Helper()
	started := time.Now()
	function := runtimetest.Start(b, binary, []string{"TABLE_NAME=table", "AUTH_MODE=SIGV4", "KEYS_TABLE=keys", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1"})
	if err := function.Started(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(started)
	function.Stop()
	return took
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
