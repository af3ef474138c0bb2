package oci

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
)

// noTags is the context key of requests for a list of no tags.
type noTags struct{}

// withCount refuses a request for a negative or malformed number of tags, which ociserver
// takes for all of them; so it does with none (OCI distribution specification, "Listing
// Tags": "an empty list"), which the context says then. An empty number is none given.
func withCount(r *http.Request) (*http.Request, error) {
	text := r.URL.Query().Get("n")
	if text == "" || !strings.HasSuffix(r.URL.Path, "/tags/list") {
		return r, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return nil, ociregistry.NewHTTPError(refuse(ociregistry.ErrUnsupported, "n is %.100q, and must be a number of tags", text), http.StatusBadRequest, nil, nil)
	}
	if n == 0 {
		r = r.WithContext(context.WithValue(r.Context(), noTags{}, true))
	}
	return r, nil
}
