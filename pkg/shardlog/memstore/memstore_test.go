package memstore_test

import (
	"testing"

	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/shardlog/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Backend{Open: func(*testing.T) shardlog.Store { return memstore.New() }})
}
