package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Notes and files are served under the paths, types and headers of C2SP tlog-tiles.
func TestLogFiles(t *testing.T) {
	f := &fake{note: []byte("note\n"), file: []byte("hashes")}
	s := newServer(t, f, httpapi.Options{})
	for _, c := range []struct {
		path, contentType, caching, body string
		asked                            []any
	}{
		{"/tlog/records/checkpoint", "text/plain; charset=utf-8", "public, max-age=2", "note\n", []any{tlog.Records}},
		{"/tlog/checkpoints/checkpoint", "text/plain; charset=utf-8", "public, max-age=2", "note\n", []any{tlog.Checkpoints}},
		{"/tlog/records/tile/0/x001/x234/067", "application/octet-stream", "public, max-age=31536000, immutable", "hashes",
			[]any{tlog.Records, tlog.File{Kind: tlog.Tile, Index: 1234067, Width: 256}}},
		{"/tlog/checkpoints/tile/1/000.p/3", "application/octet-stream", "public, max-age=31536000, immutable", "hashes",
			[]any{tlog.Checkpoints, tlog.File{Kind: tlog.Tile, Level: 1, Width: 3}}},
		{"/tlog/records/tile/entries/000.p/3", "application/octet-stream", "public, max-age=31536000, immutable", "hashes",
			[]any{tlog.Records, tlog.File{Kind: tlog.Entries, Width: 3}}},
	} {
		w := s.do("GET", c.path, "")
		equal(t, c.path, w.Code, 200)
		equal(t, "type", w.Header().Get("Content-Type"), c.contentType)
		equal(t, "caching", w.Header().Get("Cache-Control"), c.caching)
		equal(t, "body", w.Body.String(), c.body)
		equal(t, "asked", fmt.Sprint(f.asked), fmt.Sprint(c.asked))
	}
	proof := s.do("GET", "/tlog/records/proof/foo/bar/1.0.0-rc.1+build", "")
	equal(t, "proof", proof.Body.String(), "hashes")
	equal(t, "type", proof.Header().Get("Content-Type"), "text/plain; charset=utf-8")
	equal(t, "asked", fmt.Sprint(f.asked), "[foo:bar 1.0.0-rc.1+build]")
	for _, path := range []string{"/tlog/records/proof/foo/bar/1", "/tlog/records/proof/foo/bar/v1.0.0", "/tlog/records/proof/Foo/bar/1.0.0", "/tlog/records/proof/foo/b%3Aar/1.0.0"} {
		equal(t, path, s.do("GET", path, "").Code, 400)
	}
	f.asked = nil
	for _, path := range []string{
		"/tlog/other/checkpoint", "/tlog/other/tile/0/000", "/tlog/records/tile/0/0", "/tlog/records/tile/8/000", "/tlog/records/tile/0/000.p/256",
		"/tlog/records/tile/0%2f000.p/1", "/tlog/records/tile/%30/000", "/tlog/records/tile/data/000", "/tlog/checkpoints/tile/envelopes/000", "/tlog/records/tile/", "/tlog/records", "/tlog/", "/tlog/records/tile/0/000.p/0",
	} {
		equal(t, path, s.do("GET", path, "").Code, 404)
	}
	equal(t, "what is not there yet is not remembered", s.do("GET", "/tlog/records/tile/0/0", "").Header().Get("Cache-Control"), "no-store")
	equal(t, "asked for what no log has", f.asked == nil, true)
	equal(t, "POST", s.do("POST", "/tlog/records/checkpoint", "").Code, 405)
}

// A bundle of envelopes is sent as it is read, some at a time, and cut off where that
// fails.
func TestEnvelopeBundles(t *testing.T) {
	f := &fake{}
	for _, name := range []string{"", "a:b", "a:c", "a:d", "a:e"} {
		f.envelopes = append(f.envelopes, tlog.NamedEnvelope{Name: name, Envelope: bytes.Repeat([]byte(name), 100)})
	}
	s := newServer(t, f, httpapi.Options{})
	for count, path := range []string{1: "000.p/1", 2: "000.p/2", 3: "000.p/3", 5: "000.p/5"} {
		if path == "" {
			continue
		}
		w := s.do("GET", "/tlog/records/tile/envelopes/"+path, "")
		equal(t, path, w.Code, 200)
		equal(t, "type", w.Header().Get("Content-Type"), "application/octet-stream")
		equal(t, "caching", w.Header().Get("Cache-Control"), "public, max-age=31536000, immutable")
		equal(t, "length is known", w.Header().Get("Content-Length") != "", count <= 2)
		got, err := tlog.ParseEnvelopes(w.Body.Bytes(), count)
		if err != nil || len(got) != count || got[count-1].Name != f.envelopes[count-1].Name {
			t.Errorf("%s: %d envelopes, %v", path, len(got), err)
		}
	}
	failing := &failsLater{fake: f}
	server := httptest.NewServer(httpapi.New(failing, httpapi.Options{}))
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/tlog/records/tile/envelopes/000.p/5")
	if err != nil {
		return // not even its head has come
	}
	defer response.Body.Close()
	if n, err := new(bytes.Buffer).ReadFrom(response.Body); err == nil {
		t.Errorf("an answer that broke off after %d bytes looks whole", n)
	}
}

// failsLater fails to give envelopes behind the first ones.
type failsLater struct{ *fake }

func (f *failsLater) Envelopes(ctx context.Context, start uint64, count, maxBytes int) ([]tlog.NamedEnvelope, error) {
	if start > 0 {
		return nil, errors.New("the disk is on fire")
	}
	return f.fake.Envelopes(ctx, start, count, maxBytes)
}
