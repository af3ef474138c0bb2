package reader_test

import (
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// What a key signed before it was revoked stays verified. What it signs of a later
// checkpoint, or of one that never was, is not.
func TestVerifyCheckpointOfRevokedKey(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:one", 0)
	before, err := s.LatestCheckpoint(t.Context())
	s.Must(err)
	old, fresh := s.Key, registrytest.NewKey(t)
	s.Options.Keys.Replace(old, fresh)
	var head protocol.Hash
	s.Must(s.Options.Store.View(t.Context(), func(tx *store.Tx) error {
		log, err := registry.OperatorLog(tx, nil)
		if err == nil {
			head, _, _ = log.Head()
		}
		return err
	}))
	grant := protocol.OperatorRecord{Prev: head.Any(), Time: protocol.TimeOf(time.Now()), Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryGrantFlat, Key: fresh.Public(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
	}}
	granted, err := s.PublishOperator(t.Context(), grant.Sign(old))
	s.Must(err)
	revoke := protocol.OperatorRecord{Prev: granted.RecordID.Any(), Time: protocol.TimeOf(time.Now()), Entries: []protocol.OperatorEntry{
		{Type: protocol.EntryRevokeFlat, KeyID: old.Public().ID(), Permissions: []protocol.OperatorPermission{protocol.PermissionCommit}},
	}}
	revoked, err := s.PublishOperator(t.Context(), revoke.Sign(old))
	s.Must(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		found, err := s.RecordStatus(t.Context(), protocol.OperatorLogID(), revoked.RecordID)
		s.Must(err)
		if found.RegistryIndex > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the revocation is not published")
		}
	}
	after, err := s.LatestCheckpoint(t.Context())
	s.Must(err)
	never := before.Contents
	never.MapRoot = protocol.HashOf([]byte("another"))
	for _, c := range []struct {
		what                  string
		signed                protocol.SignedCheckpoint
		checkpoint, signature reader.Verdict
	}{
		{"before, as it was signed", before, reader.Verified, reader.Verified},
		{"before, by the new key", before.Contents.Sign(fresh), reader.Verified, reader.Verified},
		{"before, by a key that never was permitted", before.Contents.Sign(registrytest.NewKey(t)), reader.Verified, reader.Invalid},
		{"after, as it was signed", after, reader.Verified, reader.Verified},
		{"after, by the revoked key", after.Contents.Sign(old), reader.Verified, reader.Invalid},
		{"another, by the revoked key", never.Sign(old), reader.Invalid, reader.Invalid},
		{"another, by the new key", never.Sign(fresh), reader.Invalid, reader.Verified},
	} {
		checkpoint, signature, err := s.VerifyCheckpoint(t.Context(), c.signed.Received())
		if err != nil || checkpoint != c.checkpoint || signature != c.signature {
			t.Errorf("%s: checkpoint %v, signature %v, %v", c.what, checkpoint, signature, err)
		}
	}
}
