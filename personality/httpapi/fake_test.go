package httpapi_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// fake answers as the test says and keeps what it was asked. The real registry
// is tested elsewhere.
type fake struct {
	err        error  // if set, the answer to everything
	panicWith  any    // if set, everything panics
	elsewhere  string // where content can be put and fetched, too
	checkpoint protocol.SignedCheckpoint
	status     registry.RecordStatus
	logs       reader.FetchLogsResponse
	names      []reader.NamedLog
	leaves     []protocol.LogLeaf
	bundle     []byte
	mapBundle  []byte
	content    []byte
	verdicts   [2]reader.Verdict
	note, file []byte
	remarks    []string
	envelopes  []tlog.NamedEnvelope // of the first bundle; they come two at a time

	sources []string // of content

	asked []any // arguments of the last call
}

func (f *fake) ask(args ...any) error {
	if f.panicWith != nil {
		panic(f.panicWith)
	}
	f.asked = args
	return f.err
}

func (f *fake) LatestCheckpoint(context.Context) (protocol.SignedCheckpoint, error) {
	return f.checkpoint, f.ask()
}

func (f *fake) VerifyCheckpoint(_ context.Context, c protocol.ReceivedCheckpoint) (reader.Verdict, reader.Verdict, error) {
	return f.verdicts[0], f.verdicts[1], f.ask(c)
}

func (f *fake) Publish(_ context.Context, logID protocol.Hash, name protocol.PackageName, env protocol.Envelope) (registry.RecordStatus, error) {
	return f.status, f.ask(logID, name, env)
}

func (f *fake) PublishOperator(_ context.Context, env protocol.Envelope) (registry.RecordStatus, error) {
	return f.status, f.ask(env)
}

func (f *fake) Withhold(_ context.Context, s withheld.Signed) error { return f.ask(s) }

func (f *fake) Withheld(_ context.Context, from uint64) (withheld.Page, error) {
	return withheld.Page{}, f.ask(from)
}

func (f *fake) CheckWithheld(context.Context, protocol.Hash) error { return f.err }

func (f *fake) RecordStatus(_ context.Context, logID, recordID protocol.Hash) (registry.RecordStatus, error) {
	return f.status, f.ask(logID, recordID)
}

func (f *fake) UploadContent(_ context.Context, logID, recordID, digest protocol.Hash, body io.Reader) error {
	uploaded, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return f.ask(logID, recordID, digest, string(uploaded))
}

func (f *fake) FetchLogs(_ context.Context, q reader.FetchLogsRequest) (reader.FetchLogsResponse, error) {
	if err := f.ask(q); err != nil || f.logs.Packages != nil || len(q.Packages) != 1 {
		return f.logs, err
	}
	if q.Packages[0].LogID != logID {
		return f.logs, &registry.LogNotFoundError{LogID: q.Packages[0].LogID}
	}
	return released, nil
}

func (f *fake) Names(_ context.Context, logIDs []protocol.Hash) ([]reader.NamedLog, error) {
	return f.names, f.ask(logIDs)
}

func (f *fake) Leaves(_ context.Context, start uint64, count int) ([]protocol.LogLeaf, error) {
	return f.leaves, f.ask(start, count)
}

func (f *fake) ProveInclusion(_ context.Context, logLength uint64, leafs []uint64) ([]byte, []byte, error) {
	return f.bundle, f.mapBundle, f.ask(logLength, leafs)
}

func (f *fake) ProveConsistency(_ context.Context, from, to uint64) ([]byte, error) {
	return f.bundle, f.ask(from, to)
}

func (f *fake) HasContent(_ context.Context, digest protocol.Hash) (int64, error) {
	return int64(len(f.content)), f.ask(digest)
}

func (f *fake) ContentURL(_ context.Context, digest protocol.Hash) (string, error) {
	return f.elsewhere, nil
}

func (f *fake) UploadURL(_ context.Context, logID, recordID, digest protocol.Hash) (string, error) {
	return f.elsewhere, nil
}

