package main

import (
	"path/filepath"
	"testing"
	"time"

	"millrace/pkg/lacking"
)

// TestSignersOfSDKs compares the verifier with the signers of botocore and of the SDK for JavaScript over random requests. (That of
// the SDK for Go is in the tests of package sigv4.)
func TestSignersOfSDKs(t *testing.T) {
	url := "http://" + serveGuarded(t, newGuard(time.Now), options{}, nil)
	t.Run("botocore", func(t *testing.T) {
		t.Log(runProgram(t, nil, fetchBoto3(t), "testdata/boto3/signing.py", url, guarded))
	})
	t.Run("JavaScript", func(t *testing.T) {
		node := lacking.Program(t, "node")
		t.Log(runProgram(t, nil, node, filepath.Join(besideJavaScriptSDK(t), "signing.mjs"), url, guarded))
	})
}
