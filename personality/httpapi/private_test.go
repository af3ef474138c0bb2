package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// newPrivate is a private registry with a token for each permission.
func newPrivate(t *testing.T, f *fake, o httpapi.Options) (s *server, publisher, reader string) {
	t.Helper()
	publisher, p := access.NewToken("p", access.Publish)
	reader, r := access.NewToken("r", access.Read)
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(p.String()+"\n"+r.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := access.LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	links, err := access.NewLinks(key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	o.Private = &httpapi.Private{Tokens: tokens, Links: links}
	return newServer(t, f, o), "Authorization: Bearer " + publisher, "Authorization: bearer " + reader
}

func TestPrivate(t *testing.T) {
	s, publisher, reader := newPrivate(t, &fake{}, httpapi.Options{})
	record := fmt.Sprintf("/v1/package/%s/record", logID)
	upload := fmt.Sprintf("%s/%s/content/%s", record, recordID, digest)
	content := "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	for _, c := range []struct {
		method, path, body   string
		none, reads, publish int
	}{
		{"GET", "/v1/ledger", "", 401, 200, 200},
		{"POST", "/v1/fetch/logs", `{"logLength":1}`, 401, 200, 200},
		{"GET", fmt.Sprintf("/v1/content/%s", digest), "", 401, 200, 200},
		{"GET", content, "", 401, 200, 200},
		{"POST", record, publishBody(), 401, 403, 202},
		{"POST", upload, "content", 401, 403, 201},
		{"GET", "/healthz", "", 200, 200, 200},
		{"GET", "/readyz", "", 200, 200, 200},
		{"GET", "/.well-known/wasm-pkg/registry.json", "", 200, 200, 200},
	} {
		equal(t, c.path+" without a token", s.do(c.method, c.path, c.body).Code, c.none)
		equal(t, c.path+" with a wrong one", s.do(c.method, c.path, c.body, "Authorization: Bearer x").Code, c.none)
		equal(t, c.path+" with another scheme", s.do(c.method, c.path, c.body, strings.Replace(publisher, "Bearer", "Basic", 1)).Code, c.none)
		equal(t, c.path+" to read", s.do(c.method, c.path, c.body, reader).Code, c.reads)
		equal(t, c.path+" to publish", s.do(c.method, c.path, c.body, publisher).Code, c.publish)
	}
	refused := s.do("GET", "/v1/ledger", "")
	expect(t, refused, 401, "{\"status\":401,\"message\":\"this registry is private; use `warg login` with an auth token of its operator\"}")
	equal(t, "challenge", refused.Header().Get("WWW-Authenticate"), `Bearer realm="warg"`)
	equal(t, "who may cache", s.do("GET", content, "", reader).Header().Get("Cache-Control"), "private, max-age=31536000, immutable")
}

// The official client sends no token where it uploads and downloads: it follows
// the links that it was given for one.
func TestLinksToContent(t *testing.T) {
	f := &fake{content: []byte("content"), status: registry.RecordStatus{RecordID: recordID, State: registry.Sourcing, Missing: []protocol.Hash{digest}}}
	s, publisher, reader := newPrivate(t, f, httpapi.Options{})

	var published struct {
		MissingContent map[string]struct{ Upload []struct{ URL string } }
	}
	w := s.do("POST", fmt.Sprintf("/v1/package/%s/record", logID), publishBody(), publisher)
	if err := json.Unmarshal(w.Body.Bytes(), &published); err != nil || len(published.MissingContent) != 1 {
		t.Fatalf("%s: %v", w.Body, err)
	}
	upload := "/" + published.MissingContent[digest.String()].Upload[0].URL
	equal(t, "upload", s.do("POST", upload, "content").Code, 201)
	equal(t, "upload elsewhere", s.do("POST", strings.Replace(upload, recordID.String(), logID.String(), 1), "content").Code, 401)

	var sources struct {
		ContentSources map[string][]struct{ URL string }
	}
	w = s.do("GET", fmt.Sprintf("/v1/content/%s", digest), "", reader)
	if err := json.Unmarshal(w.Body.Bytes(), &sources); err != nil || len(sources.ContentSources) != 1 {
		t.Fatalf("%s: %v", w.Body, err)
	}
	download, _ := strings.CutPrefix(sources.ContentSources[digest.String()][0].URL, "http://registry.example:8090")
	equal(t, "download", s.do("GET", download, "").Body.String(), "content")
	equal(t, "its size", s.do("HEAD", download, "").Code, 200)
	equal(t, "a link to read", s.do("POST", strings.Replace(upload, "?", "?x=", 1), "content").Code, 401)

	// Another server hands content out; it knows nothing of our links.
	s, _, reader = newPrivate(t, f, httpapi.Options{ContentBaseURL: "https://content.example/"})
	if w := s.do("GET", fmt.Sprintf("/v1/content/%s", digest), "", reader); strings.Contains(w.Body.String(), "signature") {
		t.Errorf("a link for another server: %s", w.Body)
	}
}
