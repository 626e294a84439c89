package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"millrace/pkg/dynamostore/dynamolocal"
)

// fixture is what the benchmarks share.
type fixture struct {
	local  string // the local endpoint's binary
	lambda string // the function's
	dynamo dynamolocal.Server
	table  table
}

var shared fixture

func TestMain(m *testing.M) {
	if os.Getenv(asBare) != "" {
		bareMain()
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer shared.dynamo.Stop()
	shared.local, shared.lambda = filepath.Join(dir, "millrace"), filepath.Join(dir, "bootstrap")
	code := m.Run()
	shared.table.print(os.Stdout)
	return code
}

// buildLocal builds the local endpoint, unless another benchmark has.
func buildLocal(b *testing.B) {
	b.Helper()
	if _, err := os.Stat(shared.local); err == nil {
		return
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", shared.local, "millrace/functions/local")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build the local endpoint: %v\n%s", err, out)
	}
}
