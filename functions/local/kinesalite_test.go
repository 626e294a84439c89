package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"millrace/pkg/lacking"
)

// kinesaliteVersion is that of the npm package, as testdata/kinesalite/package.json has it. No later one was published.
const kinesaliteVersion = "3.3.3"

// fetchKinesalite returns the folder of the package, beside those that it needs. It is kept in memory, so the one of them that
// would have to be compiled is not needed.
func fetchKinesalite(t *testing.T) string {
	t.Helper()
	dir := cached(t, "kinesalite-"+kinesaliteVersion, func(dir string) error { return fetchNPM(t, dir, "testdata/kinesalite/package.json") })
	return filepath.Join(dir, "node_modules", "kinesalite")
}

// startKinesalite starts kinesalite, empty, and returns its URL and what ends it.
func startKinesalite(t *testing.T, dir string) (url string, stop func() string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		lacking.Skip(t, err)
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/kinesalite/serve.js", dir)
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
