package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// visited asks for a path as a browser does.
func (s *server) visited(t *testing.T, method, path string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// linksOf are the links of a page to this registry.
func linksOf(t *testing.T, page string) (links []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if link, _, _ := strings.Cut(a.Val, "#"); (a.Key == "href" || a.Key == "src") && strings.HasPrefix(link, "/") {
				links = append(links, link)
			}
		}
	}
	return links
}

// maxCrawled bounds the pages that are looked at: searches lead to searches without end.
const maxCrawled = 400

// From the first page of a registry each link leads to something, also those of a hostile
// package, of dependencies, and of yanked and withheld releases; HEAD says what GET does.
func TestLinksOfPages(t *testing.T) {
	t.Parallel()
	packages := webPackages()
	packages["example:needs"] = described{imports: []string{"nobody:has/this@1.0.0", "unlocked-dep=<example:proxy@{>=1.0.0}>"}}
	s := startServer(t)
	fillForWeb(t, s, packages)
	waitIndexed(t, s)
	hidden := protocol.HashOf(packages["example:proxy"].bytes(t)).String()
	operates(t, 0, "", "content", "withhold", hidden, "--reason", whyWithheld, "--reference", orderOf, "--url", s.url, "--operator-key-file", filepath.Join(s.dataDir, "operator.key"))
	for end := time.Now().Add(indexTimeout); ; time.Sleep(100 * time.Millisecond) {
		if _, _, page := s.visited(t, http.MethodGet, "/packages/example:proxy/1.0.1"); strings.Contains(page, whyWithheld) {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the page does not say that the release is withheld: %s", page)
		}
	}
	seen, queue := map[string]bool{"/": true}, []string{"/", "/search?include=yanked,withheld&versions=all"}
	for n := 0; n < len(queue) && n < maxCrawled; n++ {
		path := queue[n]
		status, header, body := s.visited(t, http.MethodGet, path)
		if status != http.StatusOK {
			t.Errorf("%s, which a page leads to: status %d", path, status)
		}
		if headStatus, head, nothing := s.visited(t, http.MethodHead, path); headStatus != status || nothing != "" || head.Get("Content-Type") != header.Get("Content-Type") {
			t.Errorf("HEAD %s: status %d, %q", path, headStatus, head)
		}
		if !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, link := range linksOf(t, body) {
			if !seen[link] {
				seen[link] = true
				queue = append(queue, link)
			}
		}
	}
	if len(queue) < 100 {
		t.Errorf("there are only %d pages", len(queue))
	}
}

// Items of feeds lead to what there is: to pages, or without them to the API.
func TestFeedsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"--web=true": "text/html; charset=utf-8", "--web=false": "application/json"} {
		s := startServer(t, flag)
		c := (&client{t: t, home: t.TempDir()}).ours()
		c.run("config", "--registry", s.url, "--new-key")
		c.release("example:hello", "1.0.0", emptyComponent())
		s.shownRelease(t, "example:hello", "1.0.0")
		var feed struct{ Items []struct{ URL string } }
		if _, answer := s.ask(t, http.MethodGet, "/"+discovery.JSONFeedPath, nil); json.Unmarshal(answer, &feed) != nil || len(feed.Items) != 1 {
			t.Fatalf("%s: the feed is %s", flag, answer)
		}
		status, header, _ := s.visited(t, http.MethodGet, strings.TrimPrefix(feed.Items[0].URL, s.url))
		if status != http.StatusOK || header.Get("Content-Type") != want {
			t.Errorf("%s: %s has status %d and is %s", flag, feed.Items[0].URL, status, header.Get("Content-Type"))
		}
	}
}
