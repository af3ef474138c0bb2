package httpapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// The discovery API: what is in packages. What it answers package discoveryapi says.

// discoveryCaching lets caches keep an answer for a moment, and ask whether it is still
// true behind that.
const discoveryCaching = "max-age=2"

// discoveryPath is below which the API is.
const discoveryPath = "/v1/discovery/"

// discoveryRoutes has a mux serve the API. Its paths without a method would be in each
// other's way: what no route takes comes to one handler, which knows whether the method is
// why.
func (h *handler) discoveryRoutes(mux *http.ServeMux) {
	if h.Discovery == nil {
		return
	}
	paths := http.NewServeMux()
	for _, r := range h.Discovery.Routes() {
		mux.Handle("GET /"+r.Path, h.endpoint(discoveryError, h.permit(access.Read, h.thisRegistry(h.discovered(r)))))
		paths.Handle("/"+r.Path, http.NotFoundHandler())
	}
	mux.Handle(discoveryPath, h.endpoint(messageError, func(w http.ResponseWriter, r *http.Request) error {
		if _, pattern := paths.Handler(r); pattern != "" {
			return wrongMethod(http.MethodGet)(w, r)
		}
		return notFound(w, r)
	}))
}

// discovered serves a route of the API. What has not changed since a client has it is not
// looked up again.
func (h *handler) discovered(route discoveryapi.Route) serveFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		tag := `W/"` + h.Discovery.Tag() + `"` // before the answer: it may be newer, and never older
		if h.BaseURL != "" || !route.Located {
			if hasTag(r.Header.Values("If-None-Match"), tag) {
				w.Header().Set("ETag", tag)
				w.Header().Set("Cache-Control", h.cacheScope()+", "+discoveryCaching)
				w.WriteHeader(http.StatusNotModified)
				return nil
			}
		}
		return h.asked(h.Limits.Reading, func(r *http.Request, _ []byte) (reply, error) {
			answer, err := route.Serve(r, cmp.Or(strings.TrimRight(h.BaseURL, "/"), h.baseURL(r)))
			if err != nil {
				return reply{}, h.withNamedHint(r, err)
			}
			made := reply{status: http.StatusOK, contentType: answer.ContentType, body: answer.Body}
			if made.private = route.Located && h.BaseURL == ""; !made.private {
				made.caching = h.cacheScope() + ", " + discoveryCaching
				made.header = http.Header{"Etag": {tag}}
			}
			return made, nil
		})(w, r)
	}
}

// hasTag reports whether a tag is in the lists of If-None-Match (RFC 9110, section 13.1.2).
func hasTag(lists []string, tag string) bool {
	for _, list := range lists {
		for one := range strings.SplitSeq(list, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// tagged gives a reply that has its body an entity tag, and says only that nothing has changed
// to a client that has it.
func tagged(r *http.Request, made reply) reply {
	sum := sha256.Sum256(made.body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	made.header = http.Header{"Etag": {tag}}
	if hasTag(r.Header.Values("If-None-Match"), tag) {
		made.status, made.contentType, made.body = http.StatusNotModified, "", []byte{}
	}
	return made
}

// discoveryError translates the errors of the API.
func discoveryError(err error) api.Error {
	if p := discoveryapi.ProblemOf(err); p != nil {
		return &api.MessageError{Code: uint16(p.Status), Message: p.Message}
	}
	return nil
}
