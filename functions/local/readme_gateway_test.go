package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"millrace/pkg/lacking"
	"millrace/pkg/shardlog/memstore"
)

// gatewayURL is the endpoint that the README's programs speak to.
const gatewayURL = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"

// TestREADMESignsForGateway runs the README's programs as they stand there, but against an endpoint of this test, which
// notes for what their requests are signed.
func TestREADMESignsForGateway(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)\n```(go|js|python)\n(.*?)\n```\n").FindAllStringSubmatch(string(readme), -1) {
		if strings.Contains(block[2], gatewayURL) {
			programs[block[1]] += block[2] + "\n"
		}
	}
	for language, start := range map[string]func(t *testing.T, file string) (command []string){
		// Packages are those of this module.
		"go": func(t *testing.T, file string) []string { return []string{lacking.Program(t, "go"), "run", file} },
		"js": func(t *testing.T, file string) []string {
			modules := fetchJavaScriptSDK(t)
			if err := os.Symlink(modules, filepath.Join(filepath.Dir(file), "node_modules")); err != nil {
				t.Fatal(err)
			}
			return []string{lacking.Program(t, "node"), file}
		},
		"python": func(t *testing.T, file string) []string { return []string{fetchBoto3(t), file} },
	} {
		t.Run(language, func(t *testing.T) {
			if programs[language] == "" {
				t.Fatal("the README has no such program")
			}
			file := filepath.Join(t.TempDir(), "program."+map[string]string{"go": "go", "js": "mjs", "python": "py"}[language])
			command := start(t, file)
			url, scopes := serveAndNoteScopes(t)
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(programs[language], gatewayURL, url)), 0o600); err != nil {
				t.Fatal(err)
			}
			env := []string{"AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", "HOME=" + os.Getenv("HOME")}
			if said := runProgram(t, env, command...); said != "shardId-000000000000" {
				t.Errorf("it says %q", said)
			}
			if got := scopes(); len(got) != 1 || got[0] != "/eu-central-1/execute-api/aws4_request" {
				t.Errorf("it signs for %q", got)
			}
		})
	}
}

// serveAndNoteScopes serves an open endpoint with the stream orders, and tells for what requests to it were signed.
func serveAndNoteScopes(t *testing.T) (url string, scopes func() []string) {
	o := options{account: "000000000000", region: "us-east-1"}
	handler := o.newHandler(memstore.New(), slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	var noted []string
	signed := regexp.MustCompile(`Credential=\w+/\d{8}([^,]+),`)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if match := signed.FindStringSubmatch(r.Header.Get("Authorization")); match != nil {
			mu.Lock()
			noted = append(noted, match[1])
			mu.Unlock()
		}
		handler.ServeHTTP(w, r)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	if got := send(t, http.DefaultClient, server.URL, "CreateStream", `{"StreamName":"orders","ShardCount":1}`); got != "200 " {
		t.Fatalf("CreateStream: %s", got)
	}
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return noted
	}
}
