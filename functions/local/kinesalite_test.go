package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"millrace/pkg/lacking"
)

// startKinesalite starts kinesalite, empty, from the folder of its package, and returns its URL and what ends it.
func startKinesalite(t *testing.T, dir string) (url string, stop func() string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), lacking.Program(t, "node"), "testdata/kinesalite/serve.js", dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_ACCOUNT_ID=000000000000", "AWS_REGION=us-east-1"}
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() string {
		cmd.Process.Kill() // it may have ended
		cmd.Wait()
		return log.String()
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("kinesalite does not start: %v\n%s", err, stop())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port), stop
}
