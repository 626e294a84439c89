package bench

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// request returns the bytes of an HTTP request, signed as kinesalite wants to see it: by anything.
func request(action, body string) []byte {
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"X-Amz-Target: Kinesis_20131202.%s\r\nX-Amz-Date: 20260101T000000Z\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00\r\n"+
		"Content-Length: %d\r\n\r\n%s", action, len(body), body)
}

// putBody returns the body of a PutRecords of so many JSON records of so many bytes each.
func putBody(stream string, records, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"StreamName":"%s","Records":[`, stream)
	for i := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Data":"%s","PartitionKey":"customer-%d"}`, base64.StdEncoding.EncodeToString(jsonRecord(size)), rand.IntN(100_000))
	}
	b.WriteString("]}")
	return b.String()
}

// jsonRecord returns an event as a producer has it, of so many bytes.
func jsonRecord(size int) []byte {
	b := fmt.Appendf(nil, `{"order":%d,"customer":%d,"total":%.2f,"currency":"EUR","note":"`, rand.IntN(1e6), rand.IntN(1e5), rand.Float64()*200)
	const words = "two boxes of oranges, left at the door; "
	for len(b) < size-2 {
		b = append(b, words[len(b)%len(words)])
	}
	return append(b[:max(size-2, 0)], `"}`...)
}

// connection sends requests one after another and reads as little of the answers as tells whether they are good.
type connection struct {
	net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(addr string) (*connection, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

// do sends a request and returns the body of the answer, which must be 200. It is good until the next call.
func (c *connection) do(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	good := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	length, err := c.header()
	if err != nil {
		return nil, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return nil, err
	}
	if !good {
		return nil, fmt.Errorf("it answers %.300s", c.body)
	}
	return c.body, nil
}

var errNoLength = errors.New("an answer without Content-Length")

// header reads the header and returns the length of the body.
func (c *connection) header() (length int, err error) {
	length = -1
	for {
		line, err := c.in.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case len(line) <= len("\r\n") && length < 0:
			return 0, errNoLength
		case len(line) <= len("\r\n"):
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
}

// load has each of so many connections send requests for a time, the next one as soon as the last is answered with what must be in it, one
// at least, and returns how many a second were answered.
func load(addr string, connections int, requests [][]byte, want string, span time.Duration) (perSecond float64, err error) {
	var mu sync.Mutex
	var total int
	var failures []error
	var running sync.WaitGroup
	started := time.Now()
	for i := range connections {
		running.Go(func() {
			n, err := loadOne(addr, requests, i, want, started.Add(span))
			mu.Lock()
			defer mu.Unlock()
			total += n
			failures = append(failures, err)
		})
	}
	running.Wait()
	return float64(total) / time.Since(started).Seconds(), errors.Join(failures...)
}

func loadOne(addr string, requests [][]byte, first int, want string, end time.Time) (n int, err error) {
	c, err := dial(addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for n = 1; ; n++ {
		body, err := c.do(requests[(first+n)%len(requests)])
		switch {
		case err != nil:
			return n, err
		case !bytes.Contains(body, []byte(want)):
			return n, fmt.Errorf("it answers %.300s", body)
		case !time.Now().Before(end):
			return n, nil
		}
	}
}
