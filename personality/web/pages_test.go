package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// What people look for is on the page where they look for it.
func TestPages(t *testing.T) {
	for path, wants := range map[string][]string{
		"/": {"acme:</span>image-resizer", "1\u202f007", "5\u202f120", `href="/search?sort=newest"`, `href="/interfaces?name=wasi%3Ahttp%2Fincoming-handler"`,
			`href="/search?namespace=acme"`},
		"/search":                             {"5 packages", `href="/search?kind=component"`, `href="/search?exports=wasi%3Akeyvalue%2Fstore"`, `href="/search?license=MIT"`, "pre-releases"},
		"/search?search=image&kind=component": {`value="image"`, "1 package", `href="/search?search=image"`, `href="/search?kind=component&amp;search=image&amp;sort=name"`},
		"/packages/acme:image-resizer": {"wkg get acme:image-resizer@2.4.1", "warg download --registry https://registry.example acme:image-resizer@2.4.1 -o image-resizer.wasm",
			"--version 2.4.1 -o", "yanked", "withheld", "Ada Lovelace", "Apache-2.0 OR MIT", `href="https://github.com/acme/image-resizer"`, "12 dependents", "release, yank"},
		"/packages/acme:image-resizer/2.4.1": {"Makes HTTP requests to other machines.", `href="/packages/wasi:http"`, `href="/interfaces?name=wasi%3Aio%2Fstreams"`,
			"miniz_oxide", "Custom sections", "wit-component", `href="/v1/discovery/packages/acme:image-resizer/2.4.1/sbom"`, `href="/tlog/records/proof/acme/image-resizer/2.4.1"`,
			`href="/content/sha256-`, "238\u00a0KiB", "66 %", `<span class="word">enum</span>`},
		"/packages/acme:image-resizer/2.3.0":              {"This release is yanked", "31 October 2026"},
		"/packages/acme:image-resizer/1.0.0":              {"The operator withholds", "A court order.", `href="https://lumendatabase.org/notices/1"`},
		"/packages/acme:image-resizer/2.4.1/wit":          {`<a href="/interfaces?name=acme%3Aimage%2Fresize">acme:image/resize@2.1.0</a>`, `<span class="comment">/// Answers requests`},
		"/packages/acme:image-resizer/2.4.1/imports":      {"monotonic-clock@0.2.3"},
		"/packages/acme:image-resizer/2.4.1/dependencies": {"memchr"},
		"/packages/acme:image-resizer/2.4.1/sections":     {".dep-v0"},
		"/packages/acme:image-resizer/log":                {"begun", "granted", "revoked", "yanked", "2026-10-11 09:30:00 UTC", `href="/keys/` + string(bob)},
		"/packages/wasi:http/dependents":                  {"image-resizer"},
		"/interfaces?name=wasi:http/incoming-handler":     {"Defined by", `href="/packages/wasi:http/0.2.3"`, "210", "memory-store"},
		"/keys/" + string(alice):                          {"31 records in 2 packages", "nothing any more", "ecdsa-p256:A0ko"},
		"/verify":                                         {`data-registry="/"`, `<script type="module" src="/static/verifypage.js?v=`},
		"/checkpoints":                                    {"1\u202f234", "2026-11-20 09:30:00 UTC", `class="curve" d="M0.0 236.1L`},
		"/docs":                                           {`default_registry = "registry.example"`, "warg config --registry https://registry.example"},
	} {
		body := newSite(t).body(path)
		for _, want := range wants {
			want = strings.ReplaceAll(want, "\u00a0", " ")
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
}

// From the first page every link of the site leads to a page, none is too large, and none has what a
// page must not have.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	s := newSite(t)
	s.index.unknown = []string{"acme:image/resize", "wasi:io/poll"}
	seen, queue := map[string]bool{"/": true}, []string{"/"}
	api := 0
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		a, err := s.try(path)
		if err != nil {
			if errors.Is(err, errGone) && !strings.HasPrefix(path, "/interfaces") {
				continue // the sample does not have all that it names
			}
			t.Fatalf("%s: %v", path, err)
		}
		if a.Status != http.StatusOK {
			t.Errorf("%s: status %d", path, a.Status)
			continue
		}
		if strings.HasPrefix(path, "/static/") {
			continue
		}
		for _, e := range checkPage(t, path, a) {
			link := e.attrs["href"]
			if src := e.attrs["src"]; src != "" {
				link = src
			}
			link, _, _ = strings.Cut(link, "#")
			switch {
			case strings.HasPrefix(link, "/v1/"), strings.HasPrefix(link, "/content/"), strings.HasPrefix(link, "/tlog/"):
				api++
			case strings.HasPrefix(link, "/") && !seen[link] && len(seen) < 400:
				seen[link] = true
				queue = append(queue, link)
			}
		}
	}
	if len(seen) < 100 || api == 0 {
		t.Errorf("only %d pages, and %d links to the API", len(seen), api)
	}
}

