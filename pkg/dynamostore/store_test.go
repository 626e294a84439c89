package dynamostore_test

import (
	"os"
	"testing"

	"millrace/pkg/dynamostore"
	"millrace/pkg/dynamostore/dynamolocal"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

var local dynamolocal.Server

func TestMain(m *testing.M) {
	code := m.Run()
	local.Stop()
	os.Exit(code)
}

func TestStore(t *testing.T) {
	tables := map[shardlog.Store]string{}
	another := func(t *testing.T, s shardlog.Store) shardlog.Store {
		again, err := dynamostore.Open(t.Context(), dynamostore.Config{Table: tables[s], Endpoint: local.Endpoint(t)})
		if err != nil {
			t.Fatal(err)
		}
		tables[again] = tables[s]
		return again
	}
	storetest.Run(t, storetest.Backend{
		Open: func(t *testing.T) shardlog.Store {
			client, table := local.Table(t)
			s := dynamostore.New(client, table)
			tables[s] = table
			return s
		},
		Reopen: another,
		Join:   another,
	})
}
