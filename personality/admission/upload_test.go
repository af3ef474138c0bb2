package admission_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestUploadsInAnyOrder(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	a.Post(registrytest.Init(a.Key))
	both := a.Post(registrytest.Release("1.0.0", "one"), registrytest.Release("2.0.0", "two"), registrytest.Release("2.0.1", "two"))
	later := a.Post(registrytest.Release("3.0.0", "three"))
	if len(both.Missing) != 2 || both.State != registry.Sourcing {
		t.Fatalf("status %+v, want two contents missing", both)
	}
	s.Must(a.Upload(later.RecordID, "three"))
	s.Must(a.Upload(both.RecordID, "two"))
	if got := a.Status(later.RecordID).State; got != registry.Processing {
		t.Errorf("a complete record behind an incomplete one: %v", got)
	}
	var invalid *registry.InvalidError
	if err := a.Upload(both.RecordID, "two"); err != nil {
		t.Errorf("a content that has come already: %v", err)
	}
	if err := a.Upload(both.RecordID, "four"); !errors.As(err, &invalid) {
		t.Errorf("a content that nobody asked for: %v", err)
	}
	err := s.UploadContent(context.Background(), a.Name.LogID(), both.RecordID, protocol.HashOf([]byte("one")), strings.NewReader("not one"))
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "does not match expected digest") {
		t.Errorf("content of another digest: %v", err)
	}
	s.Must(a.Upload(both.RecordID, "one"))
	a.Wait(later.RecordID)
	if err := a.Upload(both.RecordID, "one"); err != nil {
		t.Errorf("upload for a published record: %v", err)
	}
	var notFound *registry.RecordNotFoundError
	if err := a.Upload(protocol.Hash{}, "one"); !errors.As(err, &notFound) {
		t.Errorf("upload for no record: %v", err)
	}
	s.CheckPublished()
}

// One content completes every record that waits for it, and is not asked for
// again.
func TestContentIsShared(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a, b, c := s.Author("example:one"), s.Author("example:two"), s.Author("example:three")
	first := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "same"))
	second := b.Post(registrytest.Init(b.Key), registrytest.Release("1.0.0", "same"))
	s.Must(a.Upload(first.RecordID, "same"))
	a.Wait(first.RecordID)
	b.Wait(second.RecordID)
	if third := c.Post(registrytest.Init(c.Key), registrytest.Release("1.0.0", "same")); third.State != registry.Processing {
		t.Errorf("content that is here was asked for: %+v", third)
	}
	s.CheckPublished()
}

func TestRejectionTakesDescendants(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	kept := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "kept"))
	s.Must(a.Upload(kept.RecordID, "kept"))
	before := *a
	bad := a.Post(registrytest.Release("2.0.0", "bad content"))
	guest := registrytest.NewKey(t)
	middle := a.Post(protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: guest.Public(), Permissions: []protocol.PackagePermission{protocol.PermissionYank}}, registrytest.Yank("1.0.0"))
	last := a.Post(registrytest.Release("3.0.0", "kept"))

	var rejection *registry.RejectionError
	if err := a.Upload(bad.RecordID, "bad content"); !errors.As(err, &rejection) || rejection.Reason != "it is bad" {
		t.Fatalf("refused content: %v", err)
	}
	for _, id := range []protocol.Hash{bad.RecordID, middle.RecordID, last.RecordID} {
		if got := a.Status(id); got.State != registry.Rejected || !strings.Contains(got.Reason, "rejected by policy: it is bad") {
			t.Errorf("record %s: %+v", id, got)
		}
	}
	if has, err := s.Options.Contents.Has(context.Background(), protocol.HashOf([]byte("bad content"))); has || err != nil {
		t.Errorf("refused content is kept: %v, %v", has, err)
	}
	// The log stands where it stood before: the same versions may come, the
	// guest is a stranger, 1.0.0 is not yanked.
	registrytest.Refused(t, &before, before.Sign(guest, registrytest.Yank("1.0.0")), &registry.UnauthorizedError{}, "unknown key id")
	again := before.Post(registrytest.Release("2.0.0", "kept"), registrytest.Yank("1.0.0"), registrytest.Release("3.0.0", "kept"))
	if got := a.Wait(again.RecordID); got.State != registry.Published {
		t.Errorf("after the rejection: %+v", got)
	}
	s.CheckPublished()
}

// A package whose first record is rejected may begin again.
func TestRejectedFirstRecord(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	envelope := a.Sign(a.Key, registrytest.Init(a.Key), registrytest.Release("1.0.0", "bad"))
	status, err := a.Try(envelope)
	s.Must(err)
	if err := a.Upload(status.RecordID, "bad"); err == nil {
		t.Fatal("bad content was taken")
	}
	registrytest.Refused(t, a, envelope, &registry.RejectionError{}, "it is bad")
	a.Head = ""
	again := a.Post(registrytest.Init(a.Key))
	a.Wait(again.RecordID)
	s.CheckPublished()
}

func TestContentThatNeverComes(t *testing.T) {
	s := registrytest.New(t)
	a := s.Author("example:one")
	init := a.Post(registrytest.Init(a.Key))
	stuck := a.Post(registrytest.Release("1.0.0", "never"))
	behind := a.Post(registrytest.Release("2.0.0", "either"))
	s.Options.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	s.Renew()
	s.Start()
	for _, id := range []protocol.Hash{stuck.RecordID, behind.RecordID} {
		if got := a.Wait(id); got.State != registry.Rejected || !strings.Contains(got.Reason, "not uploaded within 1h") {
			t.Errorf("record %s: %+v", id, got)
		}
	}
	a.Wait(init.RecordID)
	s.CheckPublished()
}

func TestInterruptedUpload(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "whole"))
	broken := errors.New("connection lost")
	err := s.UploadContent(context.Background(), a.Name.LogID(), status.RecordID, protocol.HashOf([]byte("whole")),
		readerFunc(func(p []byte) (int, error) { return copy(p, "who"), broken }))
	if !errors.Is(err, broken) {
		t.Errorf("interrupted upload: %v", err)
	}
	if got := a.Status(status.RecordID).State; got != registry.Sourcing {
		t.Errorf("after an interrupted upload: %v", got)
	}
	s.Must(a.S.UploadContent(context.Background(), a.Name.LogID(), status.RecordID, protocol.HashOf([]byte("whole")), bytes.NewReader([]byte("whole"))))
	a.Wait(status.RecordID)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
