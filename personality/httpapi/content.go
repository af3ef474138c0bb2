package httpapi

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// contentSources says where a content can be fetched: from here, and then from where
// others have it.
func (h *handler) contentSources(r *http.Request, _ []byte) (reply, error) {
	anyDigest, err := pathHash(r, "digest")
	if err != nil {
		return reply{}, err
	}
	digest, err := anyDigest.Hash()
	if err != nil {
		return reply{}, &api.ContentError{Variant: api.ContentDigestNotFound, Digest: anyDigest}
	}
	bytes, err := h.registry.HasContent(r.Context(), digest)
	if err != nil {
		return reply{}, err
	}
	size := uint64(bytes)
	url, private := h.contentURL(r, digest)
	sources := []api.ContentSource{{URL: url, AcceptRanges: !h.WholeContent, Size: &size}}
	others, err := h.registry.ContentSources(r.Context(), digest)
	if err != nil {
		return reply{}, err
	}
	for _, other := range others {
		sources = append(sources, api.ContentSource{URL: other, Size: &size})
	}
	answer := jsonReply(http.StatusOK, api.ContentSourcesResponse{
		ContentSources: api.HashMap[[]api.ContentSource]{{Hash: anyDigest, Value: sources}},
	})
	answer.private = private
	return answer, nil
}

// content serves a content itself, under its digest with a hyphen for the colon.
func (h *handler) content(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	digest, err := protocol.ParseHash(strings.Replace(name, "-", ":", 1))
	if err != nil || name != contentName(digest) {
		return notFound(w, r)
	}
	if away, err := h.redirectContent(w, r, digest); away || err != nil {
		return err
	}
	file, modTime, err := h.registry.OpenContent(r.Context(), digest)
	if err != nil {
		return err
	}
	defer file.Close()
	if h.WholeContent { // which a server may answer with (RFC 9110, section 14.2)
		r = r.WithContext(r.Context())
		r.Header = maps.Clone(r.Header)
		r.Header.Del("Range")
		w = wholeWriter{w}
	}
	return h.serveFixed(w, r, "application/wasm", name, modTime, file)
}

// redirectContent sends a client to where a content is kept: to a public URL, or to one
// that is signed for a while. It reports whether it has. One that asks for the headers
// only is answered here: what is signed is GET.
func (h *handler) redirectContent(w http.ResponseWriter, r *http.Request, digest protocol.Hash) (bool, error) {
	if r.Method != http.MethodGet {
		return false, nil
	}
	url, err := h.registry.ContentURL(r.Context(), digest)
	if err != nil || url == "" {
		return false, err
	}
	caching := "no-store"
	if h.ContentBaseURL != "" {
		url, caching = strings.TrimRight(h.ContentBaseURL, "/")+"/content/"+contentName(digest), h.cacheScope()+", max-age=300"
	}
	w.Header().Set("Cache-Control", caching)
	http.Redirect(w, r, url, http.StatusTemporaryRedirect)
	return true, nil
}

// serveFixed serves, whole or in parts, what never changes under its URL. The tag tells
// caches what it is.
func (h *handler) serveFixed(w http.ResponseWriter, r *http.Request, contentType, tag string, modTime time.Time, file io.ReadSeeker) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("ETag", `"`+tag+`"`)
	header.Set("Cache-Control", h.cacheScope()+", "+fileCaching)
	counted := &rangeWriter{statusRecorder: &statusRecorder{ResponseWriter: w}}
	source := &failingReader{ReadSeeker: file}
	http.ServeContent(counted, fitRange(r, size), "", modTime, source)
	h.Observer.ContentServed(counted.bytes)
	if source.err != nil && r.Context().Err() == nil {
		// The client sees that the answer is cut off.
		h.Logger.ErrorContext(r.Context(), "content could not be read to its end", "path", r.URL.Path, "error", source.err)
	}
	return counted.err(size)
}

// failingReader remembers why it could not be read.
type failingReader struct {
	io.ReadSeeker
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	n, err := f.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func contentName(digest protocol.Hash) string {
	return strings.Replace(digest.String(), ":", "-", 1)
}

// contentURL is where a content can be downloaded. The URL is private if it is for
// this client alone: made of what its request says, or a link.
func (h *handler) contentURL(r *http.Request, digest protocol.Hash) (url string, private bool) {
	path := "content/" + contentName(digest)
	if h.ContentBaseURL != "" { // another server, which knows no links of ours
		return strings.TrimRight(h.ContentBaseURL, "/") + "/" + path, false
	}
	base := cmp.Or(strings.TrimRight(h.BaseURL, "/"), h.baseURL(r))
	return base + "/" + h.link(r, access.Read, http.MethodGet, path), h.BaseURL == "" || h.Private != nil
}

// cacheScope says who may keep content: shared caches too, if it is for all.
func (h *handler) cacheScope() string {
	if h.Private != nil {
		return "private"
	}
	return "public"
}
