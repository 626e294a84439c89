package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"millrace/pkg/journal"
	"millrace/pkg/shardlog"
)

// Names in the store's directory.
const (
	FileName   = "millrace.db" // the index
	JournalDir = "journal"     // the directory of the journal's files
)

// lockTimeout is how long Open waits for another process to let go of the file: one that is stopping does so in time.
const lockTimeout = time.Second

// ErrInUse is wrapped by [Open] where another process holds the file.
var ErrInUse = errors.New("is in use by another millrace")

// Names of the buckets and of the keys of meta.
const (
	bucketMeta     = "meta"
	bucketStreams  = "streams"
	bucketShards   = "shards"
	bucketCounters = "counters"
	bucketLog      = "log"
	bucketFiles    = "files"

	keyFormat  = "format"
	keySettled = "settled"
)

// Open opens the store in a directory, which is created if there is none, and finishes what a crash interrupted: it settles what is in
// the journal alone, and goes on with deletions. One process at a time can hold a store open: another one's Open fails with [ErrInUse] after a second.
// A file of another format is left as it is, and the error wraps a [FormatError]. The caller closes the store.
func Open(dir string) (*Store, error) { return open(dir, journal.Options{}) }

func open(dir string, options journal.Options) (*Store, error) {
	journalDir := filepath.Join(dir, JournalDir)
	if err := makeDir(journalDir); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	path := filepath.Join(dir, FileName)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        lockTimeout,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s %w", path, ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &Store{
		db: db, path: path, journalDir: journalDir, slots: newSequencer(),
		journaling: make(chan struct{}, 1), writing: make(chan struct{}, 1),
	}
	if err := s.start(dir, options); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return s, nil
}

// start makes ready a store whose file was just opened.
func (s *Store) start(dir string, options journal.Options) error {
	if err := s.db.View(checkFormat); err != nil {
		return err
	}
	settled, err := s.readJournal()
	if err != nil {
		return err
	}
	if s.journal, err = journal.Open(s.journalDir, settled.File-1, options); err != nil {
		return err
	}
	// This commits even where nothing changes: a process killed during its last fsync left a commit that is to be seen in the
	// file but may not have reached the disk.
	err = s.update(context.Background(), func(tx *bbolt.Tx) (bool, error) {
		return true, tx.Bucket([]byte(bucketMeta)).Put([]byte(keySettled), appendPlace(nil, settled))
	}, nil)
	if err == nil {
		err = journal.SyncDir(dir)
	}
	if err == nil {
		err = s.db.View(s.loadCounters)
	}
	if err == nil {
		err = s.finishDeletions()
	}
	if err == nil {
		err = s.removeUnused(context.Background())
	}
	return err
}

// checkFormat passes a file of this format, and one that has nothing in it.
func checkFormat(tx *bbolt.Tx) error {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return errors.New("it is not a millrace database")
		}
		return nil
	}
	raw := meta.Get([]byte(keyFormat))
	if len(raw) != 4 {
		return corrupt("format version %x", raw)
	}
	if v := binary.BigEndian.Uint32(raw); v != format {
		return FormatError(v)
	}
	return nil
}

func createBuckets(tx *bbolt.Tx) error {
	for _, name := range []string{bucketMeta, bucketStreams, bucketShards, bucketCounters, bucketLog, bucketFiles} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), binary.BigEndian.AppendUint32(nil, format))
}

// loadCounters opens in memory the counters that are open in the file.
func (s *Store) loadCounters(tx *bbolt.Tx) error {
	open := map[shardlog.Shard]shardlog.Counter{}
	log := tx.Bucket([]byte(bucketLog)).Cursor()
	err := tx.Bucket([]byte(bucketCounters)).ForEach(func(k, v []byte) error {
		shard, err := decodeShardKey(k)
		if err != nil {
			return err
		}
		c, err := decodeCounter(v)
		if err != nil {
			return fmt.Errorf("shard %d of stream id %s: %w", shard.Index, shard.StreamID, err)
		}
		last, err := lastSlot(log, k)
		if err != nil {
			return err
		}
		if c.Open {
			c.Next = max(c.Next, last+1)
			open[shard] = c
		}
		return nil
	})
	s.slots.open(open)
	return err
}

// makeDir creates a directory and its parents such that they outlive a crash.
func makeDir(dir string) error {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range missing {
		if err := journal.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}
