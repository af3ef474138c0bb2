package admission_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/admission"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A chain of records is accepted before any of it is published.
func TestChainPostedWithoutWaiting(t *testing.T) {
	s := registrytest.New(t)
	a, b := s.Author("example:one"), s.Author("example:two")
	var ids []protocol.Hash
	for i := range 40 {
		for _, author := range []*registrytest.Author{a, b} {
			entries := []protocol.PackageEntry{registrytest.Release(fmt.Sprintf("0.%d.0", i), "content")}
			if i == 0 {
				entries = []protocol.PackageEntry{registrytest.Init(author.Key)}
			}
			status := author.Post(entries...)
			if status.State == registry.Sourcing {
				s.Must(author.Upload(status.RecordID, "content"))
			}
			if author == a {
				ids = append(ids, status.RecordID)
			}
		}
		if i == 20 {
			s.Start() // the rest comes while records are on their way
		}
	}
	b.Wait(protocol.Hash(registrytest.MustHash(t, b.Head)))
	var last uint64
	for i, id := range ids {
		status := a.Wait(id)
		if status.State != registry.Published || status.RegistryIndex <= last && i > 0 {
			t.Fatalf("record %d: %+v after index %d", i, status, last)
		}
		last = status.RegistryIndex
	}
	s.CheckPublished()
}

func TestRecordPostedAgain(t *testing.T) {
	s := registrytest.New(t)
	a := s.Author("example:one")
	envelope := a.Sign(a.Key, registrytest.Init(a.Key))
	first, err := a.Try(envelope)
	s.Must(err)
	second, err := a.Try(envelope)
	s.Must(err)
	if first.RecordID != second.RecordID || second.State != registry.Processing {
		t.Errorf("posted again: %+v, first %+v", second, first)
	}
	s.Start()
	a.Wait(first.RecordID)
	if third, err := a.Try(envelope); err != nil || third.State != registry.Published {
		t.Errorf("posted after it was published: %+v, %v", third, err)
	}
	s.CheckPublished()
}

func TestFork(t *testing.T) {
	s := registrytest.New(t)
	a := s.Author("example:one")
	init := a.Post(registrytest.Init(a.Key))
	fork := *a
	pending := a.Post(registrytest.Grant(registrytest.NewKey(t)))

	var conflict *registry.ConflictPendingPublishError
	if _, err := fork.Try(fork.Sign(a.Key, registrytest.Release("2.0.0", "y"))); !errors.As(err, &conflict) || conflict.RecordID != pending.RecordID {
		t.Errorf("beside a record that is not published: %v, want a conflict with %s", err, pending.RecordID)
	}
	stranger := s.Author("example:one")
	if _, err := stranger.Try(stranger.Sign(stranger.Key, registrytest.Init(stranger.Key))); !errors.As(err, &conflict) {
		t.Errorf("another init beside records that are not published: %v", err)
	}
	s.Start()
	a.Wait(pending.RecordID)
	registrytest.Refused(t, &fork, fork.Sign(a.Key, registrytest.Release("2.0.0", "y")), &registry.RejectionError{}, "previous record hash does not match")
	registrytest.Refused(t, stranger, stranger.Sign(stranger.Key, registrytest.Init(stranger.Key)), &registry.RejectionError{}, "non-initial record contained no previous hash")
	if got := a.Wait(init.RecordID); got.State != registry.Published {
		t.Errorf("init: %+v", got)
	}
	s.CheckPublished()
}

func TestRefusals(t *testing.T) {
	s := registrytest.New(t)
	s.InitOperator(admission.Namespaces{Defined: []string{"example"}, Imported: []admission.ImportedNamespace{{Namespace: "far", Registry: "far.example"}}})
	a := s.Author("example:one")
	first := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "x"))
	reader, stranger := registrytest.NewKey(t), registrytest.NewKey(t)
	a.Post(protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: reader.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}})

	unknown := "unknown key id `" + string(stranger.Public().ID()) + "`"
	registrytest.Refused(t, a, a.Sign(stranger, registrytest.Yank("1.0.0")), &registry.UnauthorizedError{}, unknown)
	registrytest.Refused(t, a, a.Sign(reader, registrytest.Release("2.0.0", "x")), &registry.RejectionError{}, "did not have required permission release")
	registrytest.Refused(t, a, a.Sign(a.Key, registrytest.Release("1.0.0", "y")), &registry.RejectionError{}, "an entry attempted to release version 1.0.0 which is already released")
	registrytest.Refused(t, a, a.Sign(a.Key, registrytest.Yank("3.0.0")), &registry.RejectionError{}, "an entry attempted to yank version 3.0.0 which had not yet been released")
	grant := protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: stranger.Public()}
	registrytest.Refused(t, a, a.Sign(stranger, grant), &registry.UnauthorizedError{}, unknown)

	forged := a.Sign(a.Key, registrytest.Yank("1.0.0"))
	forged.Signature = a.Sign(stranger, registrytest.Yank("1.0.0")).Signature
	registrytest.Refused(t, a, forged, &registry.UnauthorizedError{}, "record signature verification failed")
	registrytest.Refused(t, a, protocol.Envelope{Content: []byte("?"), KeyID: "k", Signature: forged.Signature}, &registry.InvalidError{}, "")
	short := protocol.PackageEntry{Type: protocol.EntryRelease, Version: "4.0.0", Content: "sha256:abcd"}
	registrytest.Refused(t, a, a.Sign(a.Key, short), &registry.InvalidError{}, "")

	undefined, imported := s.Author("elsewhere:one"), s.Author("far:one")
	registrytest.Refused(t, undefined, undefined.Sign(a.Key, registrytest.Init(a.Key)), &registry.NamespaceNotDefinedError{}, "`elsewhere`")
	registrytest.Refused(t, imported, imported.Sign(a.Key, registrytest.Init(a.Key)), &registry.NamespaceImportedError{}, "`far`")
	wrongName := &registry.InvalidError{}
	if _, err := s.Publish(context.Background(), undefined.Name.LogID(), a.Name, a.Sign(a.Key, registrytest.Yank("1.0.0"))); !errors.As(err, &wrongName) {
		t.Errorf("log id of another package: %v", err)
	}
	// Nothing of it changed anything.
	a.Post(registrytest.Yank("1.0.0"))
	s.Start()
	s.Must(a.Upload(first.RecordID, "x"))
	a.Wait(registrytest.MustHash(t, a.Head))
	s.CheckPublished()
}
