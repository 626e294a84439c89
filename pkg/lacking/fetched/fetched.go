//go:build unix

// Package fetched has what tests run that others publish: clients, servers and tools, from where they are published, in the user's
// cache folder. The first test that needs one fetches it, once for all; others wait, in whatever process they run. Where it cannot be
// fetched the test is skipped, and says so; under CI=true it fails (package lacking).
//
// What is in the cache stays as it is: another version needs another name.
package fetched

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"millrace/pkg/lacking"
)

// Python returns the folder of the programs of a Python that has packages from PyPI, python3 among them. A requirement is as
// "boto3==1.44.5".
func Python(t testing.TB, requirements ...string) (bin string) {
	t.Helper()
	name := strings.ReplaceAll(strings.Join(requirements, "-"), "==", "-")
	dir := folder(t, name, func(dir string) error {
		if err := run(t, "", "python3", "-m", "venv", "--clear", dir); err != nil {
			return err
		}
		pip := []string{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"}
		return run(t, "", append(pip, requirements...)...)
	})
	return filepath.Join(dir, "bin")
}

// NPM returns the folder node_modules with packages from npm, each as "@aws-sdk/client-kinesis@3.1143.0", and with those that they
// need. What they would run on being installed is not run.
func NPM(t testing.TB, packages ...string) (modules string) {
	t.Helper()
	var names []string
	for _, p := range packages {
		names = append(names, strings.ReplaceAll(path.Base(p), "@", "-"))
	}
	dir := folder(t, strings.Join(names, "-"), func(dir string) error {
		npm := []string{"npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"}
		return run(t, dir, append(npm, packages...)...)
	})
	return filepath.Join(dir, "node_modules")
}

// Java returns the start of a command that runs a Java program from its source, with the jars on its path that a pom.xml names. The
// name is that of the jars in the cache, and tells their version.
func Java(t testing.TB, name, pom string) (command []string) {
	t.Helper()
	java := lacking.Program(t, "java")
	jars := folder(t, name, func(dir string) error {
		return run(t, "", "mvn", "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	// Java 17 takes a source to be in the encoding of the environment.
	return []string{java, "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(jars, "*")}
}

// Go returns the path of a program that is built from a folder of source and the Go modules that its go.mod names. The name is that of
// the program in the cache, and tells its version.
func Go(t testing.TB, name, source string) (program string) {
	t.Helper()
	base := filepath.Base(source)
	dir := folder(t, name, func(dir string) error {
		beside := t.TempDir() // a copy, as the build completes go.mod and go.sum
		if err := os.CopyFS(beside, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
		return run(t, beside, "go", "build", "-mod=mod", "-o", filepath.Join(dir, base), ".")
	})
	return filepath.Join(dir, base)
}

// folder returns the folder of that name in the cache, which the first test that needs it has filled.
func folder(t testing.TB, name string, fill func(dir string) error) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		lacking.Skip(t, fmt.Errorf("a cache folder: %w", err))
	}
	dir := filepath.Join(cache, "millrace", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer alone(t, dir+".lock")()
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return dir
	}
	if err := fill(dir); err != nil {
		lacking.Skip(t, fmt.Errorf("%s: %w", name, err))
	}
	if err := os.WriteFile(complete, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// alone waits until no other test, in this process or another, is between its call and that of what it returns.
func alone(t testing.TB, lockFile string) (done func()) {
	t.Helper()
	lock, err := os.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { lock.Close() }
}

// run runs a command in a folder, and fails with what it said.
func run(t testing.TB, dir string, command ...string) error {
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command[0], err, out)
	}
	return nil
}
