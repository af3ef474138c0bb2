package web

import (
	"net/http"
	"net/url"
	"strings"
)

// command is what people type or write into a file, for one client.
type command struct {
	Client string
	Note   string // when it works
	Text   string // lines of a shell, or of a file
}

// install are the lines that get a release, for each client.
func install(base, name, version string) []command {
	_, bare, _ := strings.Cut(name, ":")
	return []command{
		{Client: "wkg", Note: "once this registry is its default", Text: "wkg get " + name + "@" + version + " -o ./" + bare + ".wasm"},
		{Client: "warg", Text: "warg download --registry " + base + " " + name + "@" + version + " -o " + bare + ".wasm"},
		{Client: "official client", Text: "warg download --registry " + base + " " + name + " --version " + version + " -o " + bare + ".wasm"},
	}
}

type docsView struct {
	URL     string
	Host    string
	TLS     bool
	Private bool
}

// docs is what users of this registry need to know.
func (s *Site) docs(_ *http.Request, v *visit) (page, error) {
	view := docsView{URL: v.client.URL, Private: s.Access != nil}
	if base, err := url.Parse(v.client.URL); err == nil {
		view.Host, view.TLS = base.Host, base.Scheme == "https"
	}
	return page{template: "docs", title: "Using this registry", data: view}, nil
}
