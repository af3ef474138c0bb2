package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// source serves files, and counts what was asked for.
type source struct {
	mu    sync.Mutex
	files map[string][]byte
	asked map[string]int
	fail  func(path string) error // nil: nothing fails
	// withheld are files that are answered with status 451.
	withheld map[string]bool
}

func (s *source) String() string { return "test" }

func (s *source) Open(ctx context.Context, r audit.Request) (int, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return 0, nil, ctx.Err()
	}
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[r.Path]++
	if s.fail != nil {
		if err := s.fail(r.Path); err != nil {
			return 0, nil, err
		}
	}
	if s.withheld[r.Path] {
		return http.StatusUnavailableForLegalReasons, io.NopCloser(strings.NewReader("")), nil
	}
	data, ok := s.files[r.Path]
	if !ok {
		return http.StatusNotFound, io.NopCloser(strings.NewReader("")), nil
	}
	return http.StatusOK, io.NopCloser(bytes.NewReader(data)), nil
}

// grow appends records of packages until the log has a size, and a checkpoint now and
// then.
func grow(r *tlogtest.Registry, size int) {
	for n := r.Size(tlog.Records); n < size; n++ {
		name := fmt.Sprintf("example:p%d", n%7)
		if len(r.Records(name)) == 0 {
			r.Init(name)
		} else {
			r.Release(name, fmt.Sprintf("1.0.%d", n), fmt.Appendf(nil, "content %d", n))
		}
		if n%3 == 0 {
			r.AppendCheckpoint(protocol.Checkpoint{LogLength: uint64(n + 1)})
		}
	}
}

func vkeys(r *tlogtest.Registry) []string {
	return slices.Concat(r.Keys[tlog.Records].VKeys(), r.Keys[tlog.Checkpoints].VKeys())
}

// folder reads all files of an export but for what is its own.
func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || strings.HasPrefix(name, ".export") {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func export(t *testing.T, dir string, s *source, o mirror.Options) (mirror.Report, error) {
	t.Helper()
	o.Source = s
	return mirror.Export(t.Context(), dir, o)
}

// compare demands that the folder has the files of the registry, and no others.
func compare(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	got := folder(t, dir)
	for name, data := range got {
		if strings.HasSuffix(name, "/vkeys") {
			delete(got, name)
		} else if !bytes.Equal(data, want[name]) {
			t.Errorf("%s has %d bytes, the registry's %d, and they differ", name, len(data), len(want[name]))
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok && !strings.HasSuffix(name, "/vkeys") {
			t.Errorf("%s is missing", name)
		}
	}
}

// An export follows the registry: from nothing, with nothing new, and over full tiles.
func TestExportFollows(t *testing.T) {
	r := tlogtest.New(t)
	s := &source{}
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r)}
	before := 0
	for _, size := range []int{1, 1, 5, 255, 256, 257, 300, 511, 512, 800} {
		grow(r, size)
		s.files, s.asked = r.Files(), nil
		report, err := export(t, dir, s, o)
		if err != nil {
			t.Fatalf("%d records: %v", size, err)
		}
		compare(t, dir, s.files)
		got := report.Logs[0]
		if got.Log != tlog.Records || got.Head != r.Head(tlog.Records, size) || got.Before != uint64(before) || got.Keys != mirror.Pinned {
			t.Errorf("%d records: %+v", size, got)
		}
		for path, times := range s.asked {
			f, err := tlog.ParsePath(strings.TrimPrefix(path, "tlog/records/"))
			if times > 1 || err == nil && f.Width == 256 && tlog.Width(f.Level, f.Index, uint64(before)) == 256 {
				t.Errorf("from %d to %d records, %s is fetched %d times", before, size, path, times)
			}
		}
		before = size
	}
}

