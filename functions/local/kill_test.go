package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// acked is a record as its writer was told of it.
type acked struct {
	shard, number string
	life          int // of the server
}

// TestKilledServer kills the server again and again while producers put into it: each record that was acknowledged is there, once, under the
// number that was told, and what was told after a start comes after what was told before.
// What the system had not brought to the disk yet outlives this: that it had is what package boltstore's tests are for.
func TestKilledServer(t *testing.T) {
	const lives, writers, answers = 4, 24, 400
	dir := t.TempDir()
	told := map[string]acked{} // by data
	for life := range lives {
		s := startServer(t, "-data", dir)
		if life == 0 {
			send(t, http.DefaultClient, s.url, "CreateStream", `{"StreamName":"orders","ShardCount":4}`)
		}
		for data, a := range putUntilKilled(t, s, life, writers, answers) {
			told[data] = a
		}
		_ = s.cmd.Wait() // it was killed
	}
	s := startServer(t, "-data", dir)
	numbers, newest := map[string]string{}, map[string]acked{} // by data; by shard
	for index := range 4 {
		shard := fmt.Sprintf("shardId-%012d", index)
		for _, r := range readShard(t, s.url, shard) {
			if numbers[r.data] != "" {
				t.Errorf("%s is there twice", r.data)
			}
			numbers[r.data] = r.number
			a, ok := told[r.data]
			switch {
			case !ok: // the server was killed before it could tell
				continue
			case a.shard != shard || a.number != r.number:
				t.Errorf("%s is in %s at %s, and %+v was told", r.data, shard, r.number, a)
			case a.life < newest[shard].life:
				t.Errorf("%s of life %d comes after one of life %d", r.data, a.life, newest[shard].life)
			}
			newest[shard] = a
		}
	}
	for data, a := range told {
		if numbers[data] == "" {
			t.Errorf("%s was acknowledged with %+v and is gone", data, a)
		}
	}
	s.stop(t, os.Interrupt)
	t.Logf("%d records were acknowledged, %d are there", len(told), len(numbers))
}

// putUntilKilled kills the server once so many requests were answered, and returns what was acknowledged. Half of the producers put several records at once.
func putUntilKilled(t *testing.T, s *server, life, writers, answers int) map[string]acked {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	told := map[string]acked{}
	answered := 0
	var mu sync.Mutex
	var putting sync.WaitGroup
	for w := range writers {
		putting.Go(func() {
			for turn := 0; ; turn++ {
				sent := make([]string, 1+w%2*7)
				for i := range sent {
					sent[i] = fmt.Sprintf("%d/%d/%d/%d", life, w, turn, i)
				}
				results := putData(t, client, s.url, sent)
				if results == nil {
					return
				}
				mu.Lock()
				for i, r := range results {
					told[sent[i]] = acked{r.ShardId, r.SequenceNumber, life}
				}
				if answered++; answered == answers {
					if err := s.cmd.Process.Kill(); err != nil {
						t.Error(err)
					}
				}
				mu.Unlock()
			}
		})
	}
	putting.Wait()
	if answered < answers {
		t.Errorf("the server ended by itself after %d answers\n%s", answered, s.log)
	}
	return told
}

type putResult struct{ ShardId, SequenceNumber string }

// putData puts records of such data, all of which must be stored. It returns nil where the server is gone.
func putData(t *testing.T, client *http.Client, url string, data []string) []putResult {
	var entries []string
	for _, d := range data {
		entries = append(entries, fmt.Sprintf(`{"Data":"%s","PartitionKey":"%s"}`, base64.StdEncoding.EncodeToString([]byte(d)), d))
	}
	answer, err := trySend(t.Context(), client, url, "PutRecords", `{"StreamName":"orders","Records":[`+strings.Join(entries, ",")+`]}`)
	if err != nil {
		return nil
	}
	status, body, _ := strings.Cut(answer, " ")
	var out struct {
		FailedRecordCount int
		Records           []putResult
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != "200" || out.FailedRecordCount > 0 || len(out.Records) != len(data) {
		t.Errorf("a put was answered with %s", answer)
		return nil
	}
	return out.Records
}

type readRecord struct{ data, number string }

// readShard reads a shard from its start to the tip.
func readShard(t *testing.T, url, shard string) (all []readRecord) {
	t.Helper()
	var at struct{ ShardIterator string }
	ask(t, url, "GetShardIterator", `{"StreamName":"orders","ShardId":"`+shard+`","ShardIteratorType":"TRIM_HORIZON"}`, &at)
	for behind := 1; behind > 0; {
		var read struct {
			Records []struct {
				Data           []byte
				SequenceNumber string
			}
			NextShardIterator  string
			MillisBehindLatest int
		}
		ask(t, url, "GetRecords", `{"ShardIterator":"`+at.ShardIterator+`"}`, &read)
		for _, r := range read.Records {
			all = append(all, readRecord{string(r.Data), r.SequenceNumber})
		}
		at.ShardIterator, behind = read.NextShardIterator, read.MillisBehindLatest
	}
	return all
}
