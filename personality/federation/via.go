package federation

import (
	"context"
	"net/http"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// idPrefix begins what registries of this program call themselves in Via headers.
const idPrefix = "warg-"

// maxHops is through how many registries a request may come.
const maxHops = 4

// ID is what a registry calls itself in Via headers (RFC 9110, section 7.6.3: a
// pseudonym), made of what it is known by: the id of its operator log's first record. All
// its processes have the same.
func ID(origin protocol.Hash) string {
	_, hex, _ := strings.Cut(origin.String(), ":")
	return idPrefix + hex[:32]
}

type viaKey struct{}

// withVia returns the context of a request with what it came through.
func withVia(r *http.Request) context.Context {
	return context.WithValue(r.Context(), viaKey{}, r.Header.Values("Via"))
}

// SetVia adds to a request that goes to another registry through what its cause came, and
// this registry.
func SetVia(r *http.Request, id string) {
	r.Header.Del("Via")
	came, _ := r.Context().Value(viaKey{}).([]string)
	for _, by := range came {
		r.Header.Add("Via", by)
	}
	r.Header.Add("Via", "1.1 "+id)
}

// looped reports whether a request came through this registry already, or through too
// many.
func looped(r *http.Request, id string) bool {
	hops := 0
	for _, header := range r.Header.Values("Via") {
		for hop := range strings.SplitSeq(header, ",") {
			fields := strings.Fields(hop) // protocol, received-by, perhaps a comment
			if len(fields) < 2 || !strings.HasPrefix(fields[1], idPrefix) {
				continue // of proxies of other kinds
			}
			if hops++; fields[1] == id || hops > maxHops {
				return true
			}
		}
	}
	return false
}
