package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// maxKeptBuffer is the size in bytes of the largest buffer that is used again.
const maxKeptBuffer = 1 << 20

// writeBody answers with a JSON body.
func (h *handler) writeBody(w http.ResponseWriter, status int, body api.Body) error {
	buffer, _ := h.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	*buffer = body.AppendJSON((*buffer)[:0])
	err := writeJSON(w, status, *buffer)
	if cap(*buffer) <= maxKeptBuffer {
		h.buffers.Put(buffer)
	}
	return err
}

func writeJSON(w http.ResponseWriter, status int, text json.RawMessage) error {
	header := w.Header()
	// The official client compares the content type as a whole: no charset.
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	w.Write(text) // fails only if the client is gone
	return nil
}

// writeText answers with plain text.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}
