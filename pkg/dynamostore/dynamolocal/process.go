package dynamolocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// startTries: the free port that was found may be taken by the time Java listens on it.
	startTries = 3
	answerPoll = 50 * time.Millisecond
)

// keeper runs its arguments as a command, and ends it when its own standard input ends: with the test binary that holds
// the other end, even where that is killed. It ends with the command.
const keeper = `exec 3<&0
"$@" 3<&- &
pid=$!
{ read -r _ <&3; kill "$pid"; } 2>/dev/null &
wait "$pid"`

// process is a running DynamoDB Local.
type process struct {
	endpoint string
	hold     io.Closer // its end ends the server
	done     chan struct{}
	log      string
}

// started starts DynamoDB Local and returns once it answers.
func started(ctx context.Context, dir string) (*process, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, &lackingError{"java", err}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		return nil, &lackingError{"sh", err}
	}
	for n := 1; ; n++ {
		p, err := launch(sh, java, dir)
		if err == nil {
			err = p.awaitAnswer(ctx)
		}
		switch {
		case err == nil:
			return p, nil
		case strings.Contains(err.Error(), "UnsupportedClassVersionError"):
			return nil, &lackingError{"Java 17", err}
		case n == startTries || ctx.Err() != nil:
			return nil, err
		}
	}
}

func launch(sh, java, dir string) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp("", "dynamodb-local-*.log")
	if err != nil {
		return nil, fmt.Errorf("make a log file: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(sh, "-c", keeper, "sh",
		java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.library.path="+filepath.Join(dir, libName),
		"-jar", filepath.Join(dir, jarName), "-inMemory", "-sharedDb", "-disableTelemetry", "-port", strconv.Itoa(port))
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start java: %w", err)
	}
	p := &process{endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), hold: hold, done: make(chan struct{}), log: out.Name()}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // its log says why
	}()
	return p, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// awaitAnswer returns nil once the server answers, be it with a refusal. Otherwise it stops the server.
func (p *process) awaitAnswer(ctx context.Context) error {
	tick := time.NewTicker(answerPoll)
	defer tick.Stop()
	for {
		if answers(ctx, p.endpoint) {
			return nil
		}
		err := error(nil)
		select {
		case <-tick.C:
			continue
		case <-p.done:
			err = errors.New("it ended")
		case <-ctx.Done():
			err = ctx.Err()
		}
		said, _ := os.ReadFile(p.log)
		p.stop()
		return fmt.Errorf("start DynamoDB Local: %w; it said: %s", err, said)
	}
}

func answers(ctx context.Context, endpoint string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	// DynamoDB Local answers a request without a signature with 400.
	return response.StatusCode == http.StatusBadRequest
}

func (p *process) stop() {
	p.hold.Close()
	<-p.done
	os.Remove(p.log)
}
