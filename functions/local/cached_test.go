package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"millrace/pkg/lacking"
)

// cached returns the folder of that name in the user's cache folder, which the first test that needs it has filled.
// Where that fails the machine lacks it.
func cached(t *testing.T, name string, fill func(dir string) error) string {
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
func alone(t *testing.T, lockFile string) (done func()) {
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

// fetch runs a command in a folder, and fails with what it said.
func fetch(t *testing.T, dir string, command ...string) error {
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command[0], err, out)
	}
	return nil
}

// fetchPython fills a folder with a Python that has a package from PyPI.
func fetchPython(t *testing.T, dir, requirement string) error {
	if err := fetch(t, "", "python3", "-m", "venv", "--clear", dir); err != nil {
		return err
	}
	return fetch(t, "", filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", requirement)
}

// fetchJars returns the start of a command that runs a Java program from its source, with what a pom.xml in testdata names on its path.
func fetchJars(t *testing.T, name, pom string) []string {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		lacking.Skip(t, err)
	}
	jars := cached(t, name, func(dir string) error {
		return fetch(t, "", "mvn", "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	// Java 17 takes a source to be in the encoding of the environment.
	return []string{java, "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(jars, "*")}
}

// buildGo returns the path of a program that is built from a folder in testdata and the Go modules that it names.
func buildGo(t *testing.T, name, folder string) string {
	t.Helper()
	dir := cached(t, name, func(dir string) error {
		source := t.TempDir() // a copy, as the build completes go.mod and go.sum
		if err := os.CopyFS(source, os.DirFS(filepath.Join("testdata", folder))); err != nil {
			t.Fatal(err)
		}
		return fetch(t, source, "go", "build", "-mod=mod", "-o", filepath.Join(dir, folder), ".")
	})
	return filepath.Join(dir, folder)
}
