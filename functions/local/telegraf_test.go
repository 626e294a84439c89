package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"millrace/pkg/lacking/fetched"
)

const telegrafVersion = "1.37.2" // as testdata/telegraf/go.mod has it

// TestTelegraf writes metrics to a stream by one Telegraf and reads them back by another.
func TestTelegraf(t *testing.T) {
	t.Parallel()
	telegraf := fetched.Go(t, "telegraf-v"+telegrafVersion, "testdata/telegraf")
	s := startServer(t, "-data", t.TempDir())
	send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"metrics","ShardCount":2}`)
	const metrics = "order,sku=mug total=14.5 1700000001000000000\norder,sku=tea total=32.3 1700000000000000000\n"
	file := filepath.Join(t.TempDir(), "metrics")
	if err := os.WriteFile(file, []byte(metrics), 0o644); err != nil {
		t.Fatal(err)
	}
	plugin := func(name, more string) string {
		return fmt.Sprintf("[[%s]]\nregion = \"us-east-1\"\naccess_key = \"local\"\nsecret_key = \"local\"\nendpoint_url = %q\n"+
			"streamname = \"metrics\"\ndata_format = \"influx\"\n%s", name, s.url, more)
	}
	runTelegraf(t, telegraf, func(lines *bufio.Reader) error {
		return waitFor(lines, "order,sku=tea") // the second output has it, so the first was flushed with it
	}, plugin("outputs.kinesis", "[outputs.kinesis.partition]\nmethod = \"random\"\n"),
		fmt.Sprintf("[[inputs.file]]\nfiles = [%q]\ndata_format = \"influx\"\n", file),
		"[[outputs.file]]\nfiles = [\"stdout\"]\ndata_format = \"influx\"\n")
	runTelegraf(t, telegraf, func(lines *bufio.Reader) error {
		seen := map[string]bool{}
		for len(seen) < 2 {
			line, err := lines.ReadString('\n')
			if err != nil {
				return fmt.Errorf("it read back %v: %w", seen, err)
			}
			if !strings.Contains(metrics, line) {
				return fmt.Errorf("it read back %q", line)
			}
			seen[line] = true
		}
		return nil
	}, plugin("inputs.kinesis_consumer", "shard_iterator_type = \"TRIM_HORIZON\"\n"),
		"[[outputs.file]]\nfiles = [\"stdout\"]\ndata_format = \"influx\"\n")
}

// runTelegraf runs Telegraf until what it writes to its standard output is enough, and then stops it as a person would.
func runTelegraf(t *testing.T, telegraf string, enough func(lines *bufio.Reader) error, plugins ...string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "telegraf.conf")
	agent := "[agent]\ninterval = \"200ms\"\nflush_interval = \"200ms\"\nomit_hostname = true\nskip_processors_after_aggregators = true\n"
	if err := os.WriteFile(config, []byte(agent+strings.Join(plugins, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), telegraf, config)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if err := enough(lines); err != nil {
		t.Errorf("telegraf: %v", err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err != nil || t.Failed() {
		t.Errorf("telegraf ended with %v\n%s", err, &log)
	}
}

func waitFor(lines *bufio.Reader, text string) error {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("it ended without %q: %w", text, err)
		}
		if strings.Contains(line, text) {
			return nil
		}
	}
}
