package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADME runs the README's commands that show what they print, in its order, in one shell: they must print that.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := examplesOf(string(readme))
	if len(examples) == 0 {
		t.Fatal("the README shows nothing that is printed")
	}
	aws, s := fetchCLI(t), startServer(t, "-data", t.TempDir())
	const end = "END OF AN EXAMPLE"
	script := "shopt -s expand_aliases\n"
	for _, e := range examples {
		script += strings.ReplaceAll(e.commands, "http://127.0.0.1:4567", s.url) + "\necho; echo " + end + "\n"
	}
	file := filepath.Join(t.TempDir(), "readme.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", file)
	cmd.Env = []string{
		"PATH=" + filepath.Dir(aws) + ":" + os.Getenv("PATH"), "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PAGER=",
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, &complaints)
	}
	printed := strings.Split(string(out), end)
	for i, e := range examples {
		// A block may print more before what is shown.
		if got, want := likely(printed[i]), likely(e.prints); !strings.HasSuffix(got, want) {
			t.Errorf("%s\nprints\n%s\nwhere the README shows\n%s", e.commands, got, want)
		}
	}
	if t.Failed() {
		t.Log(complaints.String())
	}
}

// example is commands and what they print.
type example struct{ commands, prints string }

// examplesOf returns the blocks of commands that a block of another kind follows, which shows what they print.
func examplesOf(markdown string) []example {
	var all []example
	commands := ""
	for _, block := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(markdown, -1) {
		kind, text := block[1], block[2]
		if kind != "sh" && commands != "" {
			all = append(all, example{commands, text})
		}
		commands = ""
		if kind == "sh" {
			commands = text
		}
	}
	return all
}

// likely replaces what is another at each run.
func likely(printed string) string {
	for expression, kind := range map[string]string{
		`\b\d{56}\b`:              "NUMBER",
		`"[A-Za-z0-9+/]{80,}=*"`:  `"ITERATOR"`,
		`\b1[0-9]{9}(\.[0-9]+)?,`: "TIME,",
	} {
		printed = regexp.MustCompile(expression).ReplaceAllString(printed, kind)
	}
	return strings.TrimSpace(printed)
}
