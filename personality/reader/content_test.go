package reader_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/internal/registrytest"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// serving is a reader on the parts of a registry that serves named content only.
func serving(s *registrytest.Setup, log io.Writer, named func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error)) *reader.Reader {
	return reader.New(reader.Options{
		Store: s.Options.Store, Records: s.Options.Records, Contents: s.Options.Contents,
		Named: named, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
}

// loseContent removes a content's file.
func loseContent(s *registrytest.Setup, digest protocol.Hash) {
	s.T.Helper()
	removed := 0
	_, hex, _ := strings.Cut(digest.String(), ":")
	s.Must(filepath.WalkDir(filepath.Join(s.Dir, "content"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, hex) {
			return err
		}
		removed++
		return os.Remove(path)
	}))
	if removed != 1 {
		s.T.Fatalf("%d files of %s", removed, digest)
	}
}

// Content is served if a record names it, is lost if a record in its log names it
// and it is not kept, and does not exist otherwise.
func TestContentServed(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:p0", 1) // its content is "example:p0"
	kept, lost, waiting, foreign := protocol.HashOf([]byte("example:p0")), protocol.HashOf([]byte("example:p1")), protocol.HashOf([]byte("not yet")), protocol.HashOf([]byte("foreign"))
	s.Load("example:p1", 1)
	loseContent(s, lost)
	if _, err := s.Options.Contents.Put(context.Background(), foreign, strings.NewReader("foreign"), nil); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r := serving(s, &log, func(_ context.Context, digests []protocol.Hash) (map[protocol.Hash]bool, error) {
		named := map[protocol.Hash]bool{}
		for _, d := range digests {
			named[d] = d != foreign
		}
		return named, nil
	})
	ask := func(r *reader.Reader, digest protocol.Hash) error {
		size, err := r.HasContent(context.Background(), digest)
		file, _, err2 := r.OpenContent(context.Background(), digest)
		if err2 == nil {
			defer file.Close()
			if data, err := io.ReadAll(file); err != nil || protocol.HashOf(data) != digest || size != int64(len(data)) {
				t.Errorf("%s: %d bytes of %d, %v", digest, len(data), size, err)
			}
		}
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("%s: HasContent says %v, OpenContent %v", digest, err, err2)
		}
		return err
	}
	var notFound *registry.ContentNotFoundError
	var lostError *registry.ContentLostError
	if err := ask(r, kept); err != nil {
		t.Errorf("named and kept: %v", err)
	}
	if err := ask(r, foreign); !errors.As(err, &notFound) || notFound.Digest != foreign {
		t.Errorf("kept and not named: %v", err)
	}
	if err := ask(r, waiting); !errors.As(err, &notFound) || notFound.Digest != waiting {
		t.Errorf("named by one that waits, and not kept: %v", err)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	for range 3 {
		if err := ask(r, lost); !errors.As(err, &lostError) || lostError.Digest != lost {
			t.Errorf("released and not kept: %v", err)
		}
	}
	if n := strings.Count(log.String(), lost.String()); n != 1 {
		t.Errorf("lost content is logged %d times, want once a while: %s", n, &log)
	}
	// Without the question all that is kept is served, and nothing is called lost.
	all := serving(s, io.Discard, nil)
	if err := ask(all, foreign); err != nil {
		t.Errorf("all is served: %v", err)
	}
	if err := ask(all, lost); !errors.As(err, &notFound) {
		t.Errorf("all is served, and this is not kept: %v", err)
	}
}

// Whether content is named is a question to the database, which may be away: then
// nothing is served, and nobody is told that it does not exist.
func TestContentWithoutDatabase(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	s.Load("example:p0", 1)
	kept := protocol.HashOf([]byte("example:p0"))
	r := serving(s, io.Discard, func(ctx context.Context, _ []protocol.Hash) (map[protocol.Hash]bool, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, err := r.HasContent(context.Background(), kept)
	isAway(t, "content", err, registry.PartDatabase)
	broken := serving(s, io.Discard, func(context.Context, []protocol.Hash) (map[protocol.Hash]bool, error) {
		return nil, store.ErrNotFound
	})
	if _, _, err := broken.OpenContent(context.Background(), kept); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an error of the question: %v", err)
	}
}
