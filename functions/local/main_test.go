package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"millrace/pkg/dynamostore/dynamolocal"
)

// asMain makes the test binary behave as the command, so that tests can start it as a process.
const asMain = "MILLRACE_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	code := m.Run()
	dynamo.Stop()
	os.Exit(code)
}

// dynamo is the DynamoDB Local of the tests that need one.
var dynamo dynamolocal.Server

// command returns the command as a process, to be started.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// server is the command, serving.
type server struct {
	cmd  *exec.Cmd
	url  string
	cert string // file, where it serves HTTPS
	out  *bufio.Reader
	log  *bytes.Buffer
}

var greeting = regexp.MustCompile(`^millrace serves Kinesis on (https?://127\.0\.0\.1:\d+)(?: \(certificate (.+)\))?, storing in (.+)\n$`)

func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{cmd: command(t, append([]string{"-addr", "127.0.0.1:0"}, args...)...), log: &bytes.Buffer{}}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out, s.cmd.Stderr = bufio.NewReader(out), s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := s.out.ReadString('\n')
	match := greeting.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("it greets with %q (%v)\n%s", line, err, s.log)
	}
	s.url, s.cert = match[1], match[2]
	return s
}

// stop sends a signal and checks that the process ends as one that meant to.
func (s *server) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(s.out)
	if err := s.cmd.Wait(); err != nil || string(rest) != "millrace has stopped\n" {
		t.Errorf("on %v it ended with %v and %q\n%s", signal, err, rest, s.log)
	}
}

func send(t *testing.T, client *http.Client, url, action, body string) string {
	t.Helper()
	answer, err := trySend(t.Context(), client, url, action, body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// trySend returns the status and the body of the answer, or an error where there is none.
func trySend(ctx context.Context, client *http.Client, url, action, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+action)
	w, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer w.Body.Close()
	answer, err := io.ReadAll(w.Body)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(w.StatusCode, " ", string(answer)), nil
}

// ask sends a request whose answer is JSON.
func ask(t *testing.T, url, action, body string, answer any) {
	t.Helper()
	_, got, _ := strings.Cut(send(t, http.DefaultClient, url, action, body), " ")
	if err := json.Unmarshal([]byte(got), answer); err != nil {
		t.Fatalf("%s: %v: %s", action, err, got)
	}
}

const putOne = `{"StreamName":"orders","Records":[{"Data":"aGk=","PartitionKey":"k"}]}`

// TestServe creates a stream, puts, stops and starts again: the embedded store keeps everything.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	s := startServer(t, "-data", dir, "-account", "123456789012", "-region", "eu-north-1")
	if got := send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":2}`); got != "200 " {
		t.Errorf("CreateStream: %s", got)
	}
	first := send(t, http.DefaultClient, s.url, "PutRecords", putOne)
	if !strings.Contains(first, `"FailedRecordCount":0`) {
		t.Errorf("PutRecords: %s", first)
	}
	refused := send(t, http.DefaultClient, s.url, "DescribeStreamSummary", `{"StreamName":"nothing"}`)
	s.stop(t, syscall.SIGTERM)
	if !strings.HasPrefix(refused, "400 ") || !strings.Contains(s.log.String(), "error=ResourceNotFoundException") || strings.Contains(s.log.String(), "status=200") {
		t.Errorf("refused with %s, the log: %s", refused, s.log)
	}

	s = startServer(t, "-data", dir, "-account", "123456789012", "-region", "eu-north-1", "-verbose")
	summary := send(t, http.DefaultClient, s.url, "DescribeStreamSummary", `{"StreamName":"orders"}`)
	if !strings.Contains(summary, `"StreamARN":"arn:aws:kinesis:eu-north-1:123456789012:stream/orders"`) || !strings.Contains(summary, `"OpenShardCount":2`) {
		t.Errorf("after a restart: %s", summary)
	}
	if again := send(t, http.DefaultClient, s.url, "PutRecords", putOne); again <= first {
		t.Errorf("after a restart a put is acknowledged with %s, before it with %s", again, first)
	}
	s.stop(t, os.Interrupt)
	if !strings.Contains(s.log.String(), "action=PutRecords status=200") {
		t.Errorf("the log with -verbose: %s", s.log)
	}
}

// TestDynamoDBEndpoint serves over a DynamoDB on this machine, whose table it makes itself.
func TestDynamoDBEndpoint(t *testing.T) {
	args := []string{"-dynamodb-endpoint", dynamo.Endpoint(t), "-table", "orders-of-the-local-server"}
	s := startServer(t, args...)
	if got := send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":2}`); got != "200 " {
		t.Errorf("CreateStream: %s", got)
	}
	s.stop(t, syscall.SIGTERM)
	s = startServer(t, args...)
	if got := send(t, http.DefaultClient, s.url, "PutRecords", putOne); !strings.Contains(got, `"FailedRecordCount":0`) {
		t.Errorf("PutRecords after a restart: %s", got)
	}
	s.stop(t, syscall.SIGTERM)
}

