package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"millrace/pkg/lacking/fetched"
	"millrace/pkg/shardlog/memstore"
)

const javaSDKVersion = "2.41.28" // as testdata/java/pom.xml has it

// TestJavaSDK takes streams around the loop by the AWS SDK for Java: in CBOR, which it speaks by itself, and in JSON.
func TestJavaSDK(t *testing.T) {
	t.Parallel()
	java := fetched.Java(t, "java-sdk-"+javaSDKVersion, "testdata/java/pom.xml")
	for cbor, contentType := range map[string]string{"true": "application/x-amz-cbor-1.1", "false": "application/x-amz-json-1.1"} {
		t.Run(contentType, func(t *testing.T) {
			sound := serveContentType(t, options{}, contentType)
			failing := serveContentType(t, options{throttle: 0.3}, contentType)
			program := []string{"-Daws.cborEnabled=" + cbor, "testdata/java/Client.java", sound, failing}
			said := runProgram(t, nil, slices.Concat(java, program)...)
			if said != "AWS SDK for Java "+javaSDKVersion {
				t.Errorf("it ran %q", said)
			}
		})
	}
}

// serveContentType serves in memory, and returns the URL. Every request must come in the content type.
func serveContentType(t *testing.T, o options, contentType string) string {
	t.Helper()
	o.account, o.region = "000000000000", "us-east-1"
	handler := o.newHandler(memstore.New(), slog.New(slog.DiscardHandler))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Content-Type"); got != contentType {
			t.Errorf("%s came in %s", r.Header.Get("X-Amz-Target"), got)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
