package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/pkg/lacking/fetched"
)

// boto3Version is the AWS SDK for Python that the tests fetch.
const boto3Version = "1.44.5"

// fetchBoto3 returns a Python that has boto3.
func fetchBoto3(t *testing.T) string {
	t.Helper()
	return filepath.Join(fetched.Python(t, "boto3=="+boto3Version), "python3")
}

// soundAndFailing returns the servers that a client program is run against: one that stores every record, and one that
// refuses some. Over TLS both show the same certificate.
func soundAndFailing(t *testing.T, overTLS bool) (sound, failing *server) {
	t.Helper()
	dir, faults := t.TempDir(), []string{"-memory", "-throttle", "0.3"}
	if !overTLS {
		return startServer(t, "-data", dir), startServer(t, faults...)
	}
	sound = startServer(t, "-data", dir, "-tls")
	return sound, startServer(t, append(faults, "-tls-cert", sound.cert, "-tls-key", filepath.Join(dir, keyFile))...)
}

// programTimeout ends a program that hangs. None comes near it.
const programTimeout = 10 * time.Minute

// runProgram runs a program that speaks to a server by an AWS SDK, which must end well, and returns the one line it prints.
func runProgram(t *testing.T, env []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(clientEnvironment(), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	line := strings.TrimSuffix(string(out), "\n")
	if err != nil || line == "" || strings.Contains(line, "\n") {
		t.Fatalf("it ended with %v and printed %q\n%s", err, out, &log)
	}
	return line
}

// clientEnvironment has credentials of no account, and hides those of the person who runs the tests.
func clientEnvironment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent",
	}
}

// TestBoto3 takes streams around the loop by the AWS SDK for Python.
func TestBoto3(t *testing.T) {
	t.Parallel()
	python := fetchBoto3(t)
	for name, overTLS := range map[string]bool{"HTTP": false, "HTTPS": true} {
		t.Run(name, func(t *testing.T) {
			sound, failing := soundAndFailing(t, overTLS)
			var env []string
			if overTLS {
				env = append(env, "AWS_CA_BUNDLE="+sound.cert)
			}
			said := runProgram(t, env, python, "testdata/boto3/client.py", sound.url, failing.url)
			if !strings.HasPrefix(said, "boto3 "+boto3Version+", ") {
				t.Errorf("it ran %q", said)
			}
			t.Log(said)
		})
	}
}
