package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestREADME runs the README's commands that show what they print, in its order, in one shell: they must print that.
func TestREADME(t *testing.T) {
	readme := strings.Split(readREADME(t), "\n## Keys\n")
	s := startServer(t, "-data", t.TempDir())
	runExamples(t, examplesOf(readme[0]), s.url)
}

// TestREADMEKeys runs the commands of the README's section on keys, on an endpoint that the file of the first one closes.
func TestREADMEKeys(t *testing.T) {
	_, section, _ := strings.Cut(readREADME(t), "\n## Keys\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := examplesOf(section)
	if len(examples) != 2 {
		t.Fatalf("the section has %d examples", len(examples))
	}
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "keys.json")
	open := startServer(t, "-data", data)
	if got := send(t, http.DefaultClient, open.url, "CreateStream", `{"StreamName":"orders","ShardCount":4}`); got != "200 " {
		t.Fatalf("CreateStream: %s", got)
	}
	open.stop(t, syscall.SIGTERM)

	examples[0].commands = strings.ReplaceAll(examples[0].commands, "KEYS=keys.json", "KEYS="+file)
	printed := runExamples(t, examples[:1], "")
	closed := startServer(t, "-data", data, "-keys", file)
	alias := "alias k='aws --endpoint-url " + closed.url + " kinesis'\nexport AWS_DEFAULT_REGION=us-east-1\n"
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "AWS_") {
			alias += "export " + line
		}
	}
	examples[1].commands = "exec 2>&1\n" + alias + examples[1].commands + "true\n" // the second of them fails
	runExamples(t, examples[1:], closed.url)
}

func readREADME(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(readme)
}

// runExamples runs the commands of examples in one shell in the folder of the project, against the endpoint in place of the
// README's, and compares what each prints with what the README shows. It returns all that they printed.
func runExamples(t *testing.T, examples []example, url string) string {
	t.Helper()
	if len(examples) == 0 {
		t.Fatal("the README shows nothing that is printed")
	}
	const end = "END OF AN EXAMPLE"
	script := "shopt -s expand_aliases\n"
	for _, e := range examples {
		script += strings.ReplaceAll(e.commands, "http://127.0.0.1:4567", url) + "\necho; echo " + end + "\n"
	}
	file := filepath.Join(t.TempDir(), "readme.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", file)
	cmd.Dir = "../.."
	// Of the test's own environment, all but what the CLI would take for its credentials and settings, and make for a sign
	// that another make called it.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "AWS_") || strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS")
	}),
		"PATH="+filepath.Dir(fetchCLI(t))+":"+os.Getenv("PATH"),
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PAGER=")
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
	return string(out)
}

// example is commands and what they print.
type example struct{ commands, prints string }

// examplesOf returns the blocks of commands that a block of output follows, which shows what they print.
func examplesOf(markdown string) []example {
	var all []example
	commands := ""
	for _, block := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(markdown, -1) {
		kind, text := block[1], block[2]
		if (kind == "" || kind == "json") && commands != "" {
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
		`\bMR[A-Z2-7]{18}\b`:      "KEY",
		`SECRET_ACCESS_KEY=\S+`:   "SECRET_ACCESS_KEY=SECRET",
	} {
		printed = regexp.MustCompile(expression).ReplaceAllString(printed, kind)
	}
	return strings.TrimSpace(printed)
}
