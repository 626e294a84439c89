package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace/pkg/keys"
)

// millraceKey runs `millrace key ...` in this process.
func millraceKey(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), append([]string{"key"}, args...), &out)
	return out.String(), err
}

var created = regexp.MustCompile(`^# (.+) may (.+) on (.+)\. The secret is shown this once\.\nAWS_ACCESS_KEY_ID=(MR[A-Z2-7]{18})\nAWS_SECRET_ACCESS_KEY=([A-Z2-7]{40})\n$`)

// newKey creates a key by the command, and returns its id and secret.
func newKey(t *testing.T, args ...string) (id, secret string) {
	t.Helper()
	said, err := millraceKey(t, append([]string{"create"}, args...)...)
	match := created.FindStringSubmatch(said)
	if err != nil || match == nil {
		t.Fatalf("key create %q says %q, %v", args, said, err)
	}
	return match[4], match[5]
}

// TestKeyCommands takes keys through their life, in a file and in a stack's table.
func TestKeyCommands(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		testKeyCommands(t, "-keys", filepath.Join(t.TempDir(), "keys.json"))
	})
	t.Run("stack", func(t *testing.T) {
		_, table := dynamo.KeysTable(t)
		stack := strings.TrimSuffix(table, "-keys")
		for name, value := range map[string]string{
			"AWS_ENDPOINT_URL_DYNAMODB": dynamo.Endpoint(t), "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "admin",
			"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "",
		} {
			t.Setenv(name, value)
		}
		if said, err := millraceKey(t, "list", "-stack", stack); err != nil || said != "no keys: nobody is let in\n" {
			t.Errorf("an empty table: %q, %v", said, err)
		}
		testKeyCommands(t, "-stack", stack)
		if _, err := millraceKey(t, "list", "-stack", "no-such-stack"); err == nil || !strings.Contains(err.Error(), "table no-such-stack-keys") {
			t.Errorf("a stack that is not there: %v", err)
		}
	})
}

func testKeyCommands(t *testing.T, where ...string) {
	on := func(command string, args ...string) (string, error) {
		t.Helper()
		return millraceKey(t, append(append([]string{command}, where...), args...)...)
	}
	producer, producerSecret := newKey(t, append(where, "-name", "checkout", "-actions", "Put*", "-streams", "orders*, payments")...)
	admin, adminSecret := newKey(t, append(where, "-name", "the admin")...)
	list := func(wants ...string) {
		t.Helper()
		said, err := on("list")
		if err != nil || strings.Contains(said, producerSecret) || strings.Contains(said, adminSecret) {
			t.Errorf("list: %v, %s", err, said)
		}
		lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
		if len(lines) != len(wants)+1 || !regexp.MustCompile(`^ID +NAME +STATE +ACTIONS +STREAMS +CREATED$`).MatchString(lines[0]) {
			t.Fatalf("list says\n%s, want %q", said, wants)
		}
		// Keys of one second stand in the order of their ids.
		for _, want := range wants {
			if !regexp.MustCompile(`(?m)^` + want + ` +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(said) {
				t.Errorf("list says\n%s, want %s", said, want)
			}
		}
	}
	checkout := producer + ` +checkout +enabled +Put\* +orders\*,payments`
	list(checkout, admin+` +the admin +enabled +\* +\*`)
	for _, change := range []struct{ command, state string }{{"disable", "disabled"}, {"disable", "disabled"}, {"enable", "enabled"}} {
		said, err := on(change.command, admin)
		if err != nil || said != "key "+admin+" is "+change.state+"; an endpoint that runs knows within a minute\n" {
			t.Errorf("%s says %q, %v", change.command, said, err)
		}
		list(checkout, admin+` +the admin +`+change.state+` +\* +\*`)
	}
	if said, err := on("delete", admin); err != nil || said != "key "+admin+" is deleted; an endpoint that runs knows within a minute\n" {
		t.Errorf("delete says %q, %v", said, err)
	}
	list(checkout)
	for _, command := range []string{"delete", "disable", "enable"} {
		if said, err := on(command, admin); !errors.Is(err, keys.ErrNotFound) || said != "" {
			t.Errorf("%s of what is not there says %q, %v", command, said, err)
		}
	}
	for _, wrong := range [][]string{{"-actions", "PutRecrods"}, {"-streams", "orders_eu"}, {"-streams", " , "}} {
		if said, err := on("create", append([]string{"-name", "n"}, wrong...)...); err == nil || said != "" {
			t.Errorf("create %q says %q, %v", wrong, said, err)
		}
	}
	list(checkout)
}

func TestKeyUsage(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, `key takes create, list, disable, enable or delete, not ""`},
		{[]string{"revoke", "X"}, `not "revoke"`},
		{[]string{"-keys", "f", "list"}, `not ""`},
		{[]string{"create", "-keys", "f"}, "key create needs -name"},
		{[]string{"create", "-keys", "f", "-name", " "}, "key create needs -name"},
		{[]string{"create", "-keys", "f", "-name", "n", "extra"}, `unexpected argument "extra"`},
		{[]string{"list", "-keys", "f", "extra"}, `unexpected argument "extra"`},
		{[]string{"list", "-keys", "f", "-name", "n"}, "-name, -actions and -streams are for key create"},
		{[]string{"list", "-keys", "f", "-stack", "s"}, "-stack and -keys are two different places"},
		{[]string{"list", "-keys", ""}, "-keys names no file"},
		{[]string{"list", "-stack", ""}, "-stack names no stack"},
		{[]string{"disable", "-keys", "f"}, "key disable needs the id"},
		{[]string{"enable", "-keys", "f", ""}, "key enable needs the id"},
		{[]string{"delete", "-keys", "f", "a", "b"}, `unexpected argument "b"`},
		{[]string{"list", "-nonsense"}, "flag provided but not defined"},
	} {
		if _, err := millraceKey(t, test.args...); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
	if _, err := millraceKey(t, "-h"); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-keys", ""}, "-keys names no file"},
		{[]string{"replay", "-keys", "f", "event.json"}, "-keys is not for it"},
	} {
		if _, err := parse(test.args); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
}

// TestKeyNeedsRegion: where nothing says where the stack is, the command says so at once.
func TestKeyNeedsRegion(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := millraceKey(t, "list"); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") || !strings.Contains(err.Error(), "-keys FILE") {
		t.Errorf("without a region: %v", err)
	}
}

// TestKeysFileRefused: the endpoint does not start with a file of keys in which anything is wrong.
func TestKeysFileRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	start := func() error {
		t.Helper()
		return run(t.Context(), []string{"-memory", "-addr", "127.0.0.1:0", "-keys", file}, &bytes.Buffer{})
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "millrace key create -keys "+file) {
		t.Errorf("no file: %v", err)
	}
	k, err := keys.New("n", []string{"*"}, []string{"*"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := (keys.File{Path: file}).Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "chmod 600 "+file) {
		t.Errorf("a file for everybody: %v", err)
	}
	if err := os.WriteFile(file, []byte(`{"keys":[{}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "key 1 of 1: id") {
		t.Errorf("a broken file: %v", err)
	}
}
