package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"millrace/pkg/kinesis"
)

// TestConnection: the load generator tells a good answer from a bad one, and reads no further than the answer.
func TestConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-Amz-Target") {
		case "Kinesis_20131202.Good":
			w.Write([]byte(`{"FailedRecordCount":0}`))
		case "Kinesis_20131202.Partial":
			w.Write([]byte(`{"FailedRecordCount":1}`))
		default:
			http.Error(w, "no such thing", http.StatusBadRequest)
		}
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if body, err := c.do(request("Good", "{}")); err != nil || string(body) != `{"FailedRecordCount":0}` {
			t.Errorf("body %q, %v", body, err)
		}
		if _, err := c.do(request("Bad", "{}")); err == nil || !strings.Contains(err.Error(), "no such thing") {
			t.Errorf("a refusal gives %v", err)
		}
	}
	if n, err := load(addr, 3, [][]byte{request("Good", "{}")}, stored, time.Millisecond); err != nil || n <= 0 {
		t.Errorf("%v a second, %v", n, err)
	}
	if _, err := load(addr, 1, [][]byte{request("Partial", "{}")}, stored, time.Millisecond); err == nil {
		t.Error("a put that failed in part counts as good")
	}
}

// TestPutBody: what is sent is a valid put of the sizes that the table tells.
func TestPutBody(t *testing.T) {
	var in kinesis.PutRecordsInput
	if err := kinesis.JSON.Decode([]byte(putBody("bench", 500, 100)), &in); err != nil {
		t.Fatal(err)
	}
	if err := in.Validate(); err != nil || len(in.Records) != 500 {
		t.Errorf("%d records, %v", len(in.Records), err)
	}
	for _, r := range in.Records {
		if len(r.Data) != 100 {
			t.Fatalf("a record of %d bytes: %s", len(r.Data), r.Data)
		}
	}
}

// TestBare: the bare server's answer is as long as millrace's.
func TestBare(t *testing.T) {
	for _, n := range []int{1, 3, 500} {
		w := httptest.NewRecorder()
		bare(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(putBody("bench", n, 100))))
		if got := strings.Count(w.Body.String(), "shardId-"); got != n || !strings.HasSuffix(w.Body.String(), "]}") || !strings.Contains(w.Body.String(), stored) {
			t.Errorf("%d records are answered by %d: %s", n, got, w.Body)
		}
	}
}
