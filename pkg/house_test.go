// Package pkg_test holds the house to its plan: who may import whom.
package pkg_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport lists, for each package of the module, the packages of the module that it may reach, however indirectly.
// Imports run downwards only.
var mayImport = map[string]string{
	"pkg/hashkey":                 "",
	"pkg/seqnum":                  "",
	"pkg/segment":                 "pkg/hashkey",
	"pkg/deadline":                "",
	"pkg/shardlog":                "pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/shardlog/memstore":       "pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/shardlog/faultstore":     "pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/shardlog/storetest":      "pkg/shardlog/faultstore pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/journal":                 "",
	"pkg/boltstore":               "pkg/journal pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/dynamostore":             "pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/awsenv":                  "",
	"pkg/lacking":                 "",
	"pkg/lacking/fetched":         "pkg/lacking",
	"pkg/dynamostore/dynamolocal": "pkg/lacking pkg/dynamostore pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/dynamostore/cost": "pkg/dynamostore/dynamolocal pkg/lacking pkg/dynamostore pkg/streams pkg/kinesis " +
		"pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/kinesis":               "pkg/hashkey pkg/seqnum",
	"pkg/streams":               "pkg/kinesis pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/sigv4":                 "",
	"pkg/httpapi":               "pkg/sigv4 pkg/streams pkg/kinesis pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"pkg/apigw":                 "",
	"pkg/keys":                  "",
	"pkg/dynamokeys":            "pkg/keys",
	"functions/api":             "pkg/keys pkg/dynamokeys pkg/apigw pkg/awsenv pkg/httpapi pkg/sigv4 pkg/streams pkg/dynamostore pkg/kinesis pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
	"functions/api/runtimetest": "",
	"functions/bench":           "",
	"functions/local": "pkg/keys pkg/dynamokeys pkg/apigw pkg/httpapi pkg/sigv4 pkg/streams pkg/dynamostore pkg/boltstore pkg/journal pkg/shardlog/memstore " +
		"pkg/kinesis pkg/shardlog pkg/deadline pkg/hashkey pkg/seqnum pkg/segment",
}

// mayImportDirectly lists who imports a foreign module in its own files.
var mayImportDirectly = map[string]string{
	"github.com/aws/aws-sdk-go-v2/": "pkg/dynamostore pkg/dynamostore/dynamolocal pkg/dynamostore/cost pkg/dynamokeys pkg/awsenv functions/local",
	"github.com/aws/smithy-go":      "pkg/dynamostore pkg/sigv4",
	"github.com/aws/aws-lambda-go/": "functions/api",
	"go.etcd.io/bbolt":              "pkg/boltstore",
	"github.com/klauspost/compress": "pkg/segment",
}

const module = "millrace/"

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}

func TestImportsRunDownwards(t *testing.T) {
	for _, path := range goList(t, "./...") {
		name := strings.TrimPrefix(path, module)
		if name == "pkg" {
			continue // this test alone
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s has no place in the house", name)
			continue
		}
		for _, dep := range goList(t, "-deps", path) {
			dep, ours := strings.CutPrefix(dep, module)
			if ours && dep != name && !slices.Contains(strings.Fields(allowed), dep) {
				t.Errorf("%s imports %s", name, dep)
			}
		}
	}
}

func TestForeignModulesStayInTheirRooms(t *testing.T) {
	for _, line := range goListImports(t) {
		name, imports, _ := strings.Cut(line, " ")
		name = strings.TrimPrefix(name, module)
		for _, imported := range strings.Fields(imports) {
			for foreign, allowed := range mayImportDirectly {
				if strings.HasPrefix(imported, foreign) && !slices.Contains(strings.Fields(allowed), name) {
					t.Errorf("%s imports %s", name, imported)
				}
			}
		}
	}
}

func goListImports(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
