package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/functions/api/runtimetest"
	"millrace/pkg/dynamokeys"
	"millrace/pkg/hashkey"
	"millrace/pkg/keys"
)

// coldFunction is a function that was not asked for anything yet. There is the stream orders of 4 shards.
type coldFunction struct {
	*runtimetest.Runtime
	key keys.Key // may do everything, where the function has keys; or else "", and API Gateway lets everybody in
}

// startCold starts a function that asks DynamoDB through the given URL.
func startCold(t *testing.T, mode, dynamoDB string) coldFunction {
	t.Helper()
	_, table := shared.dynamo.Table(t)
	client, keysTable := shared.dynamo.KeysTable(t)
	env := func(mode, url string) []string {
		return []string{"TABLE_NAME=" + table, "KEYS_TABLE=" + keysTable, "AUTH_MODE=" + mode, "ACCOUNT_ID=111122223333", "AWS_ENDPOINT_URL_DYNAMODB=" + url}
	}
	creator := runtimetest.Start(t, shared.binary, env("IAM", shared.dynamo.Endpoint(t)))
	if a := invoke(t, creator, event("CreateStream", object{"StreamName": "orders", "ShardCount": 4})); a.StatusCode != 200 {
		t.Fatalf("CreateStream: %+v", a)
	}
	creator.Stop()
	f := coldFunction{Runtime: runtimetest.Start(t, shared.binary, env(mode, dynamoDB))}
	if mode == "SIGV4" {
		var err error
		if f.key, err = keys.New("checkout", []string{"*"}, []string{"*"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := dynamokeys.New(client, keysTable).Add(t.Context(), f.key); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// put puts a record into each shard of a stream of 4.
func (f coldFunction) put(t *testing.T, stream string) answer {
	t.Helper()
	var records []object
	for _, r := range hashkey.Uniform(4) {
		records = append(records, object{"PartitionKey": "k", "ExplicitHashKey": r.Start.String(), "Data": []byte("x")})
	}
	body := object{"StreamName": stream, "Records": records}
	if f.key.ID == "" {
		return invoke(t, f.Runtime, event("PutRecords", body))
	}
	return invoke(t, f.Runtime, signed(t, f.key.ID, f.key.Secret.Reveal(), "PutRecords", body))
}

// TestFirstPut: the first PutRecords of a cold function asks DynamoDB for the stream's map, in two round trips, and in time for no
// more than any other: where there are keys, they are read at the same time.
func TestFirstPut(t *testing.T) {
	for mode, first := range map[string][][]string{
		"IAM":   {{"GetItem"}, {"Query"}},
		"SIGV4": {{"GetItem", "Scan"}, {"Query"}},
	} {
		t.Run(mode, func(t *testing.T) {
			dynamoDB := passInRounds(t, shared.dynamo.Endpoint(t))
			f := startCold(t, mode, dynamoDB.url)
			warm := [][]string{slices.Repeat([]string{"UpdateItem"}, 4), slices.Repeat([]string{"PutItem"}, 4)}
			for _, want := range [][][]string{slices.Concat(first, warm), warm} {
				dynamoDB.expect(want)
				a := f.put(t, "orders")
				if a.StatusCode != 200 || !strings.Contains(a.Body, `"FailedRecordCount":0`) {
					t.Errorf("PutRecords: %+v", a)
				}
				if left, others := dynamoDB.rest(); len(left) > 0 || len(others) > 0 {
					t.Fatalf("a put that should ask DynamoDB for %v in turn asked out of turn for %v, and never for all of %v", want, others, left)
				}
			}
		})
	}
}

// TestFirstPutIntoNoStream: it takes no longer than where no keys are read.
func TestFirstPutIntoNoStream(t *testing.T) {
	dynamoDB := passInRounds(t, shared.dynamo.Endpoint(t))
	f := startCold(t, "SIGV4", dynamoDB.url)
	dynamoDB.expect([][]string{{"GetItem", "Scan"}, {"GetItem"}})
	a := f.put(t, "payments")
	if a.StatusCode != 400 || a.Body != `{"__type":"ResourceNotFoundException","message":"Stream payments under account 111122223333 not found."}` {
		t.Errorf("answer %d %s", a.StatusCode, a.Body)
	}
	if left, others := dynamoDB.rest(); len(left) > 0 || len(others) > 0 {
		t.Errorf("DynamoDB was asked out of turn for %v, and never for all of %v", others, left)
	}
}

// TestFirstPutRefused: who is refused by the keys is refused while the stream's map is still being read, as by a function that reads
// none, and the map is not read on.
func TestFirstPutRefused(t *testing.T) {
	for name, test := range map[string]struct {
		noTable bool // of keys
		status  int
		body    string
	}{
		"unknown key":     {false, 403, `{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`},
		"keys unreadable": {true, 500, `{"__type":"InternalFailure","message":"Internal service failure."}`},
	} {
		t.Run(name, func(t *testing.T) {
			getItem := make(chan struct{})
			var operations operations
			dynamoDB := passOn(t, shared.dynamo.Endpoint(t), func(ctx context.Context, operation string) {
				operations.add(operation)
				switch operation {
				case "GetItem":
					close(getItem)
					<-ctx.Done() // it is not answered
				case "Scan":
					select {
					case <-getItem:
					case <-ctx.Done():
					}
				}
			})
			_, table := shared.dynamo.Table(t)
			_, keysTable := shared.dynamo.KeysTable(t)
			if test.noTable {
				keysTable = "keys-that-are-absent"
			}
			f := coldFunction{
				key: keys.Key{ID: "AKIDEXAMPLE", Secret: keys.NewSecret("secret")},
				Runtime: runtimetest.Start(t, shared.binary, []string{
					"TABLE_NAME=" + table, "AUTH_MODE=SIGV4", "KEYS_TABLE=" + keysTable, "AWS_ENDPOINT_URL_DYNAMODB=" + dynamoDB,
				}),
			}
			if a := f.put(t, "orders"); a.StatusCode != test.status || a.Body != test.body {
				t.Errorf("answer %d %s, want %d %s", a.StatusCode, a.Body, test.status, test.body)
			}
			if got := operations.take(); !slices.Equal(got, []string{"GetItem", "Scan"}) {
				t.Errorf("DynamoDB was asked for %v", got)
			}
		})
	}
}

// inRounds passes requests on to DynamoDB in rounds, each once all of its requests have come: what a function asks for at the same
// time, and so in the time of one round trip. A function that asks for them one after the other waits until it gives up.
type inRounds struct {
	url string

	mu     sync.Mutex
	rounds [][]string    // that are not whole yet, the first with the operations that are missing
	whole  chan struct{} // closed once the first is
	others []string      // operations that the first has no place for; they are passed on at once
}

func passInRounds(t *testing.T, endpoint string) *inRounds {
	t.Helper()
	in := new(inRounds)
	in.url = passOn(t, endpoint, in.hold)
	return in
}

// expect says what is to come.
func (in *inRounds) expect(rounds [][]string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, round := range rounds {
		in.rounds = append(in.rounds, slices.Clone(round))
	}
	in.whole = make(chan struct{})
}

func (in *inRounds) hold(ctx context.Context, operation string) {
	select {
	case <-in.come(operation):
	case <-ctx.Done():
	}
}

// come notes a request and returns what is closed once its round is whole.
func (in *inRounds) come(operation string) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	place := -1
	if len(in.rounds) > 0 {
		place = slices.Index(in.rounds[0], operation)
	}
	if place < 0 {
		in.others = append(in.others, operation)
		at := make(chan struct{})
		close(at)
		return at
	}
	whole := in.whole
	in.rounds[0] = slices.Delete(in.rounds[0], place, place+1)
	if len(in.rounds[0]) == 0 {
		close(whole)
		in.rounds, in.whole = in.rounds[1:], make(chan struct{})
	}
	return whole
}

// rest returns what is still to come, and what came that was not to.
func (in *inRounds) rest() (left [][]string, others []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.rounds, in.others
}