// released is a log of name with one release, of digest.
var released = func() reader.FetchLogsResponse {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		panic(err)
	}
	record := protocol.PackageRecord{Time: protocol.TimeOf(time.Unix(1_700_000_000, 0)), Entries: []protocol.PackageEntry{
		{Type: protocol.EntryInit, Key: key.Public()},
		{Type: protocol.EntryRelease, Version: "1.0.0", Content: digest.Any()},
	}}
	return reader.FetchLogsResponse{Packages: []reader.PackageRecords{{
		LogID: logID, Records: []reader.PublishedRecord{{RecordID: recordID, Envelope: record.Sign(key), RegistryIndex: 7}},
	}}}
}()

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func (f *fake) OpenContent(_ context.Context, digest protocol.Hash) (io.ReadSeekCloser, time.Time, error) {
	if err := f.ask(digest); err != nil {
		return nil, time.Time{}, err
	}
	return readCloser{bytes.NewReader(f.content)}, time.Unix(1_700_000_000, 0), nil
}

func (f *fake) Ready(context.Context) error { return f.ask() }

// server is a handler under test.
type server struct {
	t    *testing.T
	fake *fake
	http http.Handler
	log  *strings.Builder
}

func newServer(t *testing.T, f *fake, o httpapi.Options) *server {
	log := &strings.Builder{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	o.OCI = oci.New(f, oci.Options{})
	return &server{t, f, httpapi.New(f, o), log}
}

// do sends a request, a JSON body if there is one, with headers as "name: value".
func (s *server) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	if err := setPath(r, path); err != nil {
		s.t.Fatal(err)
	}
	r.Host = "registry.example:8090"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	return w
}

func setPath(r *http.Request, path string) error {
	u, err := r.URL.Parse(path)
	if err == nil {
		r.URL, r.RequestURI = u, path
	}
	return err
}

// expect checks a JSON answer.
func expect(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d", w.Code, status)
	}
	if got := w.Body.String(); got != body {
		t.Errorf("body\n got %s\nwant %s", got, body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func (f *fake) LogNote(_ context.Context, log tlog.Log) ([]byte, error) {
	return f.note, f.ask(log)
}

func (f *fake) LogFile(_ context.Context, log tlog.Log, file tlog.File) ([]byte, error) {
	return f.file, f.ask(log, file)
}

func (f *fake) Envelopes(_ context.Context, start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error) {
	some := f.envelopes[start%tlog.TileWidth:]
	return some[:min(len(some), count, 2)], f.ask(start, count, maxBytes)
}

func (f *fake) RecordProof(_ context.Context, name protocol.PackageName, version string) ([]byte, error) {
	return f.file, f.ask(name, version)
}

func (f *fake) Remarks() []string { return f.remarks }

func (f *fake) RecordProofOf(_ context.Context, name protocol.PackageName, version string, _ []byte) ([]byte, error) {
	return f.file, f.ask(name, version)
}

func (f *fake) ProofToList(context.Context, protocol.PackageName, string, uint64) (p reader.ListedProof, err error) {
	if err := f.ask(); err != nil {
		return p, err
	}
	return p, &registry.NoNoteError{Log: string(tlog.Records)}
}

func (f *fake) ListProof(_ context.Context, _ protocol.PackageName, p reader.ListedProof) (reader.ListedProof, error) {
	return p, f.ask()
}

func (f *fake) ListedProof(context.Context, protocol.PackageName, protocol.Hash) (p reader.ListedProof, ok bool, err error) {
	return p, false, f.ask()
}

func (f *fake) PublishFrom(_ context.Context, logID protocol.Hash, name protocol.PackageName, env protocol.Envelope, sources registry.SourceURLs) (registry.RecordStatus, error) {
	return f.status, f.ask(logID, name, env, sources)
}

func (f *fake) ContentSources(context.Context, protocol.Hash) ([]string, error) {
	return f.sources, f.err
}
