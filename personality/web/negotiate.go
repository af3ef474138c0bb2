package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// apiPaths are what the API is below: no page is ever there, whatever a client accepts.
var apiPaths = []string{"/v1", "/v2", "/content", "/tlog", "/registries", "/.well-known", "/healthz", "/readyz", "/metrics"}

// IsPage reports whether a request is for a page, or a file that belongs to pages: it is
// a GET or HEAD outside of the API, of a client that says that it takes HTML and does not
// prefer JSON. A client that says nothing, or that all is the same to it, is a program.
func (s *Site) IsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, path := range apiPaths {
		if r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/") {
			return false
		}
	}
	return isFile(r.URL.Path) || prefersHTML(r.Header.Values("Accept"))
}

// prefersHTML reads the header Accept (RFC 9110, section 12.5.1): HTML has to be named.
func prefersHTML(accept []string) bool {
	html, other := 0.0, 0.0
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch {
		case mediaType == "text/html", mediaType == "application/xhtml+xml":
			html = max(html, quality)
		case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
			other = max(other, quality)
		}
	}
	return html > 0 && html >= other
}
