// Package dynamolocal runs DynamoDB Local for tests and measurements: AWS's own implementation, in memory, on a port of this machine.
//
// A test binary holds one [Server], starts it with the first test that needs it, and ends it in TestMain:
//
//	var local dynamolocal.Server
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		local.Stop()
//		os.Exit(code)
//	}
//
// Java 17 runs it and npm fetches it, once for all. Where that cannot be had the test is skipped, and says so; under
// CI=true it fails.
package dynamolocal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/dynamostore"
	"millrace/pkg/lacking"
)

// startTime bounds fetching and starting together.
const startTime = 5 * time.Minute

// Server is one DynamoDB Local. The zero Server is one that has not been started. It is safe for use by many goroutines.
type Server struct {
	once   sync.Once
	run    *process
	err    error
	mu     sync.Mutex
	tables int
}

// Start starts the server, unless it was started already, and returns its URL once it answers. Tests call Endpoint.
func (s *Server) Start() (endpoint string, err error) {
	s.once.Do(s.start)
	if s.err != nil {
		return "", fmt.Errorf("DynamoDB Local: %w", s.err)
	}
	return s.run.endpoint, nil
}

// Endpoint returns the server's URL, once it answers.
func (s *Server) Endpoint(t testing.TB) string {
	t.Helper()
	endpoint, err := s.Start()
	var absent *lackingError
	switch {
	case errors.As(err, &absent):
		lacking.Skip(t, err)
	case err != nil:
		t.Fatal(err)
	}
	return endpoint
}

// Client returns a client of the server that does not retry.
func (s *Server) Client(t testing.TB) *dynamodb.Client {
	t.Helper()
	return dynamostore.NewClient(dynamostore.Config{Endpoint: s.Endpoint(t)})
}

// Table creates an empty table of streams for the test, and returns its name with a client of the server.
func (s *Server) Table(t testing.TB) (client *dynamodb.Client, table string) {
	t.Helper()
	client = s.Client(t)
	table = s.newTable(t, client, "")
	if err := dynamostore.CreateTable(t.Context(), client, table); err != nil {
		t.Fatal(err)
	}
	return client, table
}

// KeysTable creates an empty table of access keys for the test, as template.yaml has it, and returns its name, which is a
// stack's and "-keys", with a client of the server.
func (s *Server) KeysTable(t testing.TB) (client *dynamodb.Client, table string) {
	t.Helper()
	client = s.Client(t)
	table = s.newTable(t, client, "-keys")
	id := "id"
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            &table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &id, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: &id, KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, table
}

// newTable returns the name of a table that is deleted when the test ends.
func (s *Server) newTable(t testing.TB, client *dynamodb.Client, suffix string) string {
	s.mu.Lock()
	s.tables++
	table := fmt.Sprintf("millrace-%d%s", s.tables, suffix)
	s.mu.Unlock()
	t.Cleanup(func() {
		// The test's own context has ended by now.
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table})
		var missing *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &missing) { // missing where it could not be created
			t.Errorf("delete table %s: %v", table, err)
		}
	})
	return table
}

// Stop ends the server, if it was started. Nothing may use it any more.
func (s *Server) Stop() {
	s.once.Do(func() { s.err = errors.New("server was stopped") })
	if s.run != nil {
		s.run.stop()
	}
}

func (s *Server) start() {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	dir, err := fetched(ctx)
	if err == nil {
		s.run, err = started(ctx, dir)
	}
	s.err = err
}

// lackingError says that this machine lacks what DynamoDB Local needs.
type lackingError struct {
	what string
	err  error
}

func (e *lackingError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("lacking %s: %v", e.what, e.err))
}

func (e *lackingError) Unwrap() error { return e.err }
