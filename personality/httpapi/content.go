package httpapi

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// contentSources says where a content can be fetched: from here.
func (h *handler) contentSources(w http.ResponseWriter, r *http.Request) error {
	anyDigest, err := pathHash(r, "digest")
	if err != nil {
		return err
	}
	digest, err := anyDigest.Hash()
	if err != nil {
		return &api.ContentError{Variant: api.ContentDigestNotFound, Digest: anyDigest}
	}
	bytes, err := h.registry.HasContent(r.Context(), digest)
	if err != nil {
		return err
	}
	size := uint64(bytes)
	source := api.ContentSource{URL: h.contentURL(r, digest), AcceptRanges: true, Size: &size}
	return h.writeBody(w, http.StatusOK, api.ContentSourcesResponse{
		ContentSources: api.HashMap[[]api.ContentSource]{{Hash: anyDigest, Value: []api.ContentSource{source}}},
	})
}

// content serves a content itself, under its digest with a hyphen for the colon.
func (h *handler) content(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	digest, err := protocol.ParseHash(strings.Replace(name, "-", ":", 1))
	if err != nil || name != contentName(digest) {
		return notFound(w, r)
	}
	file, modTime, err := h.registry.OpenContent(r.Context(), digest)
	if err != nil {
		return err
	}
	defer file.Close()
	header := w.Header()
	header.Set("Content-Type", "application/wasm")
	header.Set("ETag", `"`+name+`"`)
	header.Set("Cache-Control", h.cacheScope()+", max-age=31536000, immutable")
	counted := &statusRecorder{ResponseWriter: w}
	http.ServeContent(counted, r, "", modTime, file)
	h.Observer.ContentServed(counted.bytes)
	return nil
}

func contentName(digest protocol.Hash) string {
	return strings.Replace(digest.String(), ":", "-", 1)
}

func (h *handler) contentURL(r *http.Request, digest protocol.Hash) string {
	path := "content/" + contentName(digest)
	if h.ContentBaseURL != "" { // another server, which knows no links of ours
		return strings.TrimRight(h.ContentBaseURL, "/") + "/" + path
	}
	return cmp.Or(strings.TrimRight(h.BaseURL, "/"), baseURL(r)) + "/" + h.link(http.MethodGet, path)
}

// cacheScope says who may keep content: shared caches too, if it is for all.
func (h *handler) cacheScope() string {
	if h.Private != nil {
		return "private"
	}
	return "public"
}
