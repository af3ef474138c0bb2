package httpapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/internal/precondition"
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
// looked up again: it is there, for the client was given its tag.
func (h *handler) discovered(route discoveryapi.Route) serveFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		tag := h.discoveryTag(r) // before the answer: it may be newer, and never older
		if h.BaseURL == "" && route.Located {
			tag = ""
		}
		if tag != "" && r.Header.Get("If-Match") == "" && precondition.HasTag(r.Header, tag) {
			h.setDiscoveryTag(w.Header(), tag)
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return h.asked(h.Limits.Reading, func(r *http.Request, _ []byte) (reply, error) {
			answer, err := route.Serve(r, cmp.Or(strings.TrimRight(h.BaseURL, "/"), h.baseURL(r)))
			if err != nil {
				return reply{}, h.withNamedHint(r, err)
			}
			made := reply{status: http.StatusOK, contentType: answer.ContentType, body: answer.Body, private: tag == ""}
			if tag != "" {
				made.header = http.Header{}
				h.setDiscoveryTag(made.header, tag)
			}
			return conditional(r, made, tag), nil
		})(w, r)
	}
}

// discoveryTag is the entity tag of what a request asks for. Each URL has others, so that
// who has the tag of one was given it there.
func (h *handler) discoveryTag(r *http.Request) string {
	sum := sha256.Sum256([]byte(r.URL.Path + "?" + r.URL.RawQuery))
	return `W/"` + h.Discovery.Tag() + "-" + hex.EncodeToString(sum[:8]) + `"`
}

func (h *handler) setDiscoveryTag(header http.Header, tag string) {
	header.Set("ETag", tag)
	header.Set("Cache-Control", h.cacheScope()+", "+discoveryCaching)
}

// discoveryError translates the errors of the API.
func discoveryError(err error) api.Error {
	if p := discoveryapi.ProblemOf(err); p != nil {
		return &api.MessageError{Code: uint16(p.Status), Message: p.Message}
	}
	return nil
}
