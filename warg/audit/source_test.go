package audit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// serve is a world behind HTTP.
func (w *world) serve(t *testing.T) *HTTPSource {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status, answer, err := w.Open(r.Context(), Request{Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, "/"), Body: body})
		if err != nil {
			t.Error(err)
		}
		rw.WriteHeader(status)
		io.Copy(rw, answer)
	}))
	t.Cleanup(server.Close)
	source, err := NewHTTPSource(server.URL, HTTPOptions{Pause: func(context.Context, time.Duration) error { return nil }})
	must(t, err)
	return source
}

// A round over HTTP, and over a folder with the same files, are rounds over the registry.
func TestSources(t *testing.T) {
	w := newWorld(t)
	w.some(5)
	folder := fstest.MapFS{}
	for _, log := range tlog.Logs {
		folder[log.Path()+"/"+tlog.CheckpointPath] = &fstest.MapFile{Data: w.note(log)}
		for _, file := range tlog.FilesOf(0, w.size(log), tlog.Entries, tlog.Envelopes) {
			path := log.Path() + "/" + file.Path()
			if status, data := w.file(log, file.Path()); status == 200 {
				folder[path] = &fstest.MapFile{Data: data}
			}
		}
	}
	for digest, content := range w.contents {
		folder[contentFile(digest)] = &fstest.MapFile{Data: content}
	}
	for _, source := range []Source{w.serve(t), NewFolderSource(folder, "a folder")} {
		a, err := New(source, new(MemoryStore), w.options())
		must(t, err)
		report, err := a.Round(context.Background())
		must(t, err)
		if !report.Clean() || report.Records != uint64(len(w.records)) || report.Contents != uint64(len(w.contents)) {
			t.Errorf("%s: %+v", source, report)
		}
	}
	for digest := range w.contents {
		folder[contentFile(digest)].Data = []byte("altered")
	}
	delete(folder, contentFile(firstOf(w.contents)))
	a, err := New(NewFolderSource(folder, "a folder"), new(MemoryStore), w.options())
	must(t, err)
	report, err := a.Round(context.Background())
	must(t, err)
	names := map[Name]int{}
	for _, f := range report.Findings {
		names[f.Name]++
		if _, err := Check(f.Evidence); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	if names[ContentAltered] != 10 || names[ContentWithheld] != 1 || report.Suppressed[ContentAltered] != len(w.contents)-11 {
		t.Errorf("found %v, suppressed %v of %d contents", names, report.Suppressed, len(w.contents))
	}
}

func firstOf(m map[protocol.Hash][]byte) (h protocol.Hash) {
	for h = range m {
		return h
	}
	return h
}

// A registry that does not answer can not be audited, which is no finding.
func TestNoAnswer(t *testing.T) {
	for _, status := range []int{401, 403, 429, 500, 503} {
		w := newWorld(t)
		w.tamper = func(string, []byte, int, []byte) (int, []byte) { return status, nil }
		a, err := New(w.serve(t), new(MemoryStore), w.options())
		must(t, err)
		report, err := a.Round(context.Background())
		if !errors.Is(err, ErrNoAnswer) || !report.Clean() {
			t.Errorf("status %d: %v, %+v", status, err, report)
		}
	}
	// One that gave notes before must go on giving them.
	w := newWorld(t)
	store := new(MemoryStore)
	w.clean(store)
	w.noTiles = true
	o := w.options()
	o.VKeys, o.Policy = nil, nil
	if report, err := w.auditWith(store, o); !errors.Is(err, ErrNoAnswer) || !report.Clean() {
		t.Errorf("without notes: %v, %+v", err, report)
	}
}

// endless is a source whose answers do not end.
type endless struct{ *world }

func (s endless) Open(ctx context.Context, r Request) (int, io.ReadCloser, error) {
	if strings.HasPrefix(r.Path, "tlog/") || r.Path == "v1/fetch/checkpoint" {
		return s.world.Open(ctx, r)
	}
	return 200, io.NopCloser(zeros{}), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestEndlessAnswers(t *testing.T) {
	w := newWorld(t)
	w.some(2)
	o := w.options()
	o.MaxContent = 1 << 20
	a, err := New(endless{w}, new(MemoryStore), o)
	must(t, err)
	if _, err := a.Round(context.Background()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("endless answers: %v", err)
	}
}

func TestTokenIsForTheRegistry(t *testing.T) {
	var seen []string
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { seen = append(seen, r.Header.Get("Authorization")) })
	registry, elsewhere := httptest.NewServer(handler), httptest.NewServer(handler)
	defer registry.Close()
	defer elsewhere.Close()
	source, err := NewHTTPSource(registry.URL, HTTPOptions{Token: "secret"})
	must(t, err)
	for _, path := range []string{"v1/fetch/checkpoint", elsewhere.URL + "/content"} {
		_, body, err := source.Open(context.Background(), Request{Method: "GET", Path: path})
		must(t, err)
		body.Close()
	}
	if len(seen) != 2 || seen[0] != "Bearer secret" || seen[1] != "" {
		t.Errorf("tokens: %q", seen)
	}
}

// In a folder only regular files are read: others may never come to an end.
func TestFolderWithPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, filepath.FromSlash(tlog.Checkpoints.Path()))
	must(t, os.MkdirAll(path, 0o755))
	if err := exec.Command("mkfifo", filepath.Join(path, tlog.CheckpointPath)).Run(); err != nil {
		t.Skipf("there is no mkfifo here: %v", err)
	}
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	done := make(chan error, 1)
	go func() {
		a, err := New(NewFolderSource(root.FS(), dir), new(MemoryStore), Options{})
		must(t, err)
		_, err = a.Round(context.Background())
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("error: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the pipe")
	}
}

