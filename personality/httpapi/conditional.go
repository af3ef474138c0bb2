package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/internal/precondition"
)

// tagged gives a successful reply that has its body a strong entity tag, and is what the
// conditions of the request make of it.
func tagged(r *http.Request, made reply) reply {
	sum := sha256.Sum256(made.body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	if made.header == nil {
		made.header = http.Header{}
	}
	made.header.Set("ETag", tag)
	return conditional(r, made, tag)
}

// conditional is what the conditions of a request make of a successful reply with an entity
// tag (RFC 9110, section 13): "" if it has none.
func conditional(r *http.Request, made reply, tag string) reply {
	if status := precondition.Read(r.Header, tag).Status(); status != made.status {
		made.status, made.contentType, made.body = status, "", []byte{}
	}
	return made
}
