package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociref"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Answer is an answer that is held in memory.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Fixed  bool // the same URL always has this answer: it names a digest
}

// Answer answers all requests below /v2/ but those for blobs: see [Registry.Blob]. An
// error is one for [ProblemOf], or one of the reading part.
func (g *Registry) Answer(r *http.Request) (_ Answer, err error) {
	defer func() { // a fault of ociserver must be answered in the form of the protocol, too
		if fault := recover(); fault != nil {
			err = fmt.Errorf("answer %s %s: panic: %v\n%s", r.Method, r.URL.Path, fault, debug.Stack())
		}
	}()
	if err := unanswered(r.Method, r.URL.Path); err != nil {
		return Answer{}, err
	}
	r, manifest, asked := withoutPlus(r)
	if asked {
		if err := checkReference(manifest); err != nil {
			return Answer{}, g.nameFirst(r, err)
		}
	}
	if r, err = withCount(r); err != nil {
		return Answer{}, err
	}
	if r.Method == http.MethodHead { // whoever sends the answer knows what to leave out
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	g.server.ServeHTTP(w, r)
	if w.err != nil {
		return Answer{}, g.nameFirst(r, w.err)
	}
	return Answer{
		Status: w.status, Header: w.header, Body: withoutNull(w.body.Bytes()),
		Fixed: strings.Contains(manifest, ":"), // tags have no colon
	}, nil
}

// nameFirst returns the error for a package that is unknown, if that is so, in place of one
// about what else a request names: clients take [ociregistry.ErrNameUnknown] alone for it.
func (g *Registry) nameFirst(r *http.Request, err error) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return err
	}
	for _, part := range []string{"/manifests/", "/referrers/"} {
		at := strings.LastIndex(r.URL.Path, part) // where ociserver has it
		if at < len("/v2/") || !ociref.IsValidRepository(r.URL.Path[len("/v2/"):at]) {
			continue
		}
		_, unknown := g.repository(r.Context(), r.URL.Path[len("/v2/"):at])
		if refused, ok := errors.AsType[ociregistry.Error](unknown); ok && refused.Code() == ociregistry.ErrNameUnknown.Code() {
			return unknown
		}
	}
	return err
}

// withoutPlus returns a request for the tag that a version has, if it asks for a manifest
// by the version itself, as wkg does, and what it asks for then; ok is false if it asks for
// no manifest.
func withoutPlus(r *http.Request) (_ *http.Request, reference string, ok bool) {
	at := strings.LastIndex(r.URL.Path, "/manifests/") // where ociserver has it
	if at < 0 {
		return r, "", false
	}
	before, reference := r.URL.Path[:at], r.URL.Path[at+len("/manifests/"):]
	if !strings.Contains(reference, "+") {
		return r, reference, true
	}
	tag, _ := ociimage.Tag(reference)
	other := *r
	other.URL = &url.URL{Path: before + "/manifests/" + tag, RawQuery: r.URL.RawQuery}
	return &other, tag, true
}

// unanswered refuses what ociserver has no fitting answer to: it reads ids of uploads, and
// answers the greeting whatever the method.
func unanswered(method, path string) error {
	reads := method == http.MethodGet || method == http.MethodHead
	switch {
	case path == "/v2/" && !reads:
		return ociregistry.NewHTTPError(errors.New("method not allowed"), http.StatusMethodNotAllowed, nil, nil)
	case strings.Contains(path, "/blobs/uploads/") && (method == http.MethodPut || method == http.MethodPatch):
		return unsupported(context.Background(), "PushBlob", "")
	}
	return nil
}

// checkReference refuses what is no tag and no digest, before ociserver sees it: it panics
// for an empty one, and says nothing of the others.
func checkReference(text string) error {
	switch {
	case strings.Contains(text, ":") && !ociref.IsValidDigest(text):
		return refuse(ociregistry.ErrDigestInvalid, "%.200q is not a digest", text)
	case !strings.Contains(text, ":") && !ociimage.IsTag(text):
		return refuse(ociregistry.ErrManifestUnknown, "no manifest has the tag %.200q, which is none", text)
	}
	return nil
}

// withoutNull makes an empty list of null, which ociserver writes for one without
// elements, and which wkg and others refuse. It is the last member.
func withoutNull(body []byte) []byte {
	if start, ok := bytes.CutSuffix(body, []byte(`:null}`)); ok {
		return append(start, `:[]}`...)
	}
	return body
}

// recorder is a response that ociserver writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	err    error // in place of a response
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

// Blob is what has a digest in a repository: a content, or something small.
type Blob struct {
	Digest    protocol.Hash
	MediaType string
	// Body is nil for a content, which is opened by its digest.
	Body []byte
}

// Blob returns what has a digest in a repository. Errors are those of [Registry.Answer].
func (g *Registry) Blob(ctx context.Context, repo, text string) (Blob, error) {
	if !ociref.IsValidRepository(repo) {
		return Blob{}, refuse(ociregistry.ErrNameInvalid, "%q is not the name of a repository", repo)
	}
	p, err := g.repository(ctx, repo)
	if err != nil {
		return Blob{}, err
	}
	if !ociref.IsValidDigest(text) {
		return Blob{}, refuse(ociregistry.ErrDigestInvalid, "%q is not a digest", text)
	}
	digest, err := protocol.ParseHash(text)
	switch {
	case err != nil: // of another hash function
	case p.has(digest):
		return Blob{Digest: digest, MediaType: ociimage.LayerType}, nil
	case text == string(empty.Digest):
		return Blob{Digest: digest, MediaType: empty.MediaType, Body: empty.Data}, nil
	}
	if a, err := g.listed(ctx, p, digest); err != nil || a != nil && a.proofDigest == digest {
		return proofBlob(a), err
	}
	i, err := g.find(ctx, p, func(d imageDigests) bool { return d.config == digest })
	if err == nil && i < 0 {
		err = refuse(ociregistry.ErrBlobUnknown, "%s has no blob with the digest %s", p.name, text)
	}
	if err != nil {
		return Blob{}, err
	}
	image, err := g.image(ctx, p, i)
	return Blob{Digest: digest, MediaType: ociimage.ConfigType, Body: image.Config}, err
}

// proofBlob returns the file of an artifact; nothing for none.
func proofBlob(a *artifact) Blob {
	if a == nil {
		return Blob{}
	}
	return Blob{Digest: a.proofDigest, MediaType: ProofType, Body: a.proof}
}
