package httpapi

import (
	"context"
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

// decode reads a JSON body into dst. The statuses and texts are those of axum, the
// reference's HTTP library.
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

// firstRead is how many bytes of a body are made room for before any has come. A
// record hardly ever has more.
const firstRead = 16 << 10

// maxRecordBody is the greatest body in bytes with a record, which has at most
// 256 KiB (see package policy) and is in base64 there.
const maxRecordBody = 512 << 10

// readBody reads a body of at most so many bytes to its end. No more memory is taken than
// about twice of what has come, and all of it is counted in held.
func readBody(w http.ResponseWriter, r *http.Request, held *limits.Holding, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, errBodyTooLarge
	}
	control := http.NewResponseController(w)
	defer held.Transfer(func() { control.SetReadDeadline(past) })()
	size := int64(512)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength+1, firstRead) // the end of the body comes with a read of its own
	}
	var body []byte
	for {
		if len(body) == cap(body) {
			larger, err := enlarge(r.Context(), held, body, max(size, 2*int64(cap(body))))
			if err != nil {
				return nil, err
			}
			body = larger
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		cut := held.Moved(n)
		switch {
		case int64(len(body)) > most:
			return nil, errBodyTooLarge
		case err == io.EOF:
			return body, nil
		case cut != nil:
			return nil, cut
		case err != nil:
			return nil, bodyError(err)
		}
	}
}

// enlarge returns a copy of body with room for size bytes.
func enlarge(ctx context.Context, held *limits.Holding, body []byte, size int64) ([]byte, error) {
	if err := held.Grow(ctx, size); err != nil {
		return nil, err
	}
	larger := append(make([]byte, 0, size), body...)
	held.Shrink(int64(cap(body)))
	return larger, nil
}

var errBodyTooLarge = &api.MessageError{Code: 413, Message: "Failed to buffer the request body: length limit exceeded"}

func bodyError(err error) error {
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
func (h *handler) baseURL(r *http.Request) string {
	scheme := "http"
	if h.Limits.Addresses.HTTPS(r) {
		scheme = "https"
	}
	host := r.Host
	if host == "" { // HTTP/1.0
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer); ok {
			host = addr.String()
		}
	}
	base := scheme + "://" + host
	if h.Path != "" {
		base += "/" + h.Path
	}
	return base
}