// TestLargestRequest puts a record of 1 MB, and 5 MB in one request, into the embedded store.
func TestLargestRequest(t *testing.T) {
	s := startServer(t, "-data", t.TempDir())
	send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":1}`)
	record := func(size int) string {
		return `{"PartitionKey":"k","Data":"` + base64.StdEncoding.EncodeToString(make([]byte, size)) + `"}`
	}
	mb := record(1 << 20)
	for _, records := range []string{mb, strings.Repeat(mb+",", 4) + record(1<<20-5)} {
		got := send(t, http.DefaultClient, s.url, "PutRecords", `{"StreamName":"orders","Records":[`+records+`]}`)
		if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"FailedRecordCount":0`) {
			t.Errorf("%d bytes: %.300s", len(records), got)
		}
	}
}

// TestHTTP2 speaks HTTP/2 without TLS to the same port.
func TestHTTP2(t *testing.T) {
	s := startServer(t, "-memory")
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	if got := send(t, client, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":1}`); got != "200 " {
		t.Errorf("CreateStream: %s", got)
	}
	client.CloseIdleConnections()
	s.stop(t, syscall.SIGTERM)
}

// TestStopLetsRequestsFinish stops the server while a request's body is on its way.
func TestStopLetsRequestsFinish(t *testing.T) {
	s := startServer(t, "-memory")
	send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":1}`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The server answers 100 once it reads the body, and so is then at work on the request.
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.PutRecords\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(putOne))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("first line %q, %v", line, err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := answers.ReadString('\n'); err != nil { // the empty line after 100
		t.Fatal(err)
	}
	io.WriteString(conn, putOne)
	w, err := http.ReadResponse(answers, nil)
	if err != nil || w.StatusCode != 200 {
		t.Errorf("the request under way got %v, %v", w, err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, s.log)
	}
}

func TestDataInUse(t *testing.T) {
	dir := t.TempDir()
	startServer(t, "-data", dir)
	out, err := command(t, "-addr", "127.0.0.1:0", "-data", dir).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "is in use by another millrace") {
		t.Errorf("a second server over the same data: %v %s", err, out)
	}
}

func TestAddressInUse(t *testing.T) {
	s := startServer(t, "-memory")
	out, err := command(t, "-memory", "-addr", strings.TrimPrefix(s.url, "http://")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "address already in use") {
		t.Errorf("a second server on the same port: %v %s", err, out)
	}
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "flag provided but not defined: -nonsense"},
		{[]string{"extra"}, `unexpected argument "extra"`},
		{[]string{"replay"}, "replay needs the files of the events"},
		{[]string{"-memory", "-data", "x"}, "-memory goes with neither"},
		{[]string{"-memory", "-dynamodb-endpoint", "http://127.0.0.1:1"}, "-memory goes with neither"},
		{[]string{"-data", "x", "-dynamodb-endpoint", "http://127.0.0.1:1"}, "two different stores"},
		{[]string{"-table", "x"}, "-table needs -dynamodb-endpoint"},
		{[]string{"-account", "12"}, `-account "12" is not 12 digits`},
		{[]string{"-region", ""}, "-region is empty"},
		{[]string{"-tls-cert", "x"}, "-tls-cert and -tls-key go together"},
		{[]string{"-tls", "-tls-cert", "x", "-tls-key", "y"}, "-tls makes a certificate of its own"},
		{[]string{"-throttle", "1.1"}, "shares between 0 and 1"},
		{[]string{"-throttle", "0.6", "-fail", "0.6"}, "shares between 0 and 1"},
		{[]string{"-fail", "-1"}, "shares between 0 and 1"},
		{[]string{"-throttle", "NaN"}, "shares between 0 and 1"},
		{[]string{"-latency", "-1s"}, "-latency is negative"},
	} {
		if _, err := parse(test.args); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
	out, err := command(t, "-account", "12").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "-h lists the flags") {
		t.Errorf("wrong usage ends with %v %s", err, out)
	}
	if out, err := command(t, "-h").CombinedOutput(); err != nil || !strings.Contains(string(out), "-dynamodb-endpoint") {
		t.Errorf("-h: %v %s", err, out)
	}
}

// TestReplay replays the sample events in memory and checks the answer of each.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"replay"}, files...), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2*len(files) {
		t.Fatalf("%d files give:\n%s", len(files), &out)
	}
	for i, want := range []string{
		`^  200 $`, `^  200 .*"FailedRecordCount":0`, `^  200 .*"FailedRecordCount":0`, `^  200 .*"FailedRecordCount":0`,
		`^  200 .*"FailedRecordCount":0`, `^  400 .*InvalidArgumentException`, `^  400 .*ResourceNotFoundException`,
	} {
		if !regexp.MustCompile(want).MatchString(lines[2*i+1]) {
			t.Errorf("%s is answered by %s", lines[2*i], lines[2*i+1])
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	notAnEvent := filepath.Join(t.TempDir(), "nothing.json")
	if err := os.WriteFile(notAnEvent, []byte(`{"hello":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{notAnEvent, "missing.json"} {
		if err := run(t.Context(), []string{"replay", file}, io.Discard); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("replay of %s: %v", file, err)
		}
	}
}
