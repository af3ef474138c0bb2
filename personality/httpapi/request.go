package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func badRequest(format string, args ...any) error {
	return &api.MessageError{Code: 400, Message: fmt.Sprintf(format, args...)}
}

// readJSON reads the request's body, waits for a turn at the gate and reads the
// body into dst; leave ends the turn. Nobody has a turn while a body trickles
// in. The statuses and texts are those of axum, the reference's HTTP library.
func (h *handler) readJSON(w http.ResponseWriter, r *http.Request, gate *limits.Gate, dst interface{ UnmarshalJSON([]byte) error }) (leave func(), err error) {
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, &api.MessageError{Code: 415, Message: "Expected request with `Content-Type: application/json`"}
	}
	body, leaveBody, err := h.readBody(w, r)
	if err != nil {
		return nil, err
	}
	leaveGate, err := gate.Enter(r.Context())
	if err != nil {
		leaveBody()
		return nil, err
	}
	leave = func() { leaveGate(); leaveBody() }
	if err := decode(body, dst); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

func decode(body []byte, dst interface{ UnmarshalJSON([]byte) error }) error {
	err := dst.UnmarshalJSON(body)
	if err != nil && !json.Valid(body) {
		return badRequest("Failed to parse the request body as JSON: %v", err)
	}
	if err != nil {
		return &api.MessageError{Code: 422, Message: "Failed to deserialize the JSON body into the target type: " + err.Error()}
	}
	return nil
}

// smallBody is the size in bytes up to which a body is read without waiting at
// the gate for large ones. A record hardly ever has more.
const smallBody = 16 << 10

// readBody reads a body of at most MaxBody. No more memory is taken than has
// come, and a large one holds a place among the large ones until leave.
func (h *handler) readBody(w http.ResponseWriter, r *http.Request) (body []byte, leave func(), err error) {
	if r.ContentLength > h.MaxBody {
		return nil, nil, bodyError(&http.MaxBytesError{Limit: h.MaxBody})
	}
	limited := http.MaxBytesReader(w, r.Body, h.MaxBody)
	var all bytes.Buffer
	if r.ContentLength > 0 {
		all.Grow(int(min(r.ContentLength, smallBody) + bytes.MinRead))
	}
	if _, err := io.CopyN(&all, limited, smallBody); err == io.EOF {
		return all.Bytes(), func() {}, nil
	} else if err != nil {
		return nil, nil, bodyError(err)
	}
	leave, err = h.Limits.LargeBodies.Enter(r.Context())
	if err != nil {
		return nil, nil, err
	}
	if _, err := all.ReadFrom(limited); err != nil {
		leave()
		return nil, nil, bodyError(err)
	}
	return all.Bytes(), leave, nil
}

func bodyError(err error) error {
	if _, ok := is[*http.MaxBytesError](err); ok {
		return &api.MessageError{Code: 413, Message: "Failed to buffer the request body: length limit exceeded"}
	}
	if _, ok := is[*limits.Refusal](err); ok {
		return err
	}
	return badRequest("Failed to buffer the request body: %v", err)
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
