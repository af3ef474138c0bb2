package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/api"
	"github.com/warg-trillian/warg-trillian/personality/protocol"
)

func badRequest(format string, args ...any) error {
	return &api.MessageError{Code: 400, Message: fmt.Sprintf(format, args...)}
}

// readJSON reads the request's body into dst. The statuses and texts are those
// of axum, the reference's HTTP library.
func (h *handler) readJSON(w http.ResponseWriter, r *http.Request, dst interface{ UnmarshalJSON([]byte) error }) error {
	if !isJSON(r.Header.Get("Content-Type")) {
		return &api.MessageError{Code: 415, Message: "Expected request with `Content-Type: application/json`"}
	}
	body, err := h.readBody(w, r)
	if err != nil {
		return err
	}
	err = dst.UnmarshalJSON(body)
	if err != nil && !json.Valid(body) {
		return badRequest("Failed to parse the request body as JSON: %v", err)
	}
	if err != nil {
		return &api.MessageError{Code: 422, Message: "Failed to deserialize the JSON body into the target type: " + err.Error()}
	}
	return nil
}

func (h *handler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &api.MessageError{Code: 413, Message: "Failed to buffer the request body: length limit exceeded"}
	if r.ContentLength > h.MaxBody {
		return nil, tooLarge
	}
	limited := http.MaxBytesReader(w, r.Body, h.MaxBody)
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(limited, body)
	} else {
		body, err = io.ReadAll(limited)
	}
	var beyond *http.MaxBytesError
	if errors.As(err, &beyond) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, badRequest("Failed to buffer the request body: %v", err)
	}
	return body, nil
}

// isJSON takes what axum takes: application/json or application/...+json, with
// any parameters.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	subtype, ok := strings.CutPrefix(mediaType, "application/")
	return ok && (subtype == "json" || strings.HasSuffix(subtype, "+json"))
}

// pathHash reads a hash from the path. Its length is not looked at, as in the
// reference.
func pathHash(r *http.Request, name string) (protocol.AnyHash, error) {
	hash, err := protocol.ParseAnyHash(r.PathValue(name))
	if err != nil {
		return "", badRequest("Invalid URL: %v", err)
	}
	return hash, nil
}

// baseURL gives the URL by which the client reached this server, without a
// slash at the end.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	host := r.Host
	if host == "" { // HTTP/1.0
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer); ok {
			host = addr.String()
		}
	}
	return scheme + "://" + host
}
