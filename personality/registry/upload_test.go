package registry_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func recordAt(s *setup, logID protocol.Hash, position uint64) protocol.Hash {
	s.t.Helper()
	var id protocol.Hash
	s.must(s.options.Store.View(context.Background(), func(tx *store.Tx) error {
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

func TestUploadsInAnyOrder(t *testing.T) {
	s := newSetup(t)
	s.run()
	a := s.author("example:one")
	a.post(initEntry(a.key))
	both := a.post(release("1.0.0", "one"), release("2.0.0", "two"), release("2.0.1", "two"))
	later := a.post(release("3.0.0", "three"))
	if len(both.Missing) != 2 || both.State != registry.Sourcing {
		t.Fatalf("status %+v, want two contents missing", both)
	}
	s.must(a.upload(later.RecordID, "three"))
	s.must(a.upload(both.RecordID, "two"))
	if got := a.status(later.RecordID).State; got != registry.Processing {
		t.Errorf("a complete record behind an incomplete one: %v", got)
	}
	var invalid *registry.InvalidError
	if err := a.upload(both.RecordID, "two"); !errors.As(err, &invalid) {
		t.Errorf("a content that has come already: %v", err)
	}
	if err := a.upload(both.RecordID, "four"); !errors.As(err, &invalid) {
		t.Errorf("a content that nobody asked for: %v", err)
	}
	err := s.UploadContent(context.Background(), a.name.LogID(), both.RecordID, protocol.HashOf([]byte("one")), strings.NewReader("not one"))
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "does not match expected digest") {
		t.Errorf("content of another digest: %v", err)
	}
	s.must(a.upload(both.RecordID, "one"))
	a.wait(later.RecordID)
	if err := a.upload(both.RecordID, "one"); !errors.Is(err, registry.ErrRecordNotSourcing) {
		t.Errorf("upload for a published record: %v", err)
	}
	var notFound *registry.RecordNotFoundError
	if err := a.upload(protocol.Hash{}, "one"); !errors.As(err, &notFound) {
		t.Errorf("upload for no record: %v", err)
	}
	s.checkPublished()
}

// One content completes every record that waits for it, and is not asked for
// again.
func TestContentIsShared(t *testing.T) {
	s := newSetup(t)
	s.run()
	a, b, c := s.author("example:one"), s.author("example:two"), s.author("example:three")
	first := a.post(initEntry(a.key), release("1.0.0", "same"))
	second := b.post(initEntry(b.key), release("1.0.0", "same"))
	s.must(a.upload(first.RecordID, "same"))
	a.wait(first.RecordID)
	b.wait(second.RecordID)
	if third := c.post(initEntry(c.key), release("1.0.0", "same")); third.State != registry.Processing {
		t.Errorf("content that is here was asked for: %+v", third)
	}
	s.checkPublished()
}

func TestRejectionTakesDescendants(t *testing.T) {
	s := newSetup(t)
	s.run()
	a := s.author("example:one")
	kept := a.post(initEntry(a.key), release("1.0.0", "kept"))
	s.must(a.upload(kept.RecordID, "kept"))
	before := *a
	bad := a.post(release("2.0.0", "bad content"))
	guest := newKey(t)
	middle := a.post(protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: guest.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}}, yank("1.0.0"))
	last := a.post(release("3.0.0", "kept"))

	var rejection *registry.RejectionError
	if err := a.upload(bad.RecordID, "bad content"); !errors.As(err, &rejection) || rejection.Reason != "it is bad" {
		t.Fatalf("refused content: %v", err)
	}
	for _, id := range []protocol.Hash{bad.RecordID, middle.RecordID, last.RecordID} {
		if got := a.status(id); got.State != registry.Rejected || !strings.Contains(got.Reason, "rejected by policy: it is bad") {
			t.Errorf("record %s: %+v", id, got)
		}
	}
	if has, err := s.options.Contents.Has(context.Background(), protocol.HashOf([]byte("bad content"))); has || err != nil {
		t.Errorf("refused content is kept: %v, %v", has, err)
	}
	// The log stands where it stood before: the same versions may come, the
	// guest is a stranger, 1.0.0 is not yanked.
	refused(t, &before, before.sign(guest, yank("1.0.0")), &registry.UnauthorizedError{}, "unknown key id")
	again := before.post(release("2.0.0", "kept"), yank("1.0.0"), release("3.0.0", "kept"))
	if got := a.wait(again.RecordID); got.State != registry.Published {
		t.Errorf("after the rejection: %+v", got)
	}
	s.checkPublished()
}

// A package whose first record is rejected may begin again.
func TestRejectedFirstRecord(t *testing.T) {
	s := newSetup(t)
	s.run()
	a := s.author("example:one")
	envelope := a.sign(a.key, initEntry(a.key), release("1.0.0", "bad"))
	status, err := a.try(envelope)
	s.must(err)
	if err := a.upload(status.RecordID, "bad"); err == nil {
		t.Fatal("bad content was taken")
	}
	refused(t, a, envelope, &registry.RejectionError{}, "it is bad")
	a.head = ""
	again := a.post(initEntry(a.key))
	a.wait(again.RecordID)
	s.checkPublished()
}

func TestContentThatNeverComes(t *testing.T) {
	s := newSetup(t)
	a := s.author("example:one")
	init := a.post(initEntry(a.key))
	stuck := a.post(release("1.0.0", "never"))
	behind := a.post(release("2.0.0", "either"))
	s.options.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	s.Registry = registry.New(s.options)
	s.run()
	for _, id := range []protocol.Hash{stuck.RecordID, behind.RecordID} {
		if got := a.wait(id); got.State != registry.Rejected || !strings.Contains(got.Reason, "not uploaded within 1h") {
			t.Errorf("record %s: %+v", id, got)
		}
	}
	a.wait(init.RecordID)
	s.checkPublished()
}

func TestInterruptedUpload(t *testing.T) {
	s := newSetup(t)
	s.run()
	a := s.author("example:one")
	status := a.post(initEntry(a.key), release("1.0.0", "whole"))
	broken := errors.New("connection lost")
	err := s.UploadContent(context.Background(), a.name.LogID(), status.RecordID, protocol.HashOf([]byte("whole")),
		readerFunc(func(p []byte) (int, error) { return copy(p, "who"), broken }))
	if !errors.Is(err, broken) {
		t.Errorf("interrupted upload: %v", err)
	}
	if got := a.status(status.RecordID).State; got != registry.Sourcing {
		t.Errorf("after an interrupted upload: %v", got)
	}
	s.must(a.s.UploadContent(context.Background(), a.name.LogID(), status.RecordID, protocol.HashOf([]byte("whole")), bytes.NewReader([]byte("whole"))))
	a.wait(status.RecordID)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
