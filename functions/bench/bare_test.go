package bench

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"millrace/pkg/hashkey"
	"millrace/pkg/kinesis"
)

// asBare makes the test binary behave as the bare server.
const asBare = "MILLRACE_BENCH_BARE"

// bareMain is the least that a server over net/http can do for a put: it decodes the body and hashes the keys, by the same code as millrace,
// and writes an answer of the same size. It checks nothing, stores nothing and says the same each time.
func bareMain() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("bare server on %s\n", listener.Addr())
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.HandlerFunc(bare)))
	os.Exit(1)
}

const bareEntry = `{"SequenceNumber":"49680510800419261716833725937161092208728037068785057794","ShardId":"shardId-000000000000"}`

var bareAnswer = []byte(`{"EncryptionType":"NONE","FailedRecordCount":0,"Records":[` + strings.Repeat(bareEntry+",", kinesis.MaxRecords-1) + bareEntry + "]}")

func bare(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var in kinesis.PutRecordsInput
	if err := kinesis.JSON.Decode(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	keys := make([]hashkey.Key, len(in.Records))
	hasher := hashkey.NewHasher(keys)
	for i := range in.Records {
		hasher.Set(i, in.Records[i].PartitionKey)
	}
	hasher.Flush()
	var sum uint64 // so that the hashing is not optimised away
	for _, key := range keys {
		sum ^= key.Hi
	}
	answer := bareAnswer
	if n := len(in.Records); n < kinesis.MaxRecords {
		answer = append(append([]byte(nil), bareAnswer[:len(bareAnswer)-len("]}")-(kinesis.MaxRecords-n)*(len(bareEntry)+1)]...), "]}"...)
	}
	w.Header().Set("Content-Type", kinesis.JSON.ContentType())
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.Header().Set("X-Sum", strconv.FormatUint(sum, 16))
	w.Write(answer)
}
