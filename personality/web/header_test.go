package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/web"
)

// Every page forbids what it does not need.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, a := range map[string]web.Answer{"a page": s.get("/"), "an error": s.Problem(r, web.Client{}, 404, "It is <not> there.")} {
		for header, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
				"frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "same-origin",
			"Vary":                   "Accept",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
	}
	problem := s.Problem(r, web.Client{}, 404, "It is <not> there.")
	checkPage(t, "an error", problem)
	if !strings.Contains(string(problem.Body), "It is &lt;not&gt; there.") || problem.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page of an error is\n%s", problem.Body)
	}
}

// A cache asks whether a page is still the same, and is told so until something changes.
func TestCaching(t *testing.T) {
	s := newSite(t)
	first := s.get("/")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "public, no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", tag, first.Header.Get("Cache-Control"))
	}
	for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		a := s.get("/", "If-None-Match: "+header)
		if a.Status != http.StatusNotModified || len(a.Body) != 0 || a.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match: %s: status %d, %d bytes", header, a.Status, len(a.Body))
		}
	}
	if a := s.get("/", `If-Match: "x"`); a.Status != http.StatusPreconditionFailed || len(a.Body) != 0 {
		t.Errorf("of another page than there is: status %d", a.Status)
	}
	for _, path := range []string{"/nowhere", "/packages/a:b", "/interfaces", "/static/nowhere"} {
		if a, err := s.try(path, "If-None-Match: *"); err == nil {
			t.Errorf("%s, where nothing is: status %d", path, a.Status)
		}
	}
	s.log.length++
	if a := s.get("/", "If-None-Match: "+tag); a.Status != http.StatusOK || a.Header.Get("ETag") == tag {
		t.Errorf("after another checkpoint: status %d", a.Status)
	}

	css := s.get("/static/site.css")
	if got := css.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("a file without its tag may be kept: %q", got)
	}
	for _, e := range named(parsed(t, first.Body), "link") {
		if e.attrs["rel"] == "alternate" {
			continue
		}
		if !strings.Contains(e.attrs["href"], "?v=") {
			t.Errorf("%s has no tag", e.attrs["href"])
		}
		if got := s.get(e.attrs["href"]).Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %q", e.attrs["href"], got)
		}
	}
}

// A registry can be reached below a path, by a proxy that takes it away.
func TestBelowAPath(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.BaseURL = "https://example.com/warg/" })
	for _, path := range []string{"/", "/search", "/packages/acme:image-resizer", "/packages/acme:image-resizer/2.4.1", "/docs", "/checkpoints"} {
		for _, e := range parsed(t, s.get(path).Body) {
			for _, attr := range []string{"href", "src", "action"} {
				if link := e.attrs[attr]; strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "/warg/") {
					t.Errorf("%s leads to %s", path, link)
				}
			}
		}
	}
	if !strings.Contains(s.body("/docs"), "warg config --registry https://example.com/warg") {
		t.Error("the lines for clients have another address")
	}
}

// Who does not say where the registry is gets the address that the request came to.
func TestAddressOfTheRequest(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.BaseURL = "" })
	r := httptest.NewRequest(http.MethodGet, "/docs", nil)
	a, err := s.Answer(r, web.Client{URL: "http://127.0.0.1:8090"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>Using this registry · 127.0.0.1:8090</title>", "warg config --registry http://127.0.0.1:8090", `protocol = "http"`} {
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("lacks %q", want)
		}
	}
}
