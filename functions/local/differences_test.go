package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const differencesFile = "testdata/kinesalite/differences.md"

// differences are what testdata/kinesalite/differences.md lists.
type differences struct {
	rules []*difference
	found int // requests that are answered otherwise
}

// difference is one that is meant. Without cases it rewrites whatever kinesalite says of the kind; with cases it is about
// the whole answers to them, and each of them must show it.
type difference struct {
	title   string
	cases   *regexp.Regexp // nil: any
	headers bool           // rather than the text
	theirs  *regexp.Regexp
	ours    string         // what stands for theirs, where it rewrites
	exactly *regexp.Regexp // our answer, where there are cases
	used    int
}

// readDifferences reads the file: headings, prose, and the rules as indented lines of the form "name: value".
func readDifferences(t *testing.T) *differences {
	t.Helper()
	file, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseDifferences(string(file))
	if err != nil {
		t.Fatalf("%s: %v", differencesFile, err)
	}
	return all
}

func parseDifferences(file string) (*differences, error) {
	var all differences
	var errs []error
	title, why := "", ""
	rule := map[string]string{}
	end := func() {
		if len(rule) == 0 {
			return
		}
		d, err := newDifference(title, rule)
		if why == "" {
			err = errors.New("no reason")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", title, err))
		}
		all.rules = append(all.rules, d)
		rule = map[string]string{}
	}
	for line := range strings.Lines(file) {
		text := strings.TrimSpace(line)
		name, value, _ := strings.Cut(text, ": ")
		switch {
		case text == "":
			end()
		case strings.HasPrefix(line, "#"):
			end()
			title, why = strings.Trim(text, "# "), ""
		case strings.HasPrefix(line, "    "):
			if rule[name] != "" {
				errs = append(errs, fmt.Errorf("%q: two lines %q in one rule", title, name))
			}
			rule[name] = strings.TrimSpace(value)
		default:
			end()
			why += text
		}
	}
	end()
	return &all, errors.Join(errs...)
}

// anything stands in a rule for any text.
const anything = "…"

func newDifference(title string, rule map[string]string) (*difference, error) {
	d := &difference{title: title, headers: rule["of"] == "headers"}
	for name := range rule {
		if !slices.Contains([]string{"cases", "of", "kinesalite", "millrace"}, name) {
			return nil, fmt.Errorf("a line %q", name)
		}
	}
	theirs, ours := rule["kinesalite"], rule["millrace"]
	if theirs == "" {
		return nil, fmt.Errorf("a rule that does not say what kinesalite answers")
	}
	if cases := rule["cases"]; cases != "" {
		var err error
		d.cases, err = regexp.Compile("^(?:" + cases + ")$")
		d.theirs, d.exactly = regexp.MustCompile("(?s)^"+wild(theirs)+"$"), regexp.MustCompile("(?s)^"+wild(ours)+"$")
		return d, err
	}
	d.theirs = regexp.MustCompile("(?s)" + wild(theirs))
	d.ours = strings.ReplaceAll(ours, "$", "$$")
	for i := 1; strings.Contains(d.ours, anything); i++ {
		d.ours = strings.Replace(d.ours, anything, fmt.Sprintf("${%d}", i), 1)
	}
	return d, nil
}

func wild(text string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(text), regexp.QuoteMeta(anything), "(.*?)")
}

// compare fails the test if the two answers differ in a way that is not listed, or do not differ in one that is.
func (all *differences) compare(t *testing.T, name string, theirs, ours answer) {
	t.Helper()
	for _, complaint := range []string{
		all.complaint(name, theirs.text, ours.text, false), all.complaint(name, theirs.headers, ours.headers, true),
	} {
		if complaint != "" {
			t.Errorf("%s %s", name, complaint)
		}
	}
	if theirs.text != ours.text || theirs.headers != ours.headers {
		all.found++
	}
}

// complaint returns "" if the two answers differ as listed, or are the same and not listed.
func (all *differences) complaint(name, theirs, ours string, headers bool) string {
	named := false
	for _, d := range all.rules {
		if d.headers != headers || d.cases == nil || !d.cases.MatchString(name) {
			continue
		}
		named = true
		if theirs != ours && d.theirs.MatchString(theirs) && d.exactly.MatchString(ours) {
			d.used++
			return ""
		}
	}
	if named {
		return fmt.Sprintf("does not differ as it is listed to:\nkinesalite: %s\nmillrace:   %s", theirs, ours)
	}
	expected := theirs
	for _, d := range all.rules {
		if d.headers == headers && d.cases == nil && d.theirs.MatchString(expected) {
			expected = d.theirs.ReplaceAllString(expected, d.ours)
			d.used++
		}
	}
	if expected != ours {
		return fmt.Sprintf("differs:\nkinesalite: %s\nmillrace:   %s\nexpected:   %s", theirs, ours, expected)
	}
	return ""
}

// wantUsed fails the test for a rule that no request needed.
func (all *differences) wantUsed(t *testing.T) {
	t.Helper()
	for _, d := range all.rules {
		if d.used == 0 {
			t.Errorf("%s lists %q (%s), which no request shows", differencesFile, d.title, d.theirs)
		}
	}
}

func TestDifferences(t *testing.T) {
	all, err := parseDifferences(`
# Rewritten
Why.

    kinesalite: Value '…' at '
    millrace: Value at '

    kinesalite: 400 A, … and …
    millrace: 400 B, …, …

# About some

Why
it is so.

    cases: a/.*|b
    kinesalite: 200 {…}
    millrace: 400 $1 [a-z]*…

    of: headers
    cases: c
    kinesalite: …
    millrace: X: y
`)
	if err != nil || len(all.rules) != 4 {
		t.Fatalf("%d rules, %v", len(all.rules), err)
	}
	for _, test := range []struct {
		name, theirs, ours string
		headers            bool
		complaint          string
	}{
		{"x", "same", "same", false, ""},
		{"x", "one", "two", false, "differs"},
		{"x", "Value 'v' at 'x'; Value 'w' at 'y'", "Value at 'x'; Value at 'y'", false, ""},
		{"x", "Value 'v' at 'x'", "Value 'v' at 'x'", false, "differs"}, // it no longer is rewritten
		{"x", "400 A, Value 'v' at 'x' and more", "400 B, Value at 'x', more", false, ""},
		{"a/1", "200 {}", "400 $1 [a-z]* and so on", false, ""},
		{"a/1", "200 {}", "400 $1 z", false, "does not differ as it is listed"},
		{"a/1", "200 {}", "200 {}", false, "does not differ as it is listed"},
		{"ab", "200 {}", "400 $1 [a-z]*", false, "differs"},
		{"c", "", "X: y", true, ""},
		{"c", "", "X: y", false, "differs"},
		{"c", "X: y", "X: y", true, "does not differ as it is listed"},
	} {
		if got := all.complaint(test.name, test.theirs, test.ours, test.headers); !strings.HasPrefix(got, test.complaint) || (got == "") != (test.complaint == "") {
			t.Errorf("%s: %q and %q: %q, want %q", test.name, test.theirs, test.ours, got, test.complaint)
		}
	}
	for file, want := range map[string]string{
		"# A\n\n    kinesalite: x\n":                        "no reason",
		"# A\nWhy.\n    cases: x\n":                         "does not say what kinesalite answers",
		"# A\nWhy.\n    other: x\n":                         `a line "other"`,
		"# A\nWhy.\n    cases: (\n    kinesalite: x\n":      "error parsing regexp",
		"# A\nWhy.\n    kinesalite: x\n    kinesalite: y\n": "two lines",
	} {
		if _, err := parseDifferences(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}
