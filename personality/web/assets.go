package web

import (
	"net/http"
	"strings"
)

// isFile: a browser asks for these without saying that it takes HTML.
func isFile(path string) bool { return strings.HasPrefix(path, StaticPath) }

// tagsOf are the tags of the files of the pages by their names below [StaticPath]: an
// address with one is of that file for ever.
func tagsOf() map[string]string {
	tags := map[string]string{}
	for path, file := range readStatic(staticFiles) {
		tags[strings.TrimPrefix(path, StaticPath)] = strings.Trim(file.etag, `"`)
	}
	return tags
}

// assetURL is the address of a file that browsers need not ask for again.
func (s *Site) assetURL(name string) string {
	return s.to(StaticPath+name, "v", s.tags[name])
}

// files serves the files of the pages.
func (s *Site) files(static http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		static.ServeHTTP(w, r)
		answer := w.(*memory)
		h := answer.header
		if answer.status == http.StatusNotFound {
			fail(w, &Problem{http.StatusNotFound, "There is no file at this address."})
			return
		}
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if tag := r.URL.Query().Get("v"); tag != "" && h.Get("ETag") == `"`+tag+`"` {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
	})
}
