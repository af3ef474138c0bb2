package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/reader"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// privateServer is a private registry under test.
type privateServer struct {
	*server
	private    *httpapi.Private
	tokensFile string
}

// newPrivate is a private registry with a token for each permission.
func newPrivate(t *testing.T, f *fake, o httpapi.Options) (s *privateServer, publisher, reader string) {
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
	links, err := access.NewLinks(make([]byte, access.LinksSecretSize), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	o.Private = &httpapi.Private{Tokens: tokens, Links: links}
	return &privateServer{newServer(t, f, o), o.Private, path}, "Authorization: Bearer " + publisher, "Authorization: bearer " + reader
}

// openToAll are the routes that need no token.
var openToAll = []string{"health", "readiness", "wellKnown"}

// Every route asks for a token, but for those that are open, and takes only what
// allows enough.
func TestPermissions(t *testing.T) {
	f := &fake{names: []reader.NamedLog{{LogID: logID, Name: "foo:bar"}}, content: []byte("content")}
	f.checkpoint.Signature = envelope.Signature
	watched := &watcher{}
	s, publisher, readerToken := newPrivate(t, f, httpapi.Options{Observer: watched})
	routes := map[string]bool{}
	for name, r := range requests() {
		do := func(headers ...string) int {
			f.asked = nil
			return s.do(r.method, r.path, r.body, headers...).Code
		}
		good := map[string]int{"publish": 202, "operator record": 202, "upload": 201}[name]
		if good == 0 {
			good = 200
		}
		none, reads := 401, good
		if slices.Contains(openToAll, name) {
			none = good
		}
		if good != 200 {
			reads = 403
		}
		equal(t, name+" without a token", do(), none)
		equal(t, name+" with a wrong one", do("Authorization: Bearer x"), none)
		equal(t, name+" with an empty one", do("Authorization: Bearer "), none)
		equal(t, name+" with another scheme", do(strings.Replace(publisher, "Bearer", "Basic", 1)), none)
		if none == 401 && f.asked != nil {
			t.Errorf("%s: the registry was asked %v without a token", name, f.asked)
		}
		equal(t, name+" to read", do(readerToken), reads)
		equal(t, name+" to publish", do(publisher), good)
		routes[watched.answered[len(watched.answered)-1]] = true
	}
	text, err := os.ReadFile("handler.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\t+(v1\(access|route\("|oci\()`).FindAll(text, -1)
	if len(declared) != len(routes) || len(routes) != len(requests()) {
		t.Errorf("%d routes are declared, %d were tried, by %d requests", len(declared), len(routes), len(requests()))
	}
}

func TestPrivate(t *testing.T) {
	s, _, readerToken := newPrivate(t, &fake{}, httpapi.Options{})
	refused := s.do("GET", "/v1/ledger", "")
	expect(t, refused, 401, "{\"status\":401,\"message\":\"this registry is private; use `warg login` with an auth token of its operator\"}")
	equal(t, "challenge", refused.Header().Get("WWW-Authenticate"), `Bearer realm="warg"`)
	unknown := s.do("GET", "/v1/ledger", "", "Authorization: Bearer x")
	equal(t, "challenge to a wrong token", unknown.Header().Get("WWW-Authenticate"), `Bearer realm="warg", error="invalid_token"`)
	content := "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	equal(t, "who may cache", s.do("GET", content, "", readerToken).Header().Get("Cache-Control"), "private, max-age=31536000, immutable")
}

// The official client sends no token where it uploads and downloads: it follows
// the links that it was given for one.
func TestLinksToContent(t *testing.T) {
	f := &fake{content: []byte("content"), status: registry.RecordStatus{RecordID: recordID, State: registry.Sourcing, Missing: []protocol.Hash{digest}}}
	s, publisher, readerToken := newPrivate(t, f, httpapi.Options{})

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
	w = s.do("GET", fmt.Sprintf("/v1/content/%s", digest), "", readerToken)
	if err := json.Unmarshal(w.Body.Bytes(), &sources); err != nil || len(sources.ContentSources) != 1 {
		t.Fatalf("%s: %v", w.Body, err)
	}
	download, _ := strings.CutPrefix(sources.ContentSources[digest.String()][0].URL, "http://registry.example:8090")
	equal(t, "download", s.do("GET", download, "").Body.String(), "content")
	equal(t, "its size", s.do("HEAD", download, "").Code, 200)
	equal(t, "who may cache links", w.Header().Get("Cache-Control"), "no-store")
	equal(t, "a link without its signature", s.do("POST", strings.Replace(upload, "signature=", "x=", 1), "content").Code, 401)

	// Another server hands content out; it knows nothing of our links.
	s, _, readerToken = newPrivate(t, f, httpapi.Options{ContentBaseURL: "https://content.example/"})
	if w := s.do("GET", fmt.Sprintf("/v1/content/%s", digest), "", readerToken); strings.Contains(w.Body.String(), "signature") {
		t.Errorf("a link for another server: %s", w.Body)
	}
}

// Pages link to what the discovery API answers, which refuses parameters that it does not know:
// those of a link are none of them, and what is asked for beside them is.
func TestLinksToDiscovery(t *testing.T) {
	s, _, readerToken := newPrivate(t, &fake{}, httpapi.Options{Discovery: discoveryapi.New(&found{tag: "1-2"}, nil)})
	holder, _ := s.private.Tokens.Find(strings.TrimPrefix(readerToken, "Authorization: bearer "))
	for path, query := range map[string]string{"/v1/discovery/packages/example:a": "", "/v1/discovery/packages": "search=b&"} {
		link := path + "?" + query + s.private.Links.Sign("GET", path, holder)
		for _, method := range []string{"GET", "HEAD"} {
			if w := s.do(method, link, ""); w.Code != 200 {
				t.Errorf("%s %s: %d %s", method, link, w.Code, w.Body)
			}
		}
		equal(t, "a link with a token", s.do("GET", link, "", readerToken).Code, 200)
		equal(t, "with another parameter", s.do("GET", link+"&other=1", "").Code, 400)
		equal(t, "without its signature", s.do("GET", strings.Replace(link, "signature=", "x=", 1), "").Code, 401)
	}
}

// A token that only reads gets no links to upload, and none of its links uploads.
func TestReadersGetNoUploadLinks(t *testing.T) {
	f := &fake{status: registry.RecordStatus{RecordID: recordID, State: registry.Sourcing, Missing: []protocol.Hash{digest}}}
	s, publisher, readerToken := newPrivate(t, f, httpapi.Options{})
	path := fmt.Sprintf("/v1/package/%s/record/%s", logID, recordID)
	if w := s.do("GET", path, "", publisher); !strings.Contains(w.Body.String(), "signature") {
		t.Errorf("a publisher gets no link: %s", w.Body)
	}
	w := s.do("GET", path, "", readerToken)
	equal(t, "status", w.Code, 200)
	if !strings.Contains(w.Body.String(), "missingContent") || strings.Contains(w.Body.String(), "signature") {
		t.Errorf("a reader gets %s", w.Body)
	}
	upload := fmt.Sprintf("%s/content/%s", path, digest)
	tokens := s.private.Tokens
	holder, _ := tokens.Find(strings.TrimPrefix(readerToken, "Authorization: bearer "))
	equal(t, "a reader's link to upload", s.do("POST", upload+"?"+s.private.Links.Sign("POST", upload, holder), "content").Code, 403)
}

// Links end when their token is withdrawn.
func TestLinksOfWithdrawnTokens(t *testing.T) {
	f := &fake{content: []byte("content"), status: registry.RecordStatus{RecordID: recordID, State: registry.Sourcing, Missing: []protocol.Hash{digest}}}
	s, publisher, _ := newPrivate(t, f, httpapi.Options{BaseURL: "http://base.example"})
	upload := fmt.Sprintf("/v1/package/%s/record/%s/content/%s", logID, recordID, digest)
	content := "/content/" + strings.Replace(digest.String(), ":", "-", 1)
	holder, _ := s.private.Tokens.Find(strings.TrimPrefix(publisher, "Authorization: Bearer "))
	upload += "?" + s.private.Links.Sign("POST", upload, holder)
	w := s.do("POST", upload, "content")
	equal(t, "upload", w.Code, 201)
	download, _ := strings.CutPrefix(w.Header().Get("Location"), "http://base.example")
	equal(t, "where it says that the content is", strings.HasPrefix(download, content+"?"), true)
	equal(t, "download", s.do("GET", download, "").Code, 200)

	if err := os.WriteFile(s.tokensFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.private.Tokens.Reload(); err != nil {
		t.Fatal(err)
	}
	equal(t, "upload after that", s.do("POST", upload, "content").Code, 401)
	equal(t, "download after that", s.do("GET", download, "").Code, 401)
}
