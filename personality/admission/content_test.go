package admission_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/content"
	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Uploading what is here already is no error, whatever the record's state.
func TestContentThatIsHere(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a, b := s.Author("example:one"), s.Author("example:two")
	first := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "same"), registrytest.Release("2.0.0", "other"))
	second := b.Post(registrytest.Init(b.Key), registrytest.Release("1.0.0", "same"))
	s.Must(a.Upload(first.RecordID, "same"))
	s.Must(a.Upload(first.RecordID, "same")) // one of its two contents has come
	s.Must(b.Upload(second.RecordID, "same"))
	expectPublished(t, b, second.RecordID)
	s.Must(b.Upload(second.RecordID, "same"))
	s.Must(a.Upload(first.RecordID, "other"))
	expectPublished(t, a, first.RecordID)
	if err := b.Upload(second.RecordID, "other"); !errors.Is(err, registry.ErrRecordNotSourcing) {
		t.Errorf("content that is here and that the record does not name: %v", err)
	}
	s.CheckPublished()
}

// One content comes for very many records at once.
func TestContentForMany(t *testing.T) {
	const many = 600
	s := registrytest.New(t)
	s.Start()
	authors := make([]*registrytest.Author, many)
	records := make([]registry.RecordStatus, many)
	for i := range authors {
		authors[i] = s.Author(fmt.Sprintf("example:p%d", i))
		records[i] = authors[i].Post(registrytest.Init(authors[i].Key), registrytest.Release("1.0.0", "shared"))
	}
	s.Must(authors[0].Upload(records[0].RecordID, "shared"))
	for i, a := range authors {
		expectPublished(t, a, records[i].RecordID)
	}
}

// What was too costly to check once is not checked again; any other refusal is
// cheap to repeat.
func TestRefusalIsRemembered(t *testing.T) {
	for costly, want := range map[bool]int{true: 1, false: 3} {
		s := registrytest.New(t)
		checks := 0
		s.Options.Admission.CheckContent = func(context.Context, io.ReaderAt, int64) error {
			checks++
			return &content.RejectedError{Reason: "it is bad", Costly: costly}
		}
		s.Renew()
		for i := range 3 {
			a := s.Author(fmt.Sprintf("example:p%d", i))
			status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "same"))
			var rejection *registry.RejectionError
			if err := a.Upload(status.RecordID, "same"); !errors.As(err, &rejection) || rejection.Reason != "it is bad" {
				t.Errorf("upload %d: %v", i, err)
			}
			expectRejected(t, a, status.RecordID, "it is bad")
		}
		if checks != want {
			t.Errorf("costly %v: checked %d times, want %d", costly, checks, want)
		}
	}
}

// Content that is lost from its folder may be uploaded again.
func TestLostContent(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a := s.Author("example:one")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "lost"))
	s.Must(a.Upload(status.RecordID, "lost"))
	expectPublished(t, a, status.RecordID)
	folder, err := content.OpenFolder(t.TempDir(), content.FolderOptions{MaxSize: 1 << 20})
	s.Must(err)
	s.Stop()
	s.Options.Contents = folder
	s.Renew()
	s.Must(a.Upload(status.RecordID, "lost"))
	if has, err := folder.Has(context.Background(), protocol.HashOf([]byte("lost"))); !has || err != nil {
		t.Errorf("has it: %v, %v", has, err)
	}
}

// Rejected records are forgotten after a day, and what they name is not named any
// more.
func TestRejectedIsForgotten(t *testing.T) {
	s := registrytest.New(t)
	var ahead atomic.Int64
	s.Options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s.Renew()
	a := s.Author("example:one")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "x"))
	ahead.Store(int64(2 * time.Hour))
	s.Start()
	expectRejected(t, a, status.RecordID, "was not uploaded")
	s.Stop()
	ahead.Store(int64(27 * time.Hour))
	s.Renew()
	s.Start()
	s.Eventually("it is forgotten", func() bool {
		_, err := s.RecordStatus(context.Background(), a.Name.LogID(), status.RecordID)
		var gone *registry.LogNotFoundError
		return errors.As(err, &gone)
	})
	a.Head = ""
	expectPublished(t, a, a.Post(registrytest.Init(a.Key)).RecordID)
	s.CheckPublished()
}

// A database that fails takes nothing and says so; what it took before is there.
func TestStoreFails(t *testing.T) {
	s := registrytest.New(t)
	a, b := s.Author("example:one"), s.Author("example:two")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "x"))
	s.Must(s.Options.Store.Close())
	if _, err := b.Try(b.Sign(b.Key, registrytest.Init(b.Key))); err == nil {
		t.Error("a record was taken by a closed database")
	}
	if err := a.Upload(status.RecordID, "x"); err == nil {
		t.Error("an upload was taken by a closed database")
	}
	db, err := store.OpenSQLite(context.Background(), s.Dir+"/registry.db")
	s.Must(err)
	s.Options.Store = db
	s.Renew()
	s.Start()
	s.Must(a.Upload(status.RecordID, "x"))
	expectPublished(t, a, status.RecordID)
	expectPublished(t, b, b.Post(registrytest.Init(b.Key)).RecordID)
	s.CheckPublished()
}

// A database whose file is not in its place takes nothing: nobody would find it
// there. When it is back, everything goes on.
func TestStoreIsMoved(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	a, b := s.Author("example:one"), s.Author("example:two")
	status := a.Post(registrytest.Init(a.Key), registrytest.Release("1.0.0", "x"))
	file := filepath.Join(s.Dir, "registry.db")
	s.Must(os.Rename(file, file+".elsewhere"))
	var unavailable *registry.UnavailableError
	envelope := b.Sign(b.Key, registrytest.Init(b.Key))
	if _, err := b.Try(envelope); !errors.As(err, &unavailable) || unavailable.Part != registry.PartDatabase {
		t.Errorf("a record: %v, want that the database is away", err)
	}
	if err := a.Upload(status.RecordID, "x"); !errors.As(err, &unavailable) {
		t.Errorf("an upload: %v, want that the database is away", err)
	}
	s.Must(os.Rename(file+".elsewhere", file))
	posted, err := b.Try(envelope)
	s.Must(err)
	expectPublished(t, b, posted.RecordID)
	s.Must(a.Upload(status.RecordID, "x"))
	expectPublished(t, a, status.RecordID)
	s.CheckPublished()
}
