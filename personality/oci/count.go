package oci

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/ociimage"
)

// noTags is the context key of requests for a list of no tags.
type noTags struct{}

// withCount refuses a request for a negative or malformed number of tags, which ociserver
// takes for all of them; so it does with none (OCI distribution specification, "Listing
// Tags": "an empty list"), which the context says then. An empty number is none given.
func withCount(r *http.Request) (*http.Request, error) {
	if !strings.HasSuffix(r.URL.Path, "/tags/list") {
		return r, nil
	}
	query := r.URL.Query()
	text, last := query.Get("n"), query.Get("last")
	if tag, ok := ociimage.Tag(last); ok && tag != last { // a version, as in a request for a manifest
		query.Set("last", tag)
		other := *r
		other.URL = &url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
		r = &other
	}
	if text == "" {
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
