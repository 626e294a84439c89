package runtimetest

import (
	"fmt"
	"os"
	"os/exec"
)

// Build builds a package into a binary for [Start] as the deployment does: without C, and without the remote procedure calls of
// Lambda's older runtime. The flags are of `go build`; those of the deployment are -trimpath and -ldflags "-s -w".
func Build(binary, pkg string, flags ...string) error {
	args := append([]string{"build", "-tags", "lambda.norpc", "-o", binary}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
