package boltstore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"millrace/pkg/journal"
)

// readJournal makes pending what is in the journal and not in the index. It returns the start of the next file, up to which the journal is settled once this is: nothing is
// appended any more to those that are there, of which the last one may end with what the process that died was about to acknowledge.
func (s *Store) readJournal() (next journal.Place, err error) {
	var settled journal.Place
	err = s.db.Update(func(tx *bbolt.Tx) error {
		if err := createBuckets(tx); err != nil {
			return err
		}
		settled, err = settledTo(tx)
		return err
	})
	if err != nil {
		return next, err
	}
	files, err := journal.Files(s.journalDir)
	if err != nil {
		return next, err
	}
	next.File = max(settled.File, 1)
	s.pending.generations = []*generation{newGeneration(settled)}
	for i, file := range files {
		next.File = max(next.File, file+1)
		if file < settled.File {
			continue
		}
		from := int64(0)
		if file == settled.File {
			from = settled.Offset
		}
		if err := s.readFile(file, from, i == len(files)-1); err != nil {
			return next, fmt.Errorf("read the journal: %w", err)
		}
	}
	return next, nil
}

func (s *Store) readFile(file uint64, from int64, last bool) error {
	end, torn, err := journal.Replay(s.journalDir, file, from, func(at journal.Place, record []byte) error {
		r, err := decodeJournaled(at, record)
		if err != nil {
			return err
		}
		s.pending.add([]journaled{r}, at)
		return nil
	})
	switch {
	case err != nil:
		return err
	case torn && !last:
		return corrupt("file %s ends with bytes %d, and another one follows", journal.Path(s.journalDir, file), end)
	}
	return nil
}
