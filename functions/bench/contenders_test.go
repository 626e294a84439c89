package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace/pkg/lacking"
	"millrace/pkg/lacking/fetched"
)

// contender is a server that is measured, in a process of its own.
type contender struct {
	name string
	addr string
	pid  int
}

// call makes one request, for what stands around the measuring.
func (c *contender) call(b *testing.B, action, body string) string {
	b.Helper()
	conn, err := dial(c.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.do(request(action, body))
	if err != nil {
		b.Fatalf("%s of %s: %v", action, c.name, err)
	}
	return string(answer)
}

// createStream returns once the stream is active.
func (c *contender) createStream(b *testing.B, name string, shards int) {
	b.Helper()
	c.call(b, "CreateStream", fmt.Sprintf(`{"StreamName":"%s","ShardCount":%d}`, name, shards))
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if strings.Contains(c.call(b, "DescribeStream", fmt.Sprintf(`{"StreamName":"%s"}`, name)), `"ACTIVE"`) {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("stream %s of %s does not become active", name, c.name)
		}
	}
}

// startMillrace starts the local endpoint as a user would, but with its log thrown away.
func startMillrace(b *testing.B, args ...string) *contender {
	b.Helper()
	buildLocal(b)
	cmd := exec.Command(shared.local, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	c := &contender{name: "millrace"}
	c.addr = started(b, cmd, regexp.MustCompile(`http://(\S+),`))
	c.pid = cmd.Process.Pid
	return c
}

// startBare starts the bare server, which is this binary.
func startBare(b *testing.B) *contender {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asBare+"=1")
	return &contender{name: "bare server", addr: started(b, cmd, regexp.MustCompile(`on (\S+)`))}
}

// startKinesalite starts kinesalite as it starts by default, in memory, on a free port.
func startKinesalite(b *testing.B) *contender {
	b.Helper()
	node, dir := lacking.Program(b, "node"), fetched.Kinesalite(b)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	cmd := exec.Command(node, filepath.Join(dir, "cli.js"), "--port", addr[strings.LastIndexByte(addr, ':')+1:])
	started(b, cmd, regexp.MustCompile(`Listening at (\S+)`))
	return &contender{name: "kinesalite", addr: addr}
}

// started starts a server, which ends with the benchmark, and returns what its first line says that it serves on.
func started(b *testing.B, cmd *exec.Cmd, greeting *regexp.Regexp) (addr string) {
	b.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		err := cmd.Process.Signal(os.Interrupt)
		var exit *exec.ExitError
		if waited := cmd.Wait(); err != nil || waited != nil && !errors.As(waited, &exit) {
			b.Errorf("%s ended with %v, %v", cmd.Path, err, waited)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	match := greeting.FindStringSubmatch(line)
	if match == nil {
		b.Fatalf("%s greets with %q (%v)", cmd.Path, line, err)
	}
	return match[1]
}
