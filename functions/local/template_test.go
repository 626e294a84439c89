package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// cfnLintVersion is the linter of CloudFormation templates that the tests fetch: what `sam validate --lint` runs.
const cfnLintVersion = "1.58.0"

// TestTemplate holds the template to CloudFormation's own schemas, the transform of SAM applied.
func TestTemplate(t *testing.T) {
	dir := cached(t, "cfn-lint-"+cfnLintVersion, func(dir string) error { return fetchPython(t, dir, "cfn-lint=="+cfnLintVersion) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	template, err := os.Open("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer template.Close()
	lint := exec.CommandContext(ctx, filepath.Join(dir, "bin", "cfn-lint"))
	lint.Stdin = template
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
