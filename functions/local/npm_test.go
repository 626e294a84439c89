package main

import (
	"os"
	"path/filepath"
	"testing"
)

// fetchNPM fills a folder with the packages from npm that a package.json asks for. What they would run on being installed is
// not run.
func fetchNPM(t *testing.T, dir, packageJSON string) error {
	wanted, err := os.ReadFile(packageJSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), wanted, 0o644); err != nil {
		t.Fatal(err)
	}
	return fetch(t, dir, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")
}
