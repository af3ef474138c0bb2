package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/web"
)

// untouched is an index that must not be asked: it panics.
type untouched struct{ discoveryapi.Index }

func (untouched) Tag() string { return "1-2" }

// discoveryPaths are one path of each route of the discovery API.
func discoveryPaths() (paths []string) {
	fill := strings.NewReplacer("{name}", "example:a", "{version}", "1.0.0", "{id}", "sha256:"+strings.Repeat("0", 64))
	for _, r := range discoveryapi.New(nil, nil).Routes() {
		path := "/" + fill.Replace(r.Path)
		if strings.HasSuffix(path, "/interfaces") {
			path += "?name=a:b/c"
		}
		paths = append(paths, path)
	}
	return paths
}

// pagePaths are one path of each page.
var pagePaths = []string{
	"/", "/search", "/search?search=a", "/packages/example:a", "/packages/example:a/log", "/packages/example:a/dependents", "/packages/example:a/1.0.0",
	"/packages/example:a/1.0.0/wit", "/packages/example:a/1.0.0/imports", "/interfaces?name=a:b/c", "/keys/sha256:" + strings.Repeat("0", 64), "/checkpoints", "/docs", "/nowhere",
}

// checkForm demands that an answer is a page, or JSON with a message.
func checkForm(t *testing.T, path string, w *httptest.ResponseRecorder, page bool) {
	t.Helper()
	if page {
		equal(t, "type of "+path, w.Header().Get("Content-Type"), "text/html; charset=utf-8")
		return
	}
	var body struct{ Message string }
	equal(t, "type of "+path, w.Header().Get("Content-Type"), "application/json")
	if json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Message == "" {
		t.Errorf("%s says %s", path, w.Body)
	}
}

// All of the discovery API of a private registry needs a token that may read, whatever else
// comes with the request; without, the index is not asked.
func TestDiscoveryOfAPrivateRegistry(t *testing.T) {
	closed, _, _ := newPrivate(t, &fake{}, httpapi.Options{Discovery: discoveryapi.New(untouched{}, nil)})
	open, publisher, reader := newPrivate(t, &fake{}, httpapi.Options{Discovery: discoveryapi.New(discovery.New(discovery.Options{}), nil)})
	for _, path := range discoveryPaths() {
		for _, method := range []string{"GET", "HEAD"} {
			for _, header := range []string{"Accept: */*", browser, "Authorization: Bearer wrong", "Cookie: warg-pages=secret", "If-None-Match: *", `If-None-Match: W/"1-2"`} {
				w := closed.do(method, path, "", header)
				equal(t, method+" "+path+" with "+header, w.Code, 401)
				checkForm(t, path, w, false)
				if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
					t.Errorf("%s %s: the challenge is %q", method, path, w.Header().Get("WWW-Authenticate"))
				}
			}
			want := 503 // the index is not open
			if strings.HasSuffix(path, "/openapi.json") {
				want = 200
			}
			for _, token := range []string{publisher, reader} {
				w := open.do(method, path, "", token)
				equal(t, method+" "+path+" with a token", w.Code, want)
				if caching := w.Header().Get("Cache-Control"); strings.Contains(caching, "public") {
					t.Errorf("%s: anybody may keep it: %s", path, caching)
				}
			}
		}
	}
}

// The pages of a private registry ask people for a token, and take it only as their own cookie;
// programs are told that there is nothing.
func TestEveryPageOfAPrivateRegistry(t *testing.T) {
	s, _, reader := newPrivate(t, &fake{}, httpapi.Options{Web: web.New(web.Options{Index: searched{}, Access: readers{}})})
	for _, path := range pagePaths {
		for _, header := range []string{"X-None: x", reader, "Cookie: warg-pages=wrong", "If-None-Match: *"} {
			w := s.do("GET", path, "", browser, header)
			equal(t, "status of "+path+" with "+header, w.Code, 401)
			checkForm(t, path, w, true)
			equal(t, "caching of "+path, w.Header().Get("Cache-Control"), "no-store")
			if !strings.Contains(w.Body.String(), `action="/sign-in"`) {
				t.Errorf("%s has no form: %s", path, w.Body)
			}
		}
		equal(t, "status of "+path+" for programs", s.do("GET", path, "", reader).Code, 404)
	}
	equal(t, "status of the page that verifies", s.do("GET", "/verify", "", browser).Code, 200)
}

// withAll serves the discovery API and the pages within limits.
func withAll(t *testing.T, l httpapi.Limits) *server {
	l.Addresses = proxied
	return newServer(t, &fake{}, httpapi.Options{
		Discovery: discoveryapi.New(untouched{}, nil), Web: web.New(web.Options{Index: searched{}}), Limits: l,
	})
}

// refusedAll demands that each path of the discovery API and each page is refused, to people
// by a page and to programs in JSON, with the time to come back.
func refusedAll(t *testing.T, s *server, status int) {
	t.Helper()
	check := func(path, accept string, page bool) {
		t.Helper()
		w := s.do("GET", path, "", bad, accept)
		equal(t, "status of "+path+" for "+accept, w.Code, status)
		if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("%s: Retry-After is %q", path, w.Header().Get("Retry-After"))
		}
		equal(t, "tag of "+path, w.Header().Get("ETag"), "")
		checkForm(t, path, w, page)
	}
	for _, path := range discoveryPaths() {
		check(path, "Accept: */*", false)
		check(path, browser, false)
	}
	for _, path := range append(pagePaths, "/verify") {
		check(path, browser, true)
	}
}

// Who asks too often is refused by the discovery API and the pages as by the rest.
func TestRateOfDiscoveryAndPages(t *testing.T) {
	s := withAll(t, httpapi.Limits{Requests: limits.NewRate[netip.Prefix]("requests", 1)})
	for range 10 {
		equal(t, "status", s.do("GET", "/v1/discovery/openapi.json", "", bad).Code, 200)
	}
	refusedAll(t, s, 429)
	equal(t, "a page for another client", s.do("GET", "/search", "", good, browser).Code, 200)

	s = withAll(t, httpapi.Limits{Failures: limits.NewRate[netip.Prefix]("wrong requests", 1)})
	for range 5 {
		equal(t, "a wrong question", s.do("GET", "/v1/discovery/packages?colour=red", "", bad).Code, 400)
		equal(t, "a page that is not there", s.do("GET", "/nowhere", "", bad, browser).Code, 404)
	}
	refusedAll(t, s, 429)
}

// The discovery API and the pages have no turns but those of reads.
func TestTurnsOfDiscoveryAndPages(t *testing.T) {
	gate := limits.NewGate("reading", 1, time.Millisecond)
	leave, err := gate.Enter(t.Context(), netip.Prefix{})
	if err != nil {
		t.Fatal(err)
	}
	s := withAll(t, httpapi.Limits{Reading: gate})
	refusedAll(t, s, 503)
	leave()
	equal(t, "status with a turn", s.do("GET", "/v1/discovery/openapi.json", "", bad).Code, 200)
	equal(t, "a page with a turn", s.do("GET", "/search", "", bad, browser).Code, 200)
}
