package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/access"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/oci"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// The OCI distribution API, to read. What it shows package oci says.

// ociPath is below which the API is: the protocol fixes that.
const ociPath = "/v2/"

// permitOCI is permit for clients of OCI registries: they may send a token as a password,
// with any user name, and do so only if they are asked for one.
func (h *handler) permitOCI(serve serveFunc) serveFunc {
	permitted := h.permit(access.Read, serve)
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, password, ok := r.BasicAuth(); ok {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+password)
		}
		err := permitted(w, r)
		if p, ok := oci.ProblemOf(err); ok && p.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD") // RFC 9110, section 15.5.6
		}
		if refused := asAPIError(err); refused != nil && refused.Status() == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="warg"`)
			return &api.MessageError{Code: 401, Message: "this registry is private: send an auth token of its operator, as a bearer token or as the password of any user"}
		}
		return err
	}
}

// ociAnswer answers what is held in memory, which is all but blobs.
func (h *handler) ociAnswer(r *http.Request, _ []byte) (reply, error) {
	answer, err := h.OCI.Answer(r)
	if err != nil {
		return reply{}, err
	}
	made := reply{
		status: answer.Status, contentType: cmp.Or(answer.Header.Get("Content-Type"), jsonType), header: answer.Header, size: len(answer.Body),
		encode: func(b []byte) []byte { return append(b, answer.Body...) },
	}
	if answer.Fixed {
		made.caching = h.cacheScope() + ", " + fileCaching
	}
	return made, nil
}

// ociBlob serves a blob. It has no turn while a content is sent.
func (h *handler) ociBlob(w http.ResponseWriter, r *http.Request) error {
	held := h.Limits.Memory.Hold(limits.ClientOf(r.Context()))
	defer held.Release()
	buffer := h.buffer()
	defer h.keep(buffer)
	var blob oci.Blob
	_, err := h.inTurn(r, h.Limits.Reading, func(r *http.Request, _ []byte) (_ reply, err error) {
		blob, err = h.OCI.Blob(r.Context(), r.PathValue("namespace")+"/"+r.PathValue("name"), r.PathValue("digest"))
		return reply{size: len(blob.Body), encode: func(b []byte) []byte { return append(b, blob.Body...) }}, err
	}, nil, held, buffer)
	if err != nil {
		return err
	}
	var file io.ReadSeeker = bytes.NewReader(*buffer)
	var modTime time.Time
	if blob.Body == nil {
		held.Release()
		if away, err := h.redirectContent(w, r, blob.Digest); away || err != nil {
			return err
		}
		content, time, err := h.registry.OpenContent(r.Context(), blob.Digest)
		if err != nil {
			return err
		}
		defer content.Close()
		file, modTime = content, time
	}
	w.Header().Set("Docker-Content-Digest", blob.Digest.String())
	return h.serveFixed(w, r, blob.MediaType, blob.Digest.String(), modTime, file)
}

// ociError is an error body of the OCI distribution API.
type ociError struct{ oci.Problem }

func (e *ociError) Error() string { return e.Message }

// Status implements [api.Error].
func (e *ociError) Status() int { return e.Problem.Status }

// AppendJSON implements [api.Body].
func (e *ociError) AppendJSON(b []byte) []byte {
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	text, err := json.Marshal(map[string][]entry{"errors": {{e.Code, e.Message}}})
	if err != nil {
		panic(err) // there is nothing in it that can not be encoded
	}
	return append(b, text...)
}

// MarshalJSON implements [api.Body].
func (e *ociError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// ociTranslation translates the errors of the protocol, and those of content.
func ociTranslation(err error) api.Error {
	if p, ok := oci.ProblemOf(err); ok {
		return &ociError{p}
	}
	return contentError(err)
}

// inFormOf gives an error body the form that a client of the path expects.
func inFormOf(path string, body api.Error) api.Error {
	if _, done := body.(*ociError); done || !strings.HasPrefix(path, ociPath) {
		return body
	}
	message := body.Error()
	return &ociError{oci.Problem{Status: body.Status(), Code: oci.CodeOf(body.Status()), Message: message}}
}
