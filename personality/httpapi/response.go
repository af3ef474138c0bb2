package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/warg-trillian/warg-trillian/personality/api"
)

// writeBody answers with a JSON body.
func writeBody(w http.ResponseWriter, status int, body api.Body) error {
	return writeJSON(w, status, body.AppendJSON(make([]byte, 0, 512)))
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
