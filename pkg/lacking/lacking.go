// Package lacking is for tests that need what a machine may not have.
package lacking

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// noteFile names the environment variable with the file that notes what was not tested, as `go test` does not show the
// skips of packages that pass.
const noteFile = "MILLRACE_NOT_TESTED"

// Skip ends the test because the machine lacks something: as skipped, with a line in the file that MILLRACE_NOT_TESTED
// names; under CI=true as failed.
func Skip(t testing.TB, what error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("lacking: %v", what)
	}
	if err := note(fmt.Sprintf("%s: %v\n", t.Name(), what)); err != nil {
		t.Errorf("note what is not tested: %v", err)
	}
	t.Skipf("SKIPPED, NOT TESTED: %v", what)
}

// Program returns the path of a program in PATH, without which the test is skipped.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, err)
	}
	return path
}

func note(line string) error {
	name := os.Getenv(noteFile)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
