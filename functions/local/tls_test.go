package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trusting returns a client that trusts the certificate in a file, and speaks HTTP/2 or HTTP/1.1.
func trusting(t *testing.T, cert string, http2 bool) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", cert)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestTLS serves HTTPS by a certificate that is made at the first start and kept.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, "-data", dir, "-tls")
	if s.cert != filepath.Join(dir, certificateFile) || !strings.HasPrefix(s.url, "https://") {
		t.Errorf("it serves %s by %s", s.url, s.cert)
	}
	made, err := os.ReadFile(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	if got := send(t, trusting(t, s.cert, true), s.url, "CreateStream", `{"StreamName":"orders","ShardCount":1}`); got != "200 " {
		t.Errorf("over HTTP/2: %s", got)
	}
	local := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	if got := send(t, trusting(t, s.cert, false), local, "PutRecords", putOne); !strings.Contains(got, `"FailedRecordCount":0`) {
		t.Errorf("over HTTP/1.1: %s", got)
	}
	if _, err := http.Get(s.url); err == nil {
		t.Error("a client that does not trust the certificate got an answer")
	}
	if key, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", key, err)
	}
	s.stop(t, syscall.SIGTERM)

	s = startServer(t, "-data", dir, "-tls")
	if again, err := os.ReadFile(s.cert); err != nil || string(again) != string(made) {
		t.Errorf("after a restart the certificate is another (%v)", err)
	}
	s.stop(t, syscall.SIGTERM)

	s = startServer(t, "-memory", "-tls-cert", filepath.Join(dir, certificateFile), "-tls-key", filepath.Join(dir, keyFile))
	if got := send(t, trusting(t, s.cert, true), s.url, "ListStreams", `{}`); !strings.HasPrefix(got, "200 ") {
		t.Errorf("with a certificate that was given: %s", got)
	}
}

func TestCertificateIsMadeAnew(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	read := func(hosts []string, at time.Time) string {
		t.Helper()
		cert, _, err := certificate(dir, hosts, at)
		if err != nil {
			t.Fatal(err)
		}
		pem, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem)
	}
	hosts := certificateHosts("127.0.0.1:4567")
	first := read(hosts, now)
	if read(hosts, now.Add(certificateLife-certificateRest-time.Hour)) != first {
		t.Error("a good certificate was replaced")
	}
	more := read(certificateHosts("kinesis.test:4567"), now)
	if more == first {
		t.Error("a certificate without the host was kept")
	}
	if read(hosts, now.Add(certificateLife-certificateRest+time.Hour)) == more {
		t.Error("a certificate that is about to end was kept")
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := certificate(dir, hosts, now); err == nil || !strings.Contains(err.Error(), "remove them to have new ones made") {
		t.Errorf("with a damaged key: %v", err)
	}
}

func TestCertificateHosts(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "localhost 127.0.0.1 ::1", ":1": "localhost 127.0.0.1 ::1", "0.0.0.0:1": "localhost 127.0.0.1 ::1",
		"[::]:1": "localhost 127.0.0.1 ::1", "kinesis.test:1": "localhost 127.0.0.1 ::1 kinesis.test", "192.0.2.7:1": "localhost 127.0.0.1 ::1 192.0.2.7",
	} {
		if got := strings.Join(certificateHosts(addr), " "); got != want {
			t.Errorf("hosts for %s: %s, want %s", addr, got, want)
		}
	}
}

func TestTLSFilesMissing(t *testing.T) {
	out, err := command(t, "-memory", "-addr", "127.0.0.1:0", "-tls-cert", "none.pem", "-tls-key", "none.key").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "-tls-cert none.pem with -tls-key none.key") || strings.Contains(string(out), "serves") {
		t.Errorf("without the files: %v %s", err, out)
	}
}
