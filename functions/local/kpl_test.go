package main

import (
	"slices"
	"strings"
	"testing"

	"millrace/pkg/lacking/fetched"
)

const kplVersion = "1.1.1" // as testdata/kpl/pom.xml has it

// TestKPL takes streams around the loop by the Kinesis Producer Library, which speaks TLS alone and has a native part: with its
// aggregation of records and without. It puts again by itself what fails.
func TestKPL(t *testing.T) {
	t.Parallel()
	java := fetched.Java(t, "kpl-"+kplVersion, "testdata/kpl/pom.xml")
	for name, aggregate := range map[string]string{"aggregated": "true", "one by one": "false"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "-data", t.TempDir(), "-tls", "-throttle", "0.3")
			program := []string{"testdata/kpl/Producer.java", s.url, s.cert, aggregate, t.TempDir()}
			said := runProgram(t, nil, slices.Concat(java, program)...)
			if !strings.HasPrefix(said, "amazon-kinesis-producer "+kplVersion+", ") {
				t.Errorf("it ran %q", said)
			}
			t.Log(said)
		})
	}
}
