package httpapi_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

// searched is an index that finds nothing, or fails.
type searched struct {
	web.Index
	err error
}

func (s searched) Search(context.Context, discovery.Query) (discovery.Page, error) {
	return discovery.Page{}, s.err
}

func (s searched) Facets(context.Context, discovery.Query) (discovery.Facets, error) {
	return discovery.Facets{}, s.err
}

// readers lets read who has the token "secret".
type readers struct{}

func (readers) Reader(token string) (func(string) string, bool) {
	return func(path string) string { return path }, token == "secret"
}

func withPages(t *testing.T, index searched, access web.Access) *server {
	return newServer(t, &fake{}, httpapi.Options{Web: web.New(web.Options{Index: index, Access: access})})
}

// A browser gets pages where the API has nothing, and nobody else does. What the API answers does not
// depend on what a client accepts.
func TestPagesAreForBrowsers(t *testing.T) {
	s := withPages(t, searched{}, nil)
	page := s.do("GET", "/search", "", browser)
	equal(t, "status", page.Code, 200)
	equal(t, "type", page.Header().Get("Content-Type"), "text/html; charset=utf-8")
	equal(t, "who may read it", page.Header().Get("Access-Control-Allow-Origin"), "")
	if !strings.Contains(page.Header().Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(page.Body.String(), "registry.example:8090") {
		t.Errorf("%v\n%s", page.Header(), page.Body)
	}
	head := s.do("HEAD", "/search", "", browser)
	if !maps.EqualFunc(steady(head.Header()), steady(page.Header()), slices.Equal) {
		t.Errorf("the header of HEAD is %v, of GET %v", head.Header(), page.Header())
	}
	same := s.do("GET", "/search", "", browser, "If-None-Match: "+page.Header().Get("ETag"))
	equal(t, "status of the same page", same.Code, http.StatusNotModified)
	equal(t, "its length", same.Header().Get("Content-Length"), "")
	equal(t, "type of a file", s.do("GET", "/static/site.css", "", "Accept: text/css").Header().Get("Content-Type"), "text/css; charset=utf-8")

	const nothing = `{"status":404,"message":"the requested resource was not found"}`
	for _, path := range []string{"/", "/search", "/packages/a:b", "/nowhere"} {
		for _, accept := range []string{"", "Accept: */*", "Accept: application/json", "Accept: application/json, text/html;q=0.9"} {
			w := s.do("GET", path, "", accept)
			expect(t, w, 404, nothing)
			equal(t, "what it depends on", w.Header().Get("Vary"), "Accept")
		}
	}
	missing := s.do("GET", "/nowhere", "", browser)
	equal(t, "status", missing.Code, 404)
	equal(t, "type", missing.Header().Get("Content-Type"), "text/html; charset=utf-8")
	for _, path := range []string{"/v1", "/v1/nowhere", "/v1/fetch/checkpoint", "/v2/", "/v2/a", "/content/x", "/tlog/records/nowhere", "/.well-known/x", "/healthz", "/readyz"} {
		plain, html := s.do("GET", path, ""), s.do("GET", path, "", browser)
		equal(t, "status of "+path, html.Code, plain.Code)
		equal(t, "answer of "+path, html.Body.String(), plain.Body.String())
		equal(t, "type of "+path, html.Header().Get("Content-Type"), plain.Header().Get("Content-Type"))
	}
	expect(t, s.do("POST", "/search", "{}", browser), 404, nothing)
}

// Without pages all is as the API alone has it.
func TestWithoutPages(t *testing.T) {
	s := newServer(t, &fake{}, httpapi.Options{})
	for _, path := range []string{"/", "/search", "/static/site.css"} {
		w := s.do("GET", path, "", browser)
		expect(t, w, 404, `{"status":404,"message":"the requested resource was not found"}`)
		equal(t, "what it depends on", w.Header().Get("Vary"), "")
	}
	equal(t, "signing in", s.do("POST", "/sign-in", "token=x").Code, 404)
}

// What keeps a page from being made is told on a page.
func TestPageOfAnError(t *testing.T) {
	s := withPages(t, searched{err: &registry.UnavailableError{Part: registry.PartDatabase, Reason: "it is <away>"}}, nil)
	w := s.do("GET", "/search", "", browser)
	equal(t, "status", w.Code, 503)
	equal(t, "type", w.Header().Get("Content-Type"), "text/html; charset=utf-8")
	equal(t, "when to come back", w.Header().Get("Retry-After"), "5")
	if body := w.Body.String(); !strings.Contains(body, "Service Unavailable") || strings.Contains(body, "<away>") {
		t.Error(body)
	}

	gate := limits.NewGate("pages", 1, time.Millisecond)
	leave, err := gate.Enter(t.Context(), netip.Prefix{})
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	s = newServer(t, &fake{}, httpapi.Options{Web: web.New(web.Options{Index: searched{}}), Limits: httpapi.Limits{Reading: gate}})
	w = s.do("GET", "/search", "", browser)
	equal(t, "status without a turn", w.Code, 503)
	equal(t, "type", w.Header().Get("Content-Type"), "text/html; charset=utf-8")
}

// Who signs in at a private registry sees its pages, and nothing of the API.
func TestPagesOfAPrivateRegistry(t *testing.T) {
	s := withPages(t, searched{}, readers{})
	w := s.do("GET", "/search", "", browser)
	equal(t, "status before", w.Code, 401)
	if !strings.Contains(w.Body.String(), `action="/sign-in"`) {
		t.Error(w.Body)
	}
	post := func(path, body string, headers ...string) *httptest.ResponseRecorder {
		return s.do("POST", path, body, append(headers, "Content-Type: application/x-www-form-urlencoded", "Origin: http://registry.example:8090")...)
	}
	w = post("/sign-in", "token=wrong")
	equal(t, "status of a wrong token", w.Code, 403)
	w = post("/sign-in", "token=secret&next=%2Fsearch%3Fsearch%3Da")
	equal(t, "status", w.Code, 303)
	equal(t, "from there to", w.Header().Get("Location"), "/search?search=a")
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	equal(t, "status with the cookie", s.do("GET", "/search", "", browser, "Cookie: "+cookie).Code, 200)
	equal(t, "status from another site", post("/sign-in", "token=secret", "Sec-Fetch-Site: cross-site").Code, 403)
	equal(t, "status of a form that is too large", post("/sign-in", "token="+strings.Repeat("a", web.MaxForm)).Code, 413)
}
