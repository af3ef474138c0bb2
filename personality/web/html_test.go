package web_test

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/warg-trillian/warg-trillian/personality/web"
)

// element is an element of a page with the attributes it has.
type element struct {
	name  string
	attrs map[string]string
	text  string // all of it
}

// parsed is a page, as a browser understands it.
func parsed(t *testing.T, body []byte) []element {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var all []element
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		e := element{name: n.Data, attrs: map[string]string{}}
		for _, a := range n.Attr {
			e.attrs[a.Key] = a.Val
		}
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				e.text += d.Data
			}
		}
		all = append(all, e)
	}
	return all
}

func named(all []element, name string) []element {
	return slices.DeleteFunc(slices.Clone(all), func(e element) bool { return e.name != name })
}

// allowedElements are those that the templates have. Another one came from a package.
var allowedElements = strings.Fields("html head meta title link script body a header svg path circle rect span form label input nav button main footer p " +
	"section h1 h2 h3 div dl dt dd ul ol li aside time bdi code pre table thead tbody tr th td details summary figure figcaption strong br noscript textarea")

// checkPage checks what every page has, whatever is in the registry.
func checkPage(t *testing.T, path string, a web.Answer) []element {
	t.Helper()
	if n := len(a.Body); n > web.MaxPage {
		t.Errorf("%s has %d bytes, more than %d", path, n, web.MaxPage)
	}
	all := parsed(t, a.Body)
	ids := map[string]bool{}
	for _, e := range all {
		if !slices.Contains(allowedElements, e.name) {
			t.Errorf("%s has an element %s", path, e.name)
		}
		for name := range e.attrs {
			if strings.HasPrefix(name, "on") || name == "style" || name == "srcdoc" {
				t.Errorf("%s has <%s %s>", path, e.name, name)
			}
		}
		if id := e.attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s has the id %q twice", path, id)
			}
			ids[id] = true
		}
	}
	for _, e := range named(all, "script") {
		if !strings.HasPrefix(e.attrs["src"], "/static/") || e.text != "" {
			t.Errorf("%s has a script %q of its own: %q", path, e.attrs["src"], e.text)
		}
	}
	for _, e := range all {
		for _, attr := range []string{"href", "src", "action"} {
			if link, ok := e.attrs[attr]; ok {
				checkLink(t, path, e, link)
			}
		}
		for _, attr := range []string{"aria-labelledby", "for"} {
			if id, ok := e.attrs[attr]; ok && !ids[id] {
				t.Errorf("%s: %s=%q of <%s> leads nowhere", path, attr, id, e.name)
			}
		}
	}
	if n := len(named(all, "h1")); n != 1 {
		t.Errorf("%s has %d headings of the first level", path, n)
	}
	if titles := named(all, "title"); len(titles) != 1 || strings.TrimSpace(titles[0].text) == "" {
		t.Errorf("%s has no title", path)
	}
	return all
}

// ours are the sites that the templates themselves lead to.
var ours = regexp.MustCompile(`^https://github\.com/bytecodealliance/`)

// checkLink: a link is one of this registry, or one to a web site that says that the package
// asks for it, and is told nothing.
func checkLink(t *testing.T, path string, e element, link string) {
	t.Helper()
	u, err := url.Parse(link)
	switch {
	case err != nil:
		t.Errorf("%s: the link %q is none: %v", path, link, err)
	case u.Scheme == "" && u.Host == "" && (strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "//") || strings.HasPrefix(link, "#")):
	case (u.Scheme == "http" || u.Scheme == "https") && e.name == "a" && (ours.MatchString(link) || e.attrs["rel"] == "nofollow noopener noreferrer ugc"):
	default:
		t.Errorf("%s: <%s> leads to %q, rel %q", path, e.name, link, e.attrs["rel"])
	}
}