// What is not there, and what is no name at all, says so.
func TestNotThere(t *testing.T) {
	s := newSite(t)
	for path, status := range map[string]int{
		"/nowhere":                 404,
		"/packages/nonsense":       404,
		"/packages/A:b":            404,
		"/packages/a:b/1":          404,
		"/packages/a:b/1.0.0/else": 404,
		"/keys/nonsense":           404,
		"/interfaces":              400,
		"/interfaces?name=a":       400,
		"/packages/a:b/log?from=x": 400,
		"/static/nowhere":          404,
		"/static/../site.go":       404,
	} {
		if path == "/packages/a:b/1.0.0/else" {
			path = "/packages/acme:image-resizer/2.4.1/else"
		}
		a, err := s.try(path)
		var p *web.Problem
		if errors.As(err, &p) && p.Status == status || err == nil && a.Status/100 == 3 {
			continue
		}
		t.Errorf("%s: status %d, %v", path, a.Status, err)
	}
	if _, err := s.try("/packages/a:b"); !errors.Is(err, errGone) {
		t.Errorf("a package that is not there: %v", err)
	}
	for _, path := range []string{"/", "/search", "/packages/acme:markdown", "/interfaces?name=a:b/c", "/keys/" + string(alice)} {
		s.index.err = errors.New("the index is away")
		if _, err := s.try(path); !errors.Is(err, s.index.err) {
			t.Errorf("%s without an index: %v", path, err)
		}
	}
}

// A panic beside a search is the error of that page.
func TestPanicBesideSearch(t *testing.T) {
	s := newSite(t)
	s.index.panics = true
	if _, err := s.try("/search"); err == nil || !strings.Contains(err.Error(), "no facets") {
		t.Errorf("the error is %v", err)
	}
}

