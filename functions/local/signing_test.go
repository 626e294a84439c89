package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/pkg/lacking"
)

func lookPath(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		lacking.Skip(t, err)
	}
	return path
}

// TestSignersOfSDKs compares the verifier with the signers of botocore and of the SDK for JavaScript over random requests. (That of
// the SDK for Go is in the tests of package sigv4.)
func TestSignersOfSDKs(t *testing.T) {
	url := "http://" + serveGuarded(t, newGuard(time.Now), options{}, nil)
	t.Run("botocore", func(t *testing.T) {
		t.Log(runProgram(t, nil, fetchBoto3(t), "testdata/boto3/signing.py", url, guarded))
	})
	t.Run("JavaScript", func(t *testing.T) {
		node := lookPath(t, "node")
		t.Log(runProgram(t, nil, node, filepath.Join(besideJavaScriptSDK(t), "signing.mjs"), url, guarded))
	})
}

// TestSigningClients takes streams around the loop by SDKs, as the tests of each do, where only signed requests are let in. Each
// comes in the format that its SDK speaks by itself, and Java's is CBOR.
func TestSigningClients(t *testing.T) {
	serve := func() (sound, failing string) {
		return "http://" + serveGuarded(t, newGuard(time.Now), options{}, nil), "http://" + serveGuarded(t, newGuard(time.Now), options{throttle: 0.3}, nil)
	}
	t.Run("boto3", func(t *testing.T) {
		sound, failing := serve()
		t.Log(runProgram(t, nil, fetchBoto3(t), "testdata/boto3/client.py", sound, failing))
	})
	for _, protocol := range []string{"h2", "http/1.1"} {
		t.Run("JavaScript over "+protocol, func(t *testing.T) {
			sound, failing := serve()
			program := filepath.Join(besideJavaScriptSDK(t), "client.mjs")
			t.Log(runProgram(t, nil, lookPath(t, "node"), program, protocol, sound, failing))
		})
	}
	t.Run("Java", func(t *testing.T) {
		sound, failing := serve()
		java := fetchJars(t, "java-sdk-"+javaSDKVersion, "testdata/java/pom.xml")
		said := runProgram(t, nil, append(java, "testdata/java/Client.java", sound, failing)...)
		if !strings.Contains(said, javaSDKVersion) {
			t.Errorf("it ran %q", said)
		}
	})
}
