package publisher_test

import (
	"context"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// grant is an entry that needs no content.
func grant(key protocol.PrivateKey) protocol.PackageEntry {
	return protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: key.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}}
}

// leafOf is the leaf of the record that was just posted.
func leafOf(a *registrytest.Author, envelope protocol.Envelope) follow.Leaf {
	leaf := protocol.LogLeaf{LogID: a.Name.LogID(), RecordID: registrytest.MustHash(a.S.T, a.Head)}
	return publisher.NewLeaf(leaf, a.Name.String(), envelope.MarshalProto())
}

// post posts a record and returns its leaf.
func post(a *registrytest.Author, entries ...protocol.PackageEntry) (registry.RecordStatus, follow.Leaf) {
	a.S.T.Helper()
	envelope := a.Sign(a.Key, entries...)
	status, err := a.Try(envelope)
	a.S.Must(err)
	return status, leafOf(a, envelope)
}

// A records log whose Merkle tree holds, and whose leaves are not what this registry
// may publish, stops signing. Nothing of it is stored.
func TestLeavesThatMayNotBePublished(t *testing.T) {
	for name, c := range map[string]struct {
		words  string
		leaves func(s *registrytest.Setup, published follow.Leaf) []follow.Leaf // the next ones of the log
	}{
		"one that the database lacks": {"is not in the registry's database: run rebuild", func(s *registrytest.Setup, _ follow.Leaf) []follow.Leaf {
			return []follow.Leaf{publisher.NewLeaf(protocol.LogLeaf{LogID: protocol.HashOf([]byte("x"))}, "example:x", nil)}
		}},
		"an unknown record of a known log": {"is not in the registry's database: run rebuild", func(s *registrytest.Setup, published follow.Leaf) []follow.Leaf {
			leaf, err := protocol.ParseLogLeaf(published.Value)
			s.Must(err)
			return []follow.Leaf{publisher.NewLeaf(protocol.LogLeaf{LogID: leaf.LogID}, "example:one", nil)}
		}},
		"one that is published": {"not to be published", func(_ *registrytest.Setup, published follow.Leaf) []follow.Leaf {
			return []follow.Leaf{published}
		}},
		"the same twice": {"not to be published", func(s *registrytest.Setup, _ follow.Leaf) []follow.Leaf {
			a := s.Author("example:two")
			_, leaf := post(a, registrytest.Init(a.Key))
			return []follow.Leaf{leaf, leaf}
		}},
		"a rejected record's": {"", func(s *registrytest.Setup, _ follow.Leaf) []follow.Leaf {
			a := s.Author("example:two")
			post(a, registrytest.Init(a.Key))
			status, leaf := post(a, registrytest.Release("1.0.0", "bad content"))
			if err := a.Upload(status.RecordID, "bad content"); err == nil {
				s.T.Error("bad content was taken")
			}
			if got := a.Status(status.RecordID); got.State != registry.Rejected {
				s.T.Errorf("its record is %+v", got)
			}
			return []follow.Leaf{leaf}
		}},
		"one before its predecessor": {"predecessor", func(s *registrytest.Setup, _ follow.Leaf) []follow.Leaf {
			a := s.Author("example:two")
			_, first := post(a, registrytest.Init(a.Key))
			_, second := post(a, grant(registrytest.NewKey(s.T)))
			return []follow.Leaf{second, first}
		}},
		"one without its predecessor": {"predecessor", func(s *registrytest.Setup, _ follow.Leaf) []follow.Leaf {
			a := s.Author("example:two")
			post(a, registrytest.Init(a.Key))
			_, second := post(a, grant(registrytest.NewKey(s.T)))
			return []follow.Leaf{second}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.New(t)
			log := newMemoryLog()
			s.Options.Records = log
			s.Renew()
			s.Start()
			one := s.Author("example:one")
			status, leaf := post(one, registrytest.Init(one.Key))
			one.Wait(status.RecordID)
			s.Stop()
			before, err := s.LatestCheckpoint(context.Background())
			s.Must(err)

			log.add(c.leaves(s, leaf)...)
			s.Start()
			s.Eventually("signing has stopped", func() bool { return stopped(s) })
			if fault, _ := s.Troubles(); !strings.Contains(fault.Error(), c.words) {
				t.Errorf("it says %q, want %q", fault, c.words)
			}
			if after, err := s.LatestCheckpoint(context.Background()); err != nil || after != before {
				t.Errorf("signed %+v, error %v", after.Contents, err)
			}
			readsGoOn(t, s)
		})
	}
}
