package registrytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Load publishes a package with a chain of releases and waits for its end.
func (s *Setup) Load(name string, releases int) {
	a := s.Author(name)
	a.Post(Init(a.Key))
	for i := range releases {
		if status := a.Post(Release(fmt.Sprintf("1.0.%d", i), name)); status.State == registry.Sourcing {
			if err := a.Upload(status.RecordID, name); err != nil && !errors.Is(err, registry.ErrRecordNotSourcing) {
				s.T.Errorf("%s: %v", name, err)
			}
		}
	}
	a.Wait(MustHash(s.T, a.Head))
}

func (s *Setup) LoadAtOnce(packages, releases int) {
	var wg sync.WaitGroup
	for i := range packages {
		wg.Go(func() { s.Load(fmt.Sprintf("example:p%d", i), releases) })
	}
	wg.Wait()
}

// LoseStore is a new process that finds no database.
func (s *Setup) LoseStore() {
	s.T.Helper()
	s.Close()
	files, err := filepath.Glob(filepath.Join(s.Dir, "registry.db*"))
	s.Must(err)
	for _, f := range files {
		s.Must(os.Remove(f))
	}
	s.Open()
}

func MustHash(t *testing.T, h protocol.AnyHash) protocol.Hash {
	t.Helper()
	hash, err := h.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// Refused posts a record and expects a kind of error with some words in it.
func Refused[E error](t *testing.T, a *Author, envelope protocol.Envelope, _ E, words string) {
	t.Helper()
	_, err := a.Try(envelope)
	var want E
	if !errors.As(err, &want) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %T %v, want %T with %q", err, err, want, words)
	}
}

func RecordAt(s *Setup, logID protocol.Hash, position uint64) protocol.Hash {
	s.T.Helper()
	var id protocol.Hash
	s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) error {
		log, err := tx.Log(logID)
		if err != nil {
			return err
		}
		record, err := tx.RecordAt(log.ID, position)
		id = record.RecordID
		return err
	}))
	return id
}

// SignedCheckpoints returns every checkpoint that was signed, by length.
func (s *Setup) SignedCheckpoints() map[uint64]protocol.TimestampedCheckpoint {
	s.T.Helper()
	all := map[uint64]protocol.TimestampedCheckpoint{}
	s.Must(s.Options.Store.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.CheckpointsAfter(0, 1000)
		for _, c := range list {
			all[c.Signed.Contents.LogLength] = c.Signed.Contents
		}
		return err
	}))
	return all
}
