package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"

	"millrace/pkg/lacking"
	"millrace/pkg/shardlog/memstore"
)

const javaSDKVersion = "2.41.28" // as testdata/java/pom.xml has it

// fetchJavaSDK returns a folder with the AWS SDK for Java.
func fetchJavaSDK(t *testing.T) string {
	t.Helper()
	return cached(t, "java-sdk-"+javaSDKVersion, func(dir string) error {
		return fetch(t, "", "mvn", "--quiet", "--batch-mode", "--file", "testdata/java/pom.xml",
			"dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
}

// TestJavaSDK takes a stream around the loop by the AWS SDK for Java: in CBOR, which it speaks by itself, and in JSON.
func TestJavaSDK(t *testing.T) {
	jars := fetchJavaSDK(t)
	java, err := exec.LookPath("java")
	if err != nil {
		lacking.Skip(t, err)
	}
	for cbor, contentType := range map[string]string{"true": "application/x-amz-cbor-1.1", "false": "application/x-amz-json-1.1"} {
		t.Run(contentType, func(t *testing.T) {
			o := options{account: "000000000000", region: "us-east-1"}
			handler := o.newHandler(memstore.New(), slog.New(slog.DiscardHandler))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Content-Type"); got != contentType {
					t.Errorf("%s came in %s", r.Header.Get("X-Amz-Target"), got)
				}
				handler.ServeHTTP(w, r)
			}))
			defer server.Close()
			client := exec.CommandContext(t.Context(), java, "-Daws.cborEnabled="+cbor, "-cp", filepath.Join(jars, "*"), "testdata/java/Client.java", server.URL)
			out, err := client.Output()
			if err != nil {
				t.Errorf("%v\n%s", err, stderrOf(err))
			}
			t.Logf("%s", out)
		})
	}
}

func stderrOf(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}