// Two keys are given so that each log has one.
func TestSameKeyTwice(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.VKeys = []string{o.VKeys[0], o.VKeys[0]}
	if _, err := New(w, new(MemoryStore), o); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error: %v", err)
	}
}

// What has one cause is found once, at however many checkpoints.
func TestOneCause(t *testing.T) {
	for _, status := range []int{404, 501} {
		w := newWorld(t)
		w.some(12)
		w.tamper = tampered(api.ProveInclusionPath, func(int, []byte) (int, []byte) { return status, nil })
		report, err := w.audit(new(MemoryStore))
		must(t, err)
		names := map[Name]int{}
		for _, f := range report.Findings {
			names[f.Name]++
		}
		switch {
		case status == 404 && (names[CheckpointNeverServed] != 1 || report.Suppressed[CheckpointNeverServed] != 12 || names[ProofDiffers] != 1):
			t.Errorf("denied: found %v, suppressed %v", names, report.Suppressed)
		case status == 501 && (len(names) > 0 || len(report.Unchecked) != 1 || report.Unchecked[0].What != "proofs"):
			t.Errorf("not offered: found %v, unchecked %v", report.Findings, report.Unchecked)
		}
		w.tamper = nil
	}
}

// What a cosignature claims, and what it is.
func TestCosignatureFinding(t *testing.T) {
	w := newWorld(t)
	for log := range w.noteKeys {
		w.extra[log] = ""
	}
	w.extra[tlog.Records] = w.witness.Cosign(t, w.note(tlog.Records), 0)
	w.extra[tlog.Checkpoints] = witnesstest.NewKey("stranger.example").Cosign(t, w.note(tlog.Checkpoints), 1)
	report, err := w.audit(new(MemoryStore))
	must(t, err)
	want := map[Name][2]string{
		CosignatureTimeZero: {`cosigned by "w.example"+`, "its time is zero"},
		CosignatureQuorum:   {"cosigned by the quorum, ", "0 cosignatures of the policy"},
		CosignatureStranger: {`cosigned by "stranger.example"+`, "none of these keys is in the policy"},
	}
	for _, f := range report.Findings {
		w, ok := want[f.Name]
		if !ok || !strings.HasPrefix(f.Claimed, w[0]) || f.Computed != w[1] {
			t.Errorf("%s: claimed %q, computed %q", f.Name, f.Claimed, f.Computed)
		}
	}
	if len(report.Findings) < len(want) {
		t.Errorf("found: %v", report.Findings)
	}
}
