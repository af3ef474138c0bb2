package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	index "github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/warg/discovery"

	"context"
)

// found is an index that finds one package.
type found struct {
	discoveryapi.Index
	err error
	tag string
}

func (s *found) Search(_ context.Context, q discovery.Query) (discovery.Page, error) {
	return discovery.Page{Items: []discovery.Summary{{Name: "example:a", Description: "<script>" + q.Search}}, Total: 1}, s.err
}

func (s *found) Package(context.Context, string) (discovery.Package, error) {
	return discovery.Package{}, s.err
}

func (s *found) Tag() string { return s.tag }

func discoveryServer(t *testing.T, s *found, o httpapi.Options) *server {
	o.Discovery = discoveryapi.New(s, nil)
	return newServer(t, &fake{}, o)
}

func TestDiscoveryAnswers(t *testing.T) {
	s := &found{tag: "1-2"}
	server := discoveryServer(t, s, httpapi.Options{})
	w := server.do("GET", "/v1/discovery/packages?search=b", "")
	equal(t, "status", w.Code, 200)
	equal(t, "type", w.Header().Get("Content-Type"), "application/json")
	tag := w.Header().Get("ETag")
	if !strings.HasPrefix(tag, `W/"1-2-`) {
		t.Errorf("the tag is %s", tag)
	}
	equal(t, "caching", w.Header().Get("Cache-Control"), "public, max-age=2")
	var page discovery.Page
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Items[0].Description != "<script>b" {
		t.Errorf("%s: %v", w.Body, err)
	}
	if strings.Contains(w.Body.String(), "<") {
		t.Errorf("HTML in JSON is not escaped: %s", w.Body)
	}
	head := server.do("HEAD", "/v1/discovery/packages?search=b", "")
	equal(t, "status of HEAD", head.Code, 200)
	equal(t, "length of HEAD", head.Header().Get("Content-Length"), w.Header().Get("Content-Length"))

	feed := server.do("GET", "/v1/discovery/feed.atom", "", "Host: example.com", "If-None-Match: "+tag)
	equal(t, "status of the feed", feed.Code, 200)
	equal(t, "caching of a feed with URLs of the client's", feed.Header().Get("Cache-Control"), "no-store")
	server = discoveryServer(t, s, httpapi.Options{BaseURL: "https://registry.example.com/"})
	feed = server.do("GET", "/v1/discovery/feed.atom", "")
	if !strings.Contains(feed.Body.String(), `href="https://registry.example.com/v1/discovery/packages/example:a/"`) {
		t.Errorf("the feed is %s", feed.Body)
	}
	equal(t, "caching of the feed", feed.Header().Get("Cache-Control"), "public, max-age=2")
}

// Conditions count for what is there (RFC 9110, section 13.2.1): a path where nothing is has
// status 404 whatever is asked, also with the tag of another one.
func TestDiscoveryConditions(t *testing.T) {
	s := &found{tag: "1-2"}
	server := discoveryServer(t, s, httpapi.Options{})
	const search, missing = "/v1/discovery/packages?search=b", "/v1/discovery/packages/example:none"
	full := server.do("GET", search, "")
	tag := full.Header().Get("ETag")
	strong := strings.TrimPrefix(tag, "W/")
	s.err = index.ErrNotFound
	for _, path := range []string{missing, "/v1/discovery/nowhere", "/v1/nowhere"} {
		for _, given := range []string{"If-None-Match: *", "If-None-Match: " + tag, "If-Match: *", `If-Match: "x"`} {
			equal(t, "status of "+path+" with "+given, server.do("GET", path, "", given).Code, 404)
		}
	}
	s.err = nil
	for given, status := range map[string]int{
		"If-None-Match: " + tag: 304, "If-None-Match: " + strong: 304, `If-None-Match: "x", ` + tag: 304, "If-None-Match: *": 304, `If-None-Match: W/"1-2"`: 200,
		"If-Match: *": 200, "If-Match: " + tag: 412, "If-None-Match: " + strings.Replace(tag, "1-2", "1-1", 1): 200, "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT": 200,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := server.do(method, search, "", given)
			equal(t, method+": status with "+given, w.Code, status)
			equal(t, "tag with "+given, w.Header().Get("ETag"), tag)
			equal(t, "caching with "+given, w.Header().Get("Cache-Control"), full.Header().Get("Cache-Control"))
			if status != 200 {
				equal(t, "body with "+given, w.Body.String(), "")
			}
		}
	}
	equal(t, "status of another search with the tag", server.do("GET", "/v1/discovery/packages?search=c", "", "If-None-Match: "+tag).Code, 200)
	equal(t, "status of a bad request", server.do("GET", "/v1/discovery/packages?colour=red", "", "If-None-Match: *").Code, 400)
}

func TestDiscoveryErrors(t *testing.T) {
	s := &found{}
	server := discoveryServer(t, s, httpapi.Options{})
	for path, want := range map[string]int{
		"/v1/discovery/packages?colour=red": 400, "/v1/discovery/packages?limit=x": 400, "/v1/discovery/packages?%zz": 400,
		"/v1/discovery/nothing": 404, "/v1/discovery/packages/a/b/c/d": 404, "/v1/discovery/": 404, "/v1/discovery/interfaces": 400,
	} {
		w := server.do("GET", path, "")
		equal(t, "status of "+path, w.Code, want)
		var body struct{ Message string }
		if json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Message == "" {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	for _, path := range []string{"/v1/discovery/packages", "/v1/discovery/packages/example:a/log", "/v1/discovery/feed.atom"} {
		w := server.do("POST", path, "{}")
		equal(t, "status of POST "+path, w.Code, 405)
		equal(t, "Allow", w.Header().Get("Allow"), "GET, HEAD")
	}
	for err, want := range map[error]int{
		index.ErrNotFound: 404, index.ErrUnavailable: 503, fmt.Errorf("%w: a path of this machine", index.ErrUnavailable): 503,
	} {
		s.err = err
		w := server.do("GET", "/v1/discovery/packages/example:a", "")
		equal(t, "status", w.Code, want)
		equal(t, "Retry-After", w.Header().Get("Retry-After") != "", want == http.StatusServiceUnavailable)
		equal(t, "tag", w.Header().Get("ETag"), "")
		if strings.Contains(w.Body.String(), "machine") {
			t.Errorf("a client learns %s", w.Body)
		}
	}
	equal(t, "status without an index", newServer(t, &fake{}, httpapi.Options{}).do("GET", "/v1/discovery/packages", "").Code, 404)
}
