package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

//go:embed templates verify.html
var templateFiles embed.FS

// parse reads the templates: those of pages, each with all that they share.
func (s *Site) parse() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(s.functions()).ParseFS(templateFiles, "templates/shared/*.html", "verify.html"))
	pages := map[string]*template.Template{}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range names {
		pages[strings.TrimSuffix(path.Base(name), ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, name))
	}
	return pages
}

// frame is what the frame of all pages is made of.
type frame struct {
	Title  string
	Host   string // of this registry, as its clients know it
	Search string
	Path   string // of this page
	Ask    bool   // who sees this may search: the registry is public, or they have signed in
	Signed bool
	Feed   string // address of a feed of what is on the page; "": there is none
	Data   any
}

// render makes the HTML of a page.
func (s *Site) render(p page, r *http.Request, v *visit) ([]byte, error) {
	t := s.templates[p.template]
	if t == nil {
		return nil, fmt.Errorf("there is no template %q", p.template)
	}
	f := frame{Title: p.title, Search: p.search, Path: r.URL.Path, Ask: v.mayRead, Signed: v.signed, Data: p.data}
	if base, err := url.Parse(v.client.URL); err == nil {
		f.Host = base.Host
	}
	if p.feed != nil && s.Access == nil { // those of a private registry need a token
		f.Feed = s.to("/"+discovery.AtomPath, p.feed...)
	}
	var b bytes.Buffer
	b.Grow(16 << 10)
	if err := t.ExecuteTemplate(&b, "frame", f); err != nil {
		return nil, fmt.Errorf("page %s: %w", p.template, err)
	}
	if b.Len() > MaxPage {
		return nil, fmt.Errorf("page %s of %s would have %d bytes, more than %d", p.template, r.URL, b.Len(), MaxPage)
	}
	return b.Bytes(), nil
}

// contentSecurity lets a page have what comes from this server, and nothing that stands in
// the page itself: a script or style that got into one would not run.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// setHeader sets what all pages have.
func (s *Site) setHeader(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentSecurity)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin" /* with no-referrer, forms say that they come from "null" */)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// setCaching lets caches keep a page, and makes them ask whether it is still the same: it
// changes with each checkpoint, and with what was described. A page of a private registry
// stays with the reader.
func (s *Site) setCaching(h http.Header, body []byte) {
	h.Set("Vary", "Accept")
	if s.Access != nil {
		h.Set("Cache-Control", "no-store")
		return
	}
	sum := sha256.Sum256(body)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "public, no-cache")
}

// Problem makes the page that tells a reader of an error, or asks for a token.
func (s *Site) Problem(r *http.Request, c Client, status int, message string) Answer {
	v := s.visit(r, c)
	p := page{template: "problem", title: http.StatusText(status), status: status, data: problem{status, http.StatusText(status), message}}
	if status == http.StatusUnauthorized && s.Access != nil {
		p = page{template: "signin", title: "Sign in", status: status, data: signInForm{Next: localPath(r.URL.RequestURI()), Message: message}}
	}
	h := http.Header{}
	s.setHeader(h)
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "no-store")
	body, err := s.render(p, r, v)
	if err != nil { // these templates have no part that can fail
		h.Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte(message + "\n")
	}
	return Answer{status, h, body}
}

type problem struct {
	Status  int
	Name    string
	Message string
}
