package federation

import (
	"net/url"
	"regexp"
	"strings"
)

var (
	urls      = regexp.MustCompile("https?://[^\\s\"'`<>]*[^\\s\"'`<>:;,.)]")
	addresses = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\[[0-9a-fA-F:]*:[0-9a-fA-F:.]*\](:\d+)?`)
)

// Public is a text about the registry, fit for strangers: for the URL by which it is reached it
// has the domain, and neither other URLs nor addresses are left. Those are for the log.
func (r Registry) Public(text string) string {
	text = urls.ReplaceAllStringFunc(text, func(found string) string {
		path, own := strings.CutPrefix(found, r.URL)
		if own && (path == "" || path[0] == '/' || path[0] == '?') {
			path, _, _ = strings.Cut(path, "?")
			return "registry " + r.Domain + path
		}
		return "a place that registry " + r.Domain + " names"
	})
	if u, err := url.Parse(r.URL); err == nil && u.Host != "" && !strings.EqualFold(u.Host, r.Domain) {
		text = strings.NewReplacer(u.Host, r.Domain, u.Hostname(), r.Domain).Replace(text)
	}
	return addresses.ReplaceAllStringFunc(text, func(found string) string {
		if found == r.Domain {
			return found
		}
		return "an address"
	})
}

// PublicURL is where people find the registry: its URL, or the domain where that is one by
// which only this network reaches it.
func (r Registry) PublicURL() string {
	if r.AllowPrivate {
		return r.Domain
	}
	return r.URL
}
