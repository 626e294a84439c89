package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/uuid"

	"millrace/pkg/lacking/fetched"
)

const kclVersion = "3.5.1" // as testdata/kcl/pom.xml has it

// TestKCL has the Kinesis Client Library read a stream while producers put and its shards split, merge and scale: it reads every
// acknowledged record, parents before children, and after a restart goes on where it left. Its leases are in DynamoDB Local.
func TestKCL(t *testing.T) {
	t.Parallel()
	java := fetched.Java(t, "kcl-"+kclVersion, "testdata/kcl/pom.xml")
	s, leases, application := startServer(t, "-data", t.TempDir()), dynamo.Endpoint(t), "millrace-"+uuid.NewString()
	client := clientOf(s.url)
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(4)}); err != nil {
		t.Fatal(err)
	}
	early := produceAlone(t, client, "early")
	k := startKCL(t, java, s.url, leases, "orders", application)
	t.Cleanup(func() {
		if _, err := dynamo.Client(t).DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &application}); err != nil {
			t.Errorf("delete the table of leases: %v", err)
		}
	})
	k.await(t, "the first record", func() bool { return slices.ContainsFunc(k.told, func(e event) bool { return e.what == "read" }) })

	producers, err := produceAndReshard(t.Context(), client, 25)
	if err != nil {
		t.Fatal(err)
	}
	producers = append(producers, early)
	shards := listShards(t, client)
	k.await(t, "every record and the end of every closed shard", func() bool { return k.hasRead(producers) && k.hasEnded(shards) })
	k.stop(t)
	k.consumed(t, shards).check(t, producers)

	before := k.told
	late := produceAlone(t, client, "late")
	k = startKCL(t, java, s.url, leases, "orders", application)
	k.await(t, "the records put meanwhile", func() bool { return k.hasRead([]producer{late}) })
	k.stop(t)
	for _, e := range k.told {
		if e.what == "read" && slices.Contains(before, e) {
			t.Errorf("after a restart it read %s of %s again", e.data, e.shard)
		}
	}
}

// produceAlone has one producer put some records, all of which are acknowledged.
func produceAlone(t *testing.T, client *kinesis.Client, name string) producer {
	t.Helper()
	p := producer{client: client, name: name}
	if err := p.run(t.Context(), 10, make(chan struct{}, 1)); err != nil || len(p.maybe) > 0 {
		t.Fatalf("%v, %d records failed", err, len(p.maybe))
	}
	return p
}

func listShards(t *testing.T, client *kinesis.Client) []types.Shard {
	t.Helper()
	out, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	return out.Shards
}

// event is what the Kinesis Client Library told the program in testdata/kcl: that a shard has started, ended or been left, or that one
// of its records was read.
type event struct {
	what, shard, key, data string
}

// kcl is that program, running.
type kcl struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	end   io.Closer
	log   *bytes.Buffer
	told  []event
}

func startKCL(t *testing.T, java []string, args ...string) *kcl {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	t.Cleanup(cancel)
	args = slices.Concat(java[1:], []string{"testdata/kcl/Consumer.java"}, args)
	k := &kcl{cmd: exec.CommandContext(ctx, java[0], args...), log: &bytes.Buffer{}}
	k.cmd.Stderr = k.log
	end, err := k.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k.lines, k.end = bufio.NewScanner(out), end
	return k
}

// next waits for the next event, and returns false when there is none any more.
func (k *kcl) next(t *testing.T) bool {
	t.Helper()
	if !k.lines.Scan() {
		return false
	}
	words := strings.Fields(k.lines.Text())
	for i, word := range words {
		var err error
		if words[i], err = url.QueryUnescape(word); err != nil {
			t.Fatalf("it told %q: %v", k.lines.Text(), err)
		}
	}
	words = append(words, "", "", "")
	k.told = append(k.told, event{words[0], words[1], words[2], words[3]})
	return true
}

func (k *kcl) await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	start := time.Now()
	for !reached() {
		if !k.next(t) {
			t.Fatalf("it ended (%v) before %s\n%s", k.cmd.Wait(), what, k.log)
		}
	}
	t.Logf("%s after %v", what, time.Since(start).Round(time.Second))
}

// stop ends it as a person would who lets it finish.
func (k *kcl) stop(t *testing.T) {
	t.Helper()
	if err := k.end.Close(); err != nil {
		t.Fatal(err)
	}
	for k.next(t) {
	}
	last := k.told[len(k.told)-1]
	if err := k.cmd.Wait(); err != nil || last.what != "stopped" || last.shard != "gracefully" {
		t.Errorf("it ended with %v after %v\n%s", err, last, k.log)
	}
}

func (k *kcl) hasRead(producers []producer) bool {
	read := map[string]bool{}
	for _, e := range k.told {
		read[e.data] = true
	}
	unread := func(data string) bool { return !read[data] }
	return !slices.ContainsFunc(producers, func(p producer) bool { return slices.ContainsFunc(p.acked, unread) })
}

func (k *kcl) hasEnded(shards []types.Shard) bool {
	return !slices.ContainsFunc(shards, func(s types.Shard) bool {
		closed := s.SequenceNumberRange.EndingSequenceNumber != nil
		return closed && !slices.Contains(k.told, event{what: "ended", shard: *s.ShardId})
	})
}

// consumed returns what the library has read, having checked that it read each record of a shard after the ends of the shard's parents.
// A record counts as read the first time: the library promises no more than that.
func (k *kcl) consumed(t *testing.T, shards []types.Shard) *consumer {
	t.Helper()
	parents := map[string][]string{}
	for _, s := range shards {
		parents[*s.ShardId] = []string{aws.ToString(s.ParentShardId), aws.ToString(s.AdjacentParentShardId)}
	}
	c := &consumer{started: map[string]bool{}, ended: map[string]bool{"": true}}
	for _, e := range k.told {
		switch e.what {
		case "started":
			c.started[e.shard] = true
		case "ended":
			c.ended[e.shard] = true
		case "read":
			if !slices.Contains(c.read, e.data) {
				c.read = append(c.read, e.data)
			}
			if slices.ContainsFunc(parents[e.shard], func(p string) bool { return !c.ended[p] }) {
				t.Errorf("%s of %s was read before the ends of %v", e.data, e.shard, parents[e.shard])
			}
		}
	}
	delete(c.ended, "")
	return c
}
