package discoveryapi

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

const evil = "<script>alert(1)</script>\x00\x1b[31m]]>&\u202egnp.exe\u2028\xff"

// hostile is an index whose every text means harm.
type hostile struct {
	Index
	release discovery.Release
}

func (h hostile) Search(context.Context, discovery.Query) (discovery.Page, error) {
	return discovery.Page{Items: []discovery.Summary{h.release.Summary}}, nil
}

func (h hostile) Release(context.Context, string, string) (discovery.Release, error) {
	return h.release, nil
}

func newHostile() hostile {
	d := &discovery.Description{Kind: discovery.KindModule}
	d.Dependencies = discovery.List[discovery.Dependency]{Total: 2000, Items: []discovery.Dependency{
		{Name: evil, Version: "1.0.0", Source: "crates.io", Dependencies: []int64{1, 1, 0, -1, 99}, Root: true},
		{Name: "../x?y#z", Version: "1 2", Source: evil, Kind: "build"},
	}}
	return hostile{release: discovery.Release{
		Summary: discovery.Summary{Name: "example:a", Version: "1.0.0", Description: evil, License: evil, Released: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Content: d,
	}}
}

func ask(t *testing.T, serve func(*http.Request, string) (Answer, error), target string) Answer {
	t.Helper()
	answer, err := serve(httptest.NewRequest(http.MethodGet, target, nil), "https://registry.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestHostileFeeds(t *testing.T) {
	a := New(newHostile(), nil)
	atom := ask(t, a.atom, "/v1/discovery/feed.atom?interface=%3Cscript%3E%1b")
	decoder := xml.NewDecoder(bytes.NewReader(atom.Body))
	texts := ""
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, atom.Body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "script" {
				t.Errorf("an element of a package's in %s", atom.Body)
			}
		case xml.CharData:
			texts += string(token)
		}
	}
	if !strings.Contains(texts, "<script>alert(1)</script>") || strings.ContainsAny(texts, "\x00\x1b\u202e") {
		t.Errorf("the texts are %q", texts)
	}
	var feed jsonFeed
	plain := ask(t, a.jsonFeed, "/v1/discovery/feed.json")
	if err := json.Unmarshal(plain.Body, &feed); err != nil || len(feed.Items) != 1 || bytes.ContainsAny(plain.Body, "<>\u2028") {
		t.Errorf("%s: %v", plain.Body, err)
	}
	if item := feed.Items[0]; item.URL != "https://registry.example.com/v1/discovery/packages/example:a/1.0.0" || strings.ContainsAny(item.Text, "\x00\x1b\u202e") {
		t.Errorf("%+v", item)
	}
	if _, err := a.atom(httptest.NewRequest(http.MethodGet, "/x?namespace=a&package=b:c", nil), ""); ProblemOf(err) == nil || ProblemOf(err).Status != 400 {
		t.Errorf("a feed of two: %v", err)
	}
}

// atPages knows pages at paths that say what was asked.
type atPages struct{}

func (atPages) ReleasePage(name, version string) string { return "/page/" + name + "/" + version }

func (atPages) ListPage(namespace, pkg, iface string) string {
	return "/list/" + namespace + "/" + pkg + "/" + iface
}

// Feeds lead people to pages where there are any, and programs to the API.
func TestFeedsLeadToPages(t *testing.T) {
	const base = "https://registry.example.com"
	const api, page = base + "/v1/discovery/packages/example:a/1.0.0", base + "/page/example:a/1.0.0"
	type links []atomLink
	html := func(url string) atomLink { return atomLink{Rel: "alternate", Type: "text/html", Href: url} }
	toAPI := atomLink{Rel: "alternate", Type: "application/json", Href: api}
	for _, test := range []struct {
		pages     Pages
		query     string
		list      string
		item      string
		ofEntries links
	}{
		{nil, "", "", api, links{toAPI}},
		{atPages{}, "", base + "/list///", page, links{html(page), toAPI}},
		{atPages{}, "?package=b:c", base + "/list//b:c/", page, links{html(page), toAPI}},
		{atPages{}, "?namespace=b", base + "/list/b//", page, links{html(page), toAPI}},
		{atPages{}, "?interface=b:c/d", base + "/list///b:c/d", page, links{html(page), toAPI}},
	} {
		a := New(newHostile(), test.pages)
		var plain jsonFeed
		if err := json.Unmarshal(ask(t, a.jsonFeed, "/v1/discovery/feed.json"+test.query).Body, &plain); err != nil {
			t.Fatal(err)
		}
		if item := plain.Items[0]; plain.Page != test.list || item.URL != test.item || item.Warg.URL != api {
			t.Errorf("JSON%s: to %q, the item to %q and %q", test.query, plain.Page, item.URL, item.Warg.URL)
		}
		var feed atomFeed
		if err := xml.Unmarshal(ask(t, a.atom, "/v1/discovery/feed.atom"+test.query).Body, &feed); err != nil {
			t.Fatal(err)
		}
		var want links
		if test.list != "" {
			want = links{html(test.list)}
		}
		if got := links(feed.Links[1:]); !slices.Equal(got, want) || !slices.Equal(feed.Entries[0].Links, test.ofEntries) {
			t.Errorf("Atom%s: %+v, the entry %+v", test.query, got, feed.Entries[0].Links)
		}
	}
}

func TestSBOM(t *testing.T) {
	h := newHostile()
	a := New(h, nil)
	answer := ask(t, a.sbom, "/x")
	if again := ask(t, a.sbom, "/x"); !bytes.Equal(answer.Body, again.Body) {
		t.Error("the SBOM of the same content is another one")
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(answer.Body), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	components, dependencies := *bom.Components, *bom.Dependencies
	if bom.SpecVersion != cyclonedx.SpecVersion1_6 || len(components) != 2 || (*bom.Compositions)[0].Aggregate != cyclonedx.CompositionAggregateIncomplete {
		t.Errorf("%s", answer.Body)
	}
	if components[0].PackageURL != "pkg:cargo/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%00%1B%5B31m%5D%5D%3E%26%E2%80%AEgnp.exe%E2%80%A8%FF@1.0.0" || components[1].PackageURL != "" || components[1].Scope != cyclonedx.ScopeExcluded {
		t.Errorf("%+v", components)
	}
	if got := *dependencies[1].Dependencies; len(got) != 1 || got[0] != components[1].BOMRef || (*dependencies[0].Dependencies)[0] != components[0].BOMRef {
		t.Errorf("%+v", dependencies)
	}
	h.release.Content = &discovery.Description{}
	var problem *Problem
	if _, err := New(h, nil).sbom(httptest.NewRequest(http.MethodGet, "/x", nil), ""); !errors.As(err, &problem) || problem.Status != 404 {
		t.Errorf("without dependencies: %v", err)
	}
}
