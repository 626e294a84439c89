package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/pkg/lacking"
	"millrace/pkg/lacking/fetched"
)

// The parts of the AWS SDK for JavaScript that the tests fetch: its client, and its handler of HTTP/1.1.
const (
	javaScriptSDKVersion = "3.1143.0"
	nodeHandlerVersion   = "4.14.2"
)

// fetchJavaScriptSDK returns the node_modules that hold the AWS SDK for JavaScript.
func fetchJavaScriptSDK(t *testing.T) string {
	t.Helper()
	return fetched.NPM(t, "@aws-sdk/client-kinesis@"+javaScriptSDKVersion, "@smithy/node-http-handler@"+nodeHandlerVersion)
}

// besideJavaScriptSDK returns a folder with the programs in testdata/javascript, which find the SDK there: modules are
// looked for beside the program.
func besideJavaScriptSDK(t *testing.T) string {
	t.Helper()
	modules, beside := fetchJavaScriptSDK(t), t.TempDir()
	if err := os.CopyFS(beside, os.DirFS("testdata/javascript")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(beside, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return beside
}

// TestJavaScriptSDK takes streams around the loop by the AWS SDK for JavaScript: over HTTP/2, which it speaks by itself even
// without TLS, and over HTTP/1.1.
func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	beside := besideJavaScriptSDK(t)
	node := lacking.Program(t, "node")
	for _, test := range []struct {
		name, protocol string
		overTLS        bool
	}{
		{"HTTP/2 without TLS", "h2", false},
		{"HTTP/1.1", "http/1.1", false},
		{"HTTP/2 over TLS", "h2", true},
		{"HTTP/1.1 over TLS", "http/1.1", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sound, failing := soundAndFailing(t, test.overTLS)
			var env []string
			if test.overTLS {
				env = append(env, "NODE_EXTRA_CA_CERTS="+sound.cert)
			}
			said := runProgram(t, env, node, filepath.Join(beside, "client.mjs"), test.protocol, sound.url, failing.url)
			if !strings.HasPrefix(said, "client-kinesis "+javaScriptSDKVersion+", "+test.protocol+", ") {
				t.Errorf("it ran %q", said)
			}
			t.Log(said)
		})
	}
}