// A log of more than 65,536 leaves has two levels of full tiles, and all tiles of them
// are copied and verified.
func TestExportLevels(t *testing.T) {
	r := tlogtest.New(t)
	key := r.Author
	envelope := (&protocol.PackageRecord{Time: protocol.Time{Seconds: 1}, Entries: []protocol.PackageEntry{{Type: protocol.EntryInit, Key: key.Public()}}}).Sign(key)
	for n := r.Size(tlog.Records); n < 65536+300; n++ {
		r.Append(fmt.Sprintf("example:p%d", n), envelope)
	}
	s := &source{files: map[string][]byte{}}
	r.FilesAt(s.files, tlog.Checkpoints, 0)
	r.FilesAt(s.files, tlog.Records, 65000)
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r), Parallel: 2}
	if _, err := export(t, dir, s, o); err != nil {
		t.Fatal(err)
	}
	r.FilesAt(s.files, tlog.Records, 65536+300)
	s.asked = nil
	if _, err := export(t, dir, s, o); err != nil {
		t.Fatal(err)
	}
	want := r.Files()
	compare(t, dir, want)
	if len(s.asked) > 30 {
		t.Errorf("%d files were fetched for 836 records", len(s.asked))
	}
}

// An export that is ended at any point leaves a folder with complete logs of its tree
// heads, and the next one goes on without fetching again what is there.
func TestExportInterrupted(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	small := r.Files()
	grow(r, 1100)
	large := r.Files()
	o := mirror.Options{VKeys: vkeys(r), Parallel: 1}
	whole := &source{files: large}
	if _, err := export(t, t.TempDir(), whole, o); err != nil {
		t.Fatal(err)
	}
	away := errors.New("the network is away")
	for stop := range len(whole.asked) {
		dir := t.TempDir()
		if _, err := export(t, dir, &source{files: small}, o); err != nil {
			t.Fatal(err)
		}
		count := 0
		s := &source{files: large, fail: func(string) error {
			if count++; count > stop {
				return away
			}
			return nil
		}}
		_, err := export(t, dir, s, o)
		if err != nil && !errors.Is(err, away) {
			t.Fatalf("stopped after %d files: %v", stop, err)
		}
		if inconsistent := (*mirror.InconsistentError)(nil); errors.As(err, &inconsistent) {
			t.Fatalf("a network that is away is a finding: %v", err)
		}
		complete(t, dir)
		first := maps.Clone(s.asked)
		s.fail, s.asked = nil, nil
		if _, err := export(t, dir, s, o); err != nil {
			t.Fatalf("again after %d files: %v", stop, err)
		}
		compare(t, dir, large)
		for path := range s.asked {
			f, err := tlog.ParsePath(strings.TrimPrefix(strings.TrimPrefix(path, "tlog/records/"), "tlog/checkpoints/"))
			if err == nil && f.Width == 256 && first[path] > 0 && len(first) <= stop {
				t.Errorf("%s is fetched again", path)
			}
		}
	}
}

// complete demands that a folder is itself a registry that can be exported.
func complete(t *testing.T, dir string) {
	t.Helper()
	files := folder(t, dir)
	if _, err := export(t, t.TempDir(), &source{files: files}, mirror.Options{}); err != nil {
		t.Errorf("the folder is not complete: %v", err)
	}
}

// Whatever a process that was killed left behind vanishes: parts of files, and partial
// tiles of tree heads that nobody has any more.
func TestExportSweeps(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 300)
	dir := t.TempDir()
	o := mirror.Options{VKeys: vkeys(r)}
	if _, err := export(t, dir, &source{files: r.Files()}, o); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tlog/records/tile/0/.new-17", "tlog/records/tile/0/001.p/7", "tlog/records/tile/envelopes/000.p/200", "tlog/checkpoints/.new-1"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("left over"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := export(t, dir, &source{files: r.Files()}, o); err != nil {
		t.Fatal(err)
	}
	compare(t, dir, r.Files())
	if _, err := os.Stat(filepath.Join(dir, "tlog/records/tile/envelopes/000.p")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder is left: %v", err)
	}
}

// A file that an earlier export has damaged, or somebody since, is fetched again.
func TestExportDamaged(t *testing.T) {
	r := tlogtest.New(t)
	grow(r, 600)
	dir := t.TempDir()
	s := &source{files: r.Files(), fail: func(path string) error {
		if path == "tlog/records/tile/entries/001" {
			return errors.New("away")
		}
		return nil
	}}
	o := mirror.Options{VKeys: vkeys(r), Parallel: 1}
	if _, err := export(t, dir, s, o); err == nil {
		t.Fatal("nothing failed")
	}
	for _, name := range []string{"tlog/records/tile/0/000", "tlog/records/tile/envelopes/000"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("damaged"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.fail = nil
	if _, err := export(t, dir, s, o); err != nil {
		t.Fatal(err)
	}
	compare(t, dir, s.files)
}
