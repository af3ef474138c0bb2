package httpapi

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// alive answers as long as the process does.
func (h *handler) alive(w http.ResponseWriter, _ *http.Request) error {
	writeText(w, http.StatusOK, "ok\n")
	return nil
}

// ready says whether requests should be sent here; and behind that what is wrong
// nevertheless.
func (h *handler) ready(w http.ResponseWriter, r *http.Request) error {
	if err := h.registry.Ready(r.Context()); err != nil {
		writeText(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return nil
	}
	writeText(w, http.StatusOK, strings.Join(append([]string{"ready"}, h.registry.Remarks()...), "\n")+"\n")
	return nil
}

// wellKnown leads clients to the APIs. A client of the warg API that is given no URL
// stays with the one that it has, and so does the official client always.
func (h *handler) wellKnown(w http.ResponseWriter, r *http.Request) error {
	base := cmp.Or(h.BaseURL, h.baseURL(r))
	metadata := api.RegistryMetadata{Warg: &api.WargMetadata{}}
	if h.BaseURL != "" || acceptable(base) {
		metadata.Warg.URL = base
	}
	if host, ok := ociHost(base); ok && h.OCI != nil {
		metadata.PreferredProtocol = "oci" // wkg speaks no other since 0.16
		metadata.OCI = &api.OCIMetadata{Registry: host}
	}
	if h.BaseURL == "" {
		w.Header().Set("Cache-Control", "no-store") // another Host header gives another answer
	}
	return writeBody(w, http.StatusOK, metadata)
}

// ociHost returns what clients call an OCI registry at a URL. There is none in a folder:
// the protocol has its paths at the root.
func ociHost(base string) (host string, ok bool) {
	u, err := url.Parse(base)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return "", false
	}
	return u.Host, u.Host != ""
}

// acceptable reports whether the official client takes a URL for a registry's:
// without TLS only on loopback. A proxy that ends TLS may hide that there is TLS.
func acceptable(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
