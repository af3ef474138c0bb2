package publisher_test

import (
	"context"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// operatorSays puts a record behind the operator log as accepted, and returns when it is
// published.
func operatorSays(t *testing.T, s *registrytest.Setup, key protocol.PrivateKey, entries ...protocol.OperatorEntry) (index uint64) {
	t.Helper()
	var head protocol.Hash
	s.Must(s.Options.Store.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Log(protocol.OperatorLogID())
		if err != nil {
			return err
		}
		last, err := tx.RecordAt(row.ID, row.Length-1)
		head = last.RecordID
		return err
	}))
	record := protocol.OperatorRecord{Prev: head.Any(), Time: protocol.TimeOf(time.Now()), Entries: entries}
	status, err := s.PublishOperator(t.Context(), record.Sign(key))
	s.Must(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		found, err := s.RecordStatus(t.Context(), protocol.OperatorLogID(), status.RecordID)
		s.Must(err)
		if found.RegistryIndex > 0 {
			return found.RegistryIndex
		}
		if time.Now().After(deadline) {
			t.Fatalf("record %s is not published", status.RecordID)
		}
	}
}

// signers returns the ids of the keys that signed the checkpoints, by their lengths.
func signers(t *testing.T, s *registrytest.Setup) map[uint64]protocol.KeyID {
	t.Helper()
	all := map[uint64]protocol.KeyID{}
	s.Must(s.Options.Store.View(t.Context(), func(tx *store.Tx) error {
		checkpoints, err := tx.CheckpointsAfter(0, 1000)
		for _, c := range checkpoints {
			all[c.Signed.Contents.LogLength] = c.Signed.KeyID
		}
		return err
	}))
	return all
}

// The key of checkpoints changes over: the one that publishes the grant is the first that
// the new key signs, and the one that publishes the revocation is not signed by the old
// one. A rebuild finds every checkpoint right, with the new key alone.
func TestKeyIsRotated(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	old, fresh := s.Key, registrytest.NewKey(t)
	all := []protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace, protocol.PermissionImportNamespace}
	a := s.Author("example:before")
	a.Wait(a.Post(registrytest.Init(a.Key)).RecordID)
	s.Options.Keys.Replace(old, fresh)
	granted := operatorSays(t, s, old, protocol.OperatorEntry{Type: protocol.EntryGrantFlat, Key: fresh.Public(), Permissions: all})
	b := s.Author("example:between")
	b.Wait(b.Post(registrytest.Init(b.Key)).RecordID)
	revoked := operatorSays(t, s, fresh, protocol.OperatorEntry{Type: protocol.EntryRevokeFlat, KeyID: old.Public().ID(), Permissions: all})
	c := s.Author("example:after")
	c.Wait(c.Post(registrytest.Init(c.Key)).RecordID)
	seen := signers(t, s)
	for length, id := range seen {
		want := old.Public().ID()
		if length > granted {
			want = fresh.Public().ID()
		}
		if id != want {
			t.Errorf("the checkpoint of %d records is signed by %s (granted at %d, revoked at %d)", length, id, granted, revoked)
		}
	}
	if seen[revoked+1] == "" {
		t.Error("no checkpoint ends with the revocation")
	}
	s.Key = fresh
	s.CheckPublished()
	s.Stop()
	s.LoseStore()
	s.Options.Keys.Replace(fresh)
	s.Renew()
	s.Must(s.Rebuild(context.Background(), func(uint64, uint64) {}))
	s.CheckPublished()
}

// A process without a key that may sign publishes nothing, says so, and goes on when it
// gets one.
func TestWithoutTheKey(t *testing.T) {
	s := registrytest.New(t)
	s.Options.Keys.Replace(registrytest.NewKey(t))
	s.Start()
	for deadline := time.Now().Add(time.Minute); s.Publisher.Ready(t.Context()) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it says that all is well")
		}
	}
	if len(signers(t, s)) > 0 {
		t.Error("it has signed")
	}
	s.Options.Keys.Replace(s.Key)
	a := s.Author("example:hello")
	a.Wait(a.Post(registrytest.Init(a.Key)).RecordID)
	s.CheckPublished()
}