// A registry without anything in it has all pages, too.
func TestEmptyRegistry(t *testing.T) {
	s := newSite(t)
	*s.index = fakeIndex{}
	s.log.length = 0
	for path, want := range map[string]string{
		"/":            "Nothing is released yet",
		"/search":      "No package fits",
		"/checkpoints": "There is no checkpoint yet",
		"/docs":        "wkg",
	} {
		a := s.get(path)
		checkPage(t, path, a)
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	s.index.packages = []discovery.Package{{Name: "a:b"}, {Name: "a:c", Total: 1, Releases: []discovery.Summary{summary("a:c", "1.0.0", "", "")}}}
	for path, want := range map[string]string{"/packages/a:b": "Nothing is released yet", "/packages/a:c": "All releases of this package are yanked"} {
		if a := s.get(path); !strings.Contains(string(a.Body), want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
}

// Long lists are on several pages, which have all of them.
func TestLongLists(t *testing.T) {
	s := newSite(t)
	d := resizer()
	d.Imports = discovery.List[discovery.Extern]{Total: 3000}
	for i := range 1000 {
		d.Imports.Items = append(d.Imports.Items, extern("a:b/c"+strings.Repeat("d", i%20)+"@1.0.0"))
	}
	r := s.index.releases["acme:image-resizer@2.4.1"]
	r.Content = d
	s.index.releases["acme:image-resizer@2.4.1"] = r
	if body := s.body("/packages/acme:image-resizer/2.4.1"); !strings.Contains(body, `href="/packages/acme:image-resizer/2.4.1/imports"`) {
		t.Error("the page of the release does not lead to all imports")
	}
	path, items, pages := "/packages/acme:image-resizer/2.4.1/imports", 0, 0
	for path != "" && pages < 20 {
		a := s.get(path)
		pages++
		path = ""
		for _, e := range checkPage(t, path, a) {
			if e.name == "li" && strings.HasPrefix(e.text, "a:b/c") {
				items++
			}
			if e.name == "a" && e.attrs["rel"] == "next" {
				path = e.attrs["href"]
			}
		}
		if !strings.Contains(string(a.Body), "the first 1\u202f000 are shown") {
			t.Error("it is not said that there are more")
		}
	}
	if items != 1000 || pages != 10 {
		t.Errorf("%d imports on %d pages", items, pages)
	}
}

// Names of interfaces that this registry has nothing of are no links, in WIT and in lists;
// whoever asks for one by hand, with a version or without, is told so and where to look.
func TestUnknownInterfaces(t *testing.T) {
	s := newSite(t)
	s.index.unknown = []string{"acme:image/resize", "wasi:io/streams"}
	for _, path := range []string{"", "/wit", "/imports", "/exports"} {
		body := s.body("/packages/acme:image-resizer/2.4.1" + path)
		for _, name := range s.index.unknown {
			if strings.Contains(body, "name="+url.QueryEscape(name)) {
				t.Errorf("%s has a link to %s", path, name)
			}
		}
		if path != "/imports" && !strings.Contains(body, "acme:image/resize@2.1.0") || path != "/exports" && !strings.Contains(body, `name=wasi%3Aio%2Fpoll"`) {
			t.Errorf("%s lacks a name, or a link that leads somewhere", path)
		}
	}
	for _, name := range []string{"wasi:io/streams", "wasi:io/streams@0.2.3"} {
		path := "/interfaces?name=" + url.QueryEscape(name)
		body := s.get(path)
		checkPage(t, path, body)
		for _, want := range []string{"No package of this registry defines, exports or imports it", `href="/search?search=wasi%3Aio"`, `href="/search?search=streams"`} {
			if body.Status != http.StatusOK || !strings.Contains(string(body.Body), want) {
				t.Errorf("%s: status %d, lacks %q", path, body.Status, want)
			}
		}
	}
	if body := s.body("/interfaces?name=wasi:http/types@0.2.3"); !strings.Contains(body, "Exported by") {
		t.Error("a name with a version does not lead to its interface")
	}
}

// Of what is withheld, or was not looked into, nothing is said: no empty lists, and no lines
// that would get it.
func TestWithheldPages(t *testing.T) {
	s := newSite(t)
	const path = "/packages/acme:image-resizer/1.0.0"
	r := s.index.releases["acme:image-resizer@1.0.0"]
	r.Content, r.HasWIT = nil, false
	s.index.releases["acme:image-resizer@1.0.0"] = r
	body := s.body(path)
	for _, no := range []string{"wkg get", "Download the file", "Imports", "sbom"} {
		if strings.Contains(body, no) {
			t.Errorf("the page of a withheld release has %q", no)
		}
	}
	for _, list := range []string{"/imports", "/exports", "/dependencies", "/sections", "/wit", "/else"} {
		_, err := s.try(path + list)
		if p, ok := errors.AsType[*web.Problem](err); !ok || p.Status != http.StatusNotFound {
			t.Errorf("%s of a withheld release: %v", list, err)
		}
	}
}

// A page offers searches that are taken: names of dependencies have what means a version there.
func TestFacetsCanBeAskedFor(t *testing.T) {
	s := newSite(t)
	odd := []discovery.Facet{{Value: "unlocked-dep=<a:b@{>=1.0.0}>", Count: 9}, {Value: "a,b", Count: 9}, {Value: "ünlocked", Count: 9}, {Value: "a\x00b", Count: 9}}
	s.index.facets.Imports = append(odd, s.index.facets.Imports...)
	s.index.facets.Exports = append(odd, s.index.facets.Exports...)
	for _, path := range []string{"/", "/search"} {
		for _, e := range named(parsed(t, s.get(path).Body), "a") {
			u, err := url.Parse(e.attrs["href"])
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range odd {
				if u.Query().Get("imports") == f.Value || u.Query().Get("exports") == f.Value {
					t.Errorf("%s leads to %s", path, u)
				}
			}
		}
		if body := s.body(path); !strings.Contains(body, "wasi:io/streams") {
			t.Errorf("%s lacks the other ones", path)
		}
	}
}

// Pages of what has a feed name it, and feeds lead back to pages; one that needs a token is not
// named.
func TestFeedsOfPages(t *testing.T) {
	s := newSite(t)
	private := newSite(t, func(o *web.Options) { o.Access = bearers{"secret": true} })
	for path, want := range map[string]string{
		"/": "/v1/discovery/feed.atom", "/packages/acme:markdown": "/v1/discovery/feed.atom?package=acme%3Amarkdown",
		"/interfaces?name=a:b/c": "/v1/discovery/feed.atom?interface=a%3Ab%2Fc", "/docs": "", "/search": "",
	} {
		feed := func(a web.Answer) string {
			for _, e := range named(parsed(t, a.Body), "link") {
				if e.attrs["type"] == "application/atom+xml" {
					return e.attrs["href"]
				}
			}
			return ""
		}
		if got := feed(s.get(path)); got != want {
			t.Errorf("%s names the feed %q, want %q", path, got, want)
		}
		if got := feed(private.get(path, "Cookie: warg-pages=secret")); got != "" {
			t.Errorf("%s of a private registry names the feed %q", path, got)
		}
	}
	for path, want := range map[string]string{
		s.ReleasePage("acme:markdown", "0.9.0-rc.1"): "wkg get acme:markdown@0.9.0-rc.1", s.ListPage("", "acme:markdown", ""): "Who may release",
		s.ListPage("", "", "wasi:http/types@^0.2"): "Exported by", s.ListPage("acme", "", ""): "Namespace", s.ListPage("", "", ""): "Newest releases",
	} {
		if !strings.Contains(s.body(path), want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
}

// However many interfaces a WIT names, some of them are looked for, each once.
func TestInterfacesLookedFor(t *testing.T) {
	s := newSite(t)
	text := "package a:b;\n"
	for i := range 2000 {
		text += fmt.Sprintf("import a:b/c%d;\nimport a:b/c;\n", i)
	}
	w := s.index.wit["acme:image-resizer@2.4.1"]
	w.Text = text
	s.index.wit["acme:image-resizer@2.4.1"] = w
	body := s.body("/packages/acme:image-resizer/2.4.1/wit")
	links := strings.Count(body, `<a href="/interfaces?name=a%3Ab%2Fc`)
	if n := len(s.index.looked); n == 0 || n > 150 || links < n {
		t.Errorf("%d interfaces are looked for, %d are links", n, links)
	}
}

// What is asked for in the address is what the index is asked.
func TestSearchAsks(t *testing.T) {
	s := newSite(t)
	s.body("/search?search=x&namespace=a&kind=wit&license=MIT&imports=a:b/c,d:e/f&exports=g:h/i@^1&versions=all&pre-release=true&include=yanked&sort=newest&page=next&digest=sha256:0&package=a:b")
	got := s.index.asked[0]
	want := discovery.Query{
		Search: "x", Namespace: "a", Package: "a:b", Kind: "wit", License: "MIT", Imports: []string{"a:b/c", "d:e/f"}, Exports: []string{"g:h/i@^1"},
		Versions: "all", PreRelease: true, Yanked: true, Sort: "newest", Page: "next", Digest: "sha256:0",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("asked %+v", got)
	}
	s.index.page = discovery.Page{Items: []discovery.Summary{summary("a:b", "1.0.0", "wit", "")}, Total: 100, AtLeast: true, Next: "opaque&"}
	body := s.body("/search?search=x&page=before")
	for _, want := range []string{`href="/search?page=opaque%26&amp;search=x" rel="next"`, `href="/search?search=x">First page`, "more than 100 packages"} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q", want)
		}
	}
}
