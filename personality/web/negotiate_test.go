package web_test

import (
	"net/http/httptest"
	"testing"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

// HTML is for those who say that they take it, outside of the API.
func TestIsPage(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct {
		method, path, accept string
		want                 bool
	}{
		{"GET", "/", browser, true},
		{"HEAD", "/", browser, true},
		{"GET", "/packages/a:b", "text/html", true},
		{"GET", "/nowhere", browser, true},
		{"GET", "/", "", false},
		{"GET", "/", "*/*", false},
		{"GET", "/", "application/json", false},
		{"GET", "/", "application/json, text/html;q=0.9", false},
		{"GET", "/", "text/html;q=0", false},
		{"GET", "/", "text/html;q=0, */*", false},
		{"GET", "/", "text/html;q=x", false},
		{"GET", "/", "text/html, application/json", true},
		{"GET", "/", "application/problem+json, text/html;q=0.5", false},
		{"POST", "/", browser, false},
		{"OPTIONS", "/", browser, false},
		{"DELETE", "/packages/a:b", browser, false},
		{"GET", "/v1/fetch/checkpoint", browser, false},
		{"GET", "/v1", browser, false},
		{"GET", "/v1/nowhere", browser, false},
		{"GET", "/v2/", browser, false},
		{"GET", "/v2/a/b", browser, false},
		{"GET", "/content/x", browser, false},
		{"GET", "/tlog/records/checkpoint", browser, false},
		{"GET", "/.well-known/nowhere", browser, false},
		{"GET", "/registries/other.example/v1/nowhere", browser, false},
		{"GET", "/healthz", browser, false},
		{"GET", "/versions", browser, true},
		{"GET", "/static/site.css", "text/css,*/*;q=0.1", true},
		{"GET", "/static/site.css", "application/json", true},
	} {
		r := httptest.NewRequest(test.method, test.path, nil)
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		if got := s.IsPage(r); got != test.want {
			t.Errorf("%s %s for %q: %v", test.method, test.path, test.accept, got)
		}
	}
}
