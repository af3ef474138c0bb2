package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// attacks are texts that a package could have in every field that is its own to fill.
var attacks = map[string]string{
	"script":    `"'><script>alert(1)</script><img src=x onerror=alert(1)></bdi></p></main>`,
	"url":       `javascript:alert(document.cookie)//https://a.example/`,
	"direction": "\u202egnp.exe\u2066\u2067 ",
	"controls":  "\x00\x1b]0;x\x07\u0085\u200b\u2028<!--",
	"marks":     "Z" + strings.Repeat("\u0335\u0300\u0489", 2000),
	"long":      strings.Repeat("a", 1<<20),
	"quotes":    strings.Repeat(`<&"'+`, 1<<18),
	"lines":     strings.Repeat("\n", 1<<20),
	"words":     strings.Repeat("a ", 1<<19),
	"wide":      strings.Repeat("𝒳", 1<<18),
	"template":  `{{.}}{{template "frame"}}<!--`,
	"not UTF-8": strings.Repeat("\xff\xfe", 10000),
}

const manyItems = 10_000

// hostile puts a text into all that a package can say, as often as it can be said.
func hostile(text string) (*discovery.Description, discovery.WIT) {
	e := discovery.Extern{Module: text, Name: text, Kind: text, Package: text, Interface: text, Version: text}
	d := &discovery.Description{
		Kind: discovery.KindComponent, Name: text, Size: -1, Functions: 1 << 62, Code: 1 << 62, Data: 1 << 62, Children: 1 << 62,
		Metadata: discovery.Metadata{Authors: text, Description: text, Licenses: text, Source: text, Homepage: text, Revision: text, Version: text},
	}
	d.Size = 1 << 62
	for range manyItems {
		d.Imports.Items = append(d.Imports.Items, e)
		d.Dependencies.Items = append(d.Dependencies.Items, discovery.Dependency{Name: text, Version: text, Source: text, Kind: text})
		d.Custom.Items = append(d.Custom.Items, discovery.Section{Name: text, Size: 1 << 62})
		d.Producers = append(d.Producers, discovery.Producer{Field: text, Name: text, Version: text})
		d.Problems = append(d.Problems, text)
	}
	d.Imports.Total, d.Dependencies.Total, d.Custom.Total = manyItems, manyItems, manyItems
	d.Exports = d.Imports
	return d, discovery.WIT{Kind: d.Kind, Text: "package a:b;\n" + strings.Repeat(text+"\nimport "+text+"/"+text+";\n", 1+(1<<20)/(len(text)+1)), Truncated: true}
}

const hostileName = "acme:image-resizer"

// plant puts hostile text into one package, and into what all packages together say.
func plant(s *site, text string) {
	d, wit := hostile(text)
	name, version := hostileName, "2.4.1"
	r := s.index.releases[name+"@"+version]
	r.Description, r.License, r.Kind, r.Content = text, text, text, d
	r.HasWIT = true
	r.Needs = nil
	for range manyItems {
		r.Needs = append(r.Needs, discovery.Capability{Name: text, Text: text, Interfaces: []string{text}})
	}
	r.Withheld = nil
	s.index.releases[name+"@"+version] = r
	s.index.wit[name+"@"+version] = wit
	p := &s.index.packages[0]
	p.Latest = &r
	for len(p.Releases) < manyItems {
		p.Releases = append(p.Releases, r.Summary)
	}
	for len(p.Keys) < manyItems {
		p.Keys = append(p.Keys, p.Keys[0])
	}
	p.Total = manyItems
	facet := discovery.Facet{Value: text, Count: 1 << 62}
	for _, list := range []*[]discovery.Facet{&s.index.facets.Kinds, &s.index.facets.Licenses, &s.index.facets.Namespaces, &s.index.facets.Exports, &s.index.facets.Imports} {
		for range 100 {
			*list = append([]discovery.Facet{facet}, *list...)
		}
	}
	amount := discovery.InterfaceAmount{Version: text, Exports: 1 << 62, Imports: -5}
	for range manyItems {
		s.index.iface.Versions = append(s.index.iface.Versions, amount)
		s.index.iface.Defined = append(s.index.iface.Defined, r.Summary)
		s.index.key.Packages = append(s.index.key.Packages, s.index.key.Packages[0])
		s.index.events = append(s.index.events, discovery.Event{Change: s.index.events[0].Change, Entry: text, Version: text, Subject: alice, Permissions: []string{text}})
	}
	s.index.iface.Versions[0].Version = text
	s.index.unknown = []string{"nobody:has/this"}
	var many []discovery.Summary
	for range 20 {
		many = append(many, r.Summary)
	}
	s.index.iface.Exported.Items, s.index.iface.Imported.Items = many, many
}

