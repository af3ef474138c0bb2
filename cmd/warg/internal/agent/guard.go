package agent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociref"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxManifest is the size in bytes of the largest manifest that is read.
const maxManifest = 4 << 20

// Handler returns the agent's HTTP API: that of the OCI distribution specification below
// /v2/, the document by which wkg finds it, and a redirection for each .tlog-proof that a
// manifest names.
//
// A web page that its user visits must not publish in his name: a request is refused unless
// its Host is this machine's loopback, and its Origin, if it has one, the agent itself. If
// the agent has a token, requests below /v2/ need it, as a bearer token, as the password of
// basic authentication, or in the path: /v2/<token>/<namespace>/<name>/... .
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	// Nothing refers to a release here: its manifest's annotations lead to its proof.
	oci := ociserver.New(newBackend(a), &ociserver.Options{WriteError: a.writeError, DisableReferrersAPI: true})
	mux.Handle("/v2/", a.authorized(a.bounded(oci)))
	mux.HandleFunc("GET /.well-known/wasm-pkg/registry.json", a.wellKnown)
	mux.HandleFunc("GET /tlog/records/proof/{namespace}/{name}/{version}", a.proof)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.writeError(w, r, refusal(ociregistry.ErrNameUnknown, "there is nothing here: the agent speaks the OCI distribution protocol, below /v2/"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkSource(r); err != nil {
			a.writeError(w, r, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// checkSource refuses what a browser sends for a page of somebody else.
func checkSource(r *http.Request) error {
	if !isLoopback(r.Host) {
		return refusal(ociregistry.ErrDenied, "the agent answers to localhost and loopback addresses, not to the host %q", r.Host)
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
		return refusal(ociregistry.ErrDenied, "the agent answers no pages of the origin %q", origin)
	}
	return nil
}

// isLoopback says whether a host, with or without a port, is this machine's loopback.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// authorized demands the token, if there is one.
func (a *Agent) authorized(next http.Handler) http.Handler {
	if a.options.Token == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if strings.EqualFold(scheme, "Bearer") && a.isToken(bearer) { // RFC 9110, section 11.1
			next.ServeHTTP(w, r)
			return
		}
		if _, password, ok := r.BasicAuth(); ok && a.isToken(password) {
			next.ServeHTTP(w, r)
			return
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
		if a.isToken(first) {
			inner := r.Clone(r.Context())
			inner.URL.Path, inner.URL.RawPath = "/v2/"+rest, ""
			next.ServeHTTP(&located{w, "/v2/" + first + "/"}, inner)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="warg agent"`)
		a.writeError(w, r, refusal(ociregistry.ErrUnauthorized, "the agent was started with a token, and the request does not have it: see its --token-file"))
	})
}

// isToken compares in a time that tells nothing.
func (a *Agent) isToken(text string) bool {
	got, want := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(a.options.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// located puts the token back into the paths that an answer leads to.
type located struct {
	http.ResponseWriter
	prefix string
}

// WriteHeader implements [http.ResponseWriter].
func (w *located) WriteHeader(status int) {
	if rest, ok := strings.CutPrefix(w.Header().Get("Location"), "/v2/"); ok {
		w.Header().Set("Location", w.prefix+rest)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *located) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// bounded bounds what a request may send, and takes a version with a plus sign for the tag
// that stands for it: wkg asks for versions as they are.
func (a *Agent) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := a.options.MaxContent + 1
		inner := r.WithContext(context.WithValue(r.Context(), headerKey{}, w.Header()))
		if at := strings.LastIndex(r.URL.Path, "/manifests/"); at >= 0 {
			limit = maxManifest
			url := *r.URL
			url.Path, url.RawPath = r.URL.Path[:at]+strings.Replace(r.URL.Path[at:], "+", "_", 1), ""
			inner.URL = &url
		}
		defer func() { // of package ociserver: the connection must not just end
			switch fault := recover(); fault {
			case nil:
			case http.ErrAbortHandler:
				panic(fault)
			default:
				a.writeError(w, r, fmt.Errorf("the agent has a fault: %v", fault))
				a.log.Error("a fault", "stack", string(debug.Stack()))
			}
		}()
		if at := strings.LastIndex(inner.URL.Path, "/manifests/"); at >= 0 {
			if err := checkReference(inner.URL.Path[at+len("/manifests/"):]); err != nil {
				a.writeError(w, r, err)
				return
			}
		}
		if err := a.makeFolders(); err != nil {
			a.writeError(w, r, err)
			return
		}
		if r.ContentLength == 1 && r.Header.Get("Content-Range") == "0-0" {
			inner.Header = r.Header.Clone() // ociserver takes that for no bytes; without it, it is the same
			inner.Header.Del("Content-Range")
		}
		if ranges := inner.Header.Get("Range"); ranges != "" && !servedRange.MatchString(ranges) {
			inner.Header = inner.Header.Clone()
			inner.Header.Del("Range")
		}
		inner.Body = http.MaxBytesReader(w, r.Body, limit)
		if err := a.checkPush(inner); err != nil {
			a.writeError(w, r, err)
			return
		}
		next.ServeHTTP(w, inner)
	})
}

// servedRange is what ociserver can serve of a range. All else it would refuse with 416; a
// server may pass such a header over, and answer with the whole (RFC 9110, section 14.2).
var servedRange = regexp.MustCompile(`^bytes=[0-9]{1,18}-[0-9]{0,18}$`)

// checkReference refuses what is no tag and no digest, before ociserver sees it: it panics
// for an empty one, and says nothing of the others.
func checkReference(text string) error {
	switch {
	case strings.Contains(text, ":") && !ociref.IsValidDigest(text):
		return refusal(ociregistry.ErrDigestInvalid, "%.200q is not a digest", text)
	case !strings.Contains(text, ":") && !ociimage.IsTag(text):
		return refusal(ociregistry.ErrManifestUnknown, "no manifest has the tag %.200q, which is none", text)
	}
	return nil
}

type headerKey struct{}

// warn puts a warning into the answer (OCI distribution specification, "Warnings").
func warn(ctx context.Context, text string) {
	if header, ok := ctx.Value(headerKey{}).(http.Header); ok {
		header.Add("Warning", fmt.Sprintf("299 - %q", text))
	}
}

// wellKnown leads wkg to the agent itself.
func (a *Agent) wellKnown(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"preferredProtocol":"oci"}`)
}

// proof leads to the .tlog-proof of a release, at the registry.
func (a *Agent) proof(w http.ResponseWriter, r *http.Request) {
	name, ok := ociimage.Name(r.PathValue("namespace") + "/" + r.PathValue("name"))
	if !ok || protocol.CheckVersion(r.PathValue("version")) != nil {
		a.writeError(w, r, refusal(ociregistry.ErrNameUnknown, "no release is called so"))
		return
	}
	path := strings.TrimPrefix(ociimage.ProofPath(name, r.PathValue("version")), "/")
	http.Redirect(w, r, a.options.Registry.URL()+path, http.StatusTemporaryRedirect)
}
