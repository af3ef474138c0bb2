package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// sendChunk is how many bytes are handed to the network at a time.
const sendChunk = 64 << 10

// past is a deadline that ends what waits at once.
var past = time.Unix(1, 0)

// send answers with a body that is held, and a type if it has one. A transfer that is cut off ends with the
// connection: the answer has begun.
func send(w http.ResponseWriter, held *limits.Holding, status int, contentType string, body []byte) error {
	header := w.Header()
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	if status != http.StatusNotModified { // where it would be the length of what was not sent
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	sendBody(w, held, body)
	return nil
}

// sendBody sends some of an answer, and returns false if the client is gone.
func sendBody(w http.ResponseWriter, held *limits.Holding, body []byte) bool {
	control := http.NewResponseController(w)
	defer held.Transfer(func() { control.SetWriteDeadline(past) })()
	for len(body) > 0 {
		n, err := w.Write(body[:min(len(body), sendChunk)])
		if err != nil {
			return false
		}
		if held.Moved(n) != nil && n < len(body) {
			panic(http.ErrAbortHandler)
		}
		body = body[n:]
	}
	return true
}

// writeBody answers with a small JSON body.
func writeBody(w http.ResponseWriter, status int, body api.Body) error {
	return send(w, nil, status, jsonType, body.AppendJSON(nil))
}

// writeText answers with plain text.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}