// hostilePages are all that show something of a package.
var hostilePages = []string{
	"/", "/search", "/search?search=a", "/packages/" + hostileName, "/packages/" + hostileName + "/2.4.1", "/packages/" + hostileName + "/2.4.1/wit",
	"/packages/" + hostileName + "/2.4.1/wit?from=3", "/packages/" + hostileName + "/2.4.1/imports", "/packages/" + hostileName + "/2.4.1/exports?from=9900",
	"/packages/" + hostileName + "/2.4.1/dependencies", "/packages/" + hostileName + "/2.4.1/sections", "/packages/" + hostileName + "/dependents",
	"/packages/" + hostileName + "/log", "/interfaces?name=a:b/c", "/interfaces?name=nobody:has/this", "/keys/" + string(alice),
}

// Whatever a package says, no page has more than it may have, and nothing of it is markup, a script, a
// link to another kind of place, or a character that changes what stands beside it.
func TestHostilePackage(t *testing.T) {
	for attack, text := range attacks {
		s := newSite(t)
		plant(s, text)
		for _, path := range hostilePages {
			a, err := s.try(path)
			if err != nil {
				t.Errorf("%s: %s: %.300v", attack, path, err)
				continue
			}
			for _, e := range checkPage(t, attack+": "+path, a) {
				if (e.name == "h1" || e.name == "a" || e.name == "li") && len(e.text) > 8<<10 {
					t.Errorf("%s: %s: <%s> has %d bytes of text", attack, path, e.name, len(e.text))
				}
			}
			for _, r := range string(a.Body) {
				if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
					t.Errorf("%s: %s has the character %U", attack, path, r)
					break
				}
			}
		}
	}
}

// In a list, a hostile package changes nothing but its own row.
func TestHostileRow(t *testing.T) {
	rows := func(page web.Answer) map[string]string {
		found := map[string]string{}
		for _, row := range strings.Split(string(page.Body), `<li class="item">`)[1:] {
			row, _, _ = strings.Cut(row, "</ul>")
			name, _, _ := strings.Cut(row, " <span")
			found[name] = row
		}
		return found
	}
	honest := rows(newSite(t).get("/search"))
	for attack, text := range attacks {
		s := newSite(t)
		latest := s.index.packages[0].Latest
		latest.Description, latest.License, latest.Kind = text, text, text
		a := s.get("/search")
		if a.Status != http.StatusOK {
			t.Fatalf("%s: status %d", attack, a.Status)
		}
		changed := 0
		for name, row := range rows(a) {
			if row != honest[name] {
				changed++
				if !strings.Contains(row, "image-resizer") {
					t.Errorf("%s: the row of another package is\n%s", attack, row)
				}
			}
		}
		if changed != 1 {
			t.Errorf("%s: %d rows changed", attack, changed)
		}
	}
}

// A search is the reader's own text, and as hostile: somebody else may have made the link.
func TestHostileAddress(t *testing.T) {
	s := newSite(t)
	for attack, text := range attacks {
		for _, param := range []string{"search", "namespace", "kind", "license", "imports", "exports", "versions", "sort", "page", "include", "digest"} {
			if len(text) > 250 && len(param)%2 == 0 {
				text = text[:250]
			}
			a, err := s.try("/search?" + url.Values{param: {text}}.Encode())
			if p := new(web.Problem); errors.As(err, &p) && p.Status == http.StatusBadRequest && len(text) > 250 {
				continue // it is too long
			}
			if err != nil {
				t.Fatalf("%s as %s: %v", attack, param, err)
			}
			checkPage(t, fmt.Sprintf("%s as %s", attack, param), a)
		}
	}
}
