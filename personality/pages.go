package personality

import (
	"net/http"
	"net/url"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// newPages makes the pages for people, which show what the index and the reader say.
func (s *Server) newPages(baseURL string) *web.Site {
	o := web.Options{Index: s.discovery, Log: s.registry, BaseURL: baseURL, Now: s.options.Now}
	if s.private != nil {
		o.Access = pageAccess{s.private}
	}
	if s.witnesses != nil {
		o.Policy = func() *witness.Policy { return s.witnesses.Policy() }
	}
	return web.New(o)
}

// pageAccess is who may see the pages of a private registry.
type pageAccess struct{ *httpapi.Private }

// Reader implements [web.Access].
func (a pageAccess) Reader(token string) (link func(path string) string, ok bool) {
	holder, ok := a.Tokens.Find(token)
	return func(path string) string {
		decoded, err := url.PathUnescape(path) // which is what the server sees
		if err != nil {
			return path
		}
		return path + "?" + a.Links.Sign(http.MethodGet, decoded, holder)
	}, ok && holder.Permission >= access.Read
}
