package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A chain of records is accepted before any of it is published.
func TestChainPostedWithoutWaiting(t *testing.T) {
	s := newSetup(t)
	a, b := s.author("example:one"), s.author("example:two")
	var ids []protocol.Hash
	for i := range 40 {
		for _, author := range []*author{a, b} {
			entries := []protocol.PackageEntry{release(fmt.Sprintf("0.%d.0", i), "content")}
			if i == 0 {
				entries = []protocol.PackageEntry{initEntry(author.key)}
			}
			status := author.post(entries...)
			if status.State == registry.Sourcing {
				s.must(author.upload(status.RecordID, "content"))
			}
			if author == a {
				ids = append(ids, status.RecordID)
			}
		}
		if i == 20 {
			s.run() // the rest comes while records are on their way
		}
	}
	b.wait(protocol.Hash(mustHash(t, b.head)))
	var last uint64
	for i, id := range ids {
		status := a.wait(id)
		if status.State != registry.Published || status.RegistryIndex <= last && i > 0 {
			t.Fatalf("record %d: %+v after index %d", i, status, last)
		}
		last = status.RegistryIndex
	}
	s.checkPublished()
}

func mustHash(t *testing.T, h protocol.AnyHash) protocol.Hash {
	t.Helper()
	hash, err := h.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestRecordPostedAgain(t *testing.T) {
	s := newSetup(t)
	a := s.author("example:one")
	envelope := a.sign(a.key, initEntry(a.key))
	first, err := a.try(envelope)
	s.must(err)
	second, err := a.try(envelope)
	s.must(err)
	if first.RecordID != second.RecordID || second.State != registry.Processing {
		t.Errorf("posted again: %+v, first %+v", second, first)
	}
	s.run()
	a.wait(first.RecordID)
	if third, err := a.try(envelope); err != nil || third.State != registry.Published {
		t.Errorf("posted after it was published: %+v, %v", third, err)
	}
	s.checkPublished()
}

func TestFork(t *testing.T) {
	s := newSetup(t)
	a := s.author("example:one")
	init := a.post(initEntry(a.key))
	fork := *a
	pending := a.post(release("1.0.0", "x"))

	var conflict *registry.ConflictPendingPublishError
	if _, err := fork.try(fork.sign(a.key, release("2.0.0", "y"))); !errors.As(err, &conflict) || conflict.RecordID != pending.RecordID {
		t.Errorf("beside a record that is not published: %v, want a conflict with %s", err, pending.RecordID)
	}
	stranger := s.author("example:one")
	if _, err := stranger.try(stranger.sign(stranger.key, initEntry(stranger.key))); !errors.As(err, &conflict) {
		t.Errorf("another init beside records that are not published: %v", err)
	}
	s.must(a.upload(pending.RecordID, "x"))
	s.run()
	a.wait(pending.RecordID)
	refused(t, &fork, fork.sign(a.key, release("2.0.0", "y")), &registry.RejectionError{}, "previous record hash does not match")
	refused(t, stranger, stranger.sign(stranger.key, initEntry(stranger.key)), &registry.RejectionError{}, "non-initial record contained no previous hash")
	if got := a.wait(init.RecordID); got.State != registry.Published {
		t.Errorf("init: %+v", got)
	}
	s.checkPublished()
}

// refused posts a record and expects a kind of error with some words in it.
func refused[E error](t *testing.T, a *author, envelope protocol.Envelope, _ E, words string) {
	t.Helper()
	_, err := a.try(envelope)
	var want E
	if !errors.As(err, &want) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %T %v, want %T with %q", err, err, want, words)
	}
}

func TestRefusals(t *testing.T) {
	s := newSetup(t)
	s.init(registry.Namespaces{Defined: []string{"example"}, Imported: []registry.ImportedNamespace{{Namespace: "far", Registry: "far.example"}}})
	a := s.author("example:one")
	a.post(initEntry(a.key), release("1.0.0", "x"))
	reader, stranger := newKey(t), newKey(t)
	a.post(protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: reader.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}})

	unknown := "unknown key id `" + string(stranger.Public().ID()) + "`"
	refused(t, a, a.sign(stranger, yank("1.0.0")), &registry.UnauthorizedError{}, unknown)
	refused(t, a, a.sign(reader, release("2.0.0", "x")), &registry.RejectionError{}, "did not have required permission release")
	refused(t, a, a.sign(a.key, release("1.0.0", "y")), &registry.RejectionError{}, "an entry attempted to release version 1.0.0 which is already released")
	refused(t, a, a.sign(a.key, yank("3.0.0")), &registry.RejectionError{}, "an entry attempted to yank version 3.0.0 which had not yet been released")
	grant := protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: stranger.Public()}
	refused(t, a, a.sign(stranger, grant), &registry.UnauthorizedError{}, unknown)

	forged := a.sign(a.key, yank("1.0.0"))
	forged.Signature = a.sign(stranger, yank("1.0.0")).Signature
	refused(t, a, forged, &registry.UnauthorizedError{}, "record signature verification failed")
	refused(t, a, protocol.Envelope{Content: []byte("?"), KeyID: "k", Signature: forged.Signature}, &registry.InvalidError{}, "")
	short := protocol.PackageEntry{Type: protocol.EntryRelease, Version: "4.0.0", Content: "sha256:abcd"}
	refused(t, a, a.sign(a.key, short), &registry.InvalidError{}, "")

	undefined, imported := s.author("elsewhere:one"), s.author("far:one")
	refused(t, undefined, undefined.sign(a.key, initEntry(a.key)), &registry.NamespaceNotDefinedError{}, "`elsewhere`")
	refused(t, imported, imported.sign(a.key, initEntry(a.key)), &registry.NamespaceImportedError{}, "`far`")
	wrongName := &registry.InvalidError{}
	if _, err := s.Publish(context.Background(), undefined.name.LogID(), a.name, a.sign(a.key, yank("1.0.0"))); !errors.As(err, &wrongName) {
		t.Errorf("log id of another package: %v", err)
	}
	// Nothing of it changed anything.
	a.post(yank("1.0.0"))
	s.run()
	s.must(a.upload(mustHash(t, a.recordAt(0)), "x"))
	a.wait(mustHash(t, a.head))
	s.checkPublished()
}

// recordAt returns the id of an accepted record of the author's package.
func (a *author) recordAt(position uint64) protocol.AnyHash {
	a.s.t.Helper()
	return recordAt(a.s, a.name.LogID(), position).Any()
}
