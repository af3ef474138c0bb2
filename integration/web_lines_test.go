package integration

import (
	"bytes"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// page is a page as a browser gets it.
func (s *server) page(t *testing.T, path string) string {
	t.Helper()
	status, header, body := s.asBrowser(t, path)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Fatalf("%s: status %d, %s: %s", path, status, header.Get("Content-Type"), body)
	}
	return body
}

func (s *server) asBrowser(t *testing.T, path string) (int, http.Header, string) {
	t.Helper()
	return s.visited(t, http.MethodGet, path)
}

var commandOnPage = regexp.MustCompile(`(?s)<p class="command-name">([^<]*?)(?: <span[^>]*>[^<]*</span>)?</p>\s*<pre[^>]*><code>(.*?)</code>`)

// The lines on the page of a package get it, as they stand there, with each client.
func TestLinesOnPages(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	author := newPublisher(t, s)
	author.release("example:tool", "1.0.0", adder())
	author.release("example:tool", "1.1.0+build.5", module("newest"))
	waitIndexed(t, s)
	lines := map[string][]string{}
	for _, found := range commandOnPage.FindAllStringSubmatch(s.page(t, "/packages/example:tool"), -1) {
		lines[found[1]] = strings.Fields(html.UnescapeString(found[2]))
	}
	if len(lines) != 3 {
		t.Fatalf("the lines are %q", lines)
	}
	official := newReader(t, s)
	for name, c := range map[string]*client{"warg": official.ours(), "official client": official} {
		if lines[name][0] != "warg" {
			t.Fatalf("%s: %q", name, lines[name])
		}
		c.run(lines[name][1:]...)
		if !bytes.Equal(c.read("tool.wasm"), module("newest")) {
			t.Errorf("%s: %q gets another content", name, lines[name])
		}
	}
	w := newWkgOCI(t, s)
	w.run(lines["wkg"][1:]...)
	if !bytes.Equal(w.read("tool.wasm"), module("newest")) {
		t.Errorf("%q gets another content", lines["wkg"])
	}
}

// --web=false leaves all as it is for programs; so does a registry without an index.
func TestWithoutPages(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--web=false", "--discovery=false"} {
		s := startServer(t, flag)
		for _, path := range []string{"/", "/search", "/static/site.css", "/verify"} {
			status, header, body := s.asBrowser(t, path)
			if status != http.StatusNotFound || header.Get("Content-Type") != "application/json" || !strings.Contains(body, "the requested resource was not found") {
				t.Errorf("%s: %s: status %d, %s: %s", flag, path, status, header.Get("Content-Type"), body)
			}
		}
	}
}
