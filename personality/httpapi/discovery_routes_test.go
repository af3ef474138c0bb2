package httpapi_test

import (
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/discovery"
	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/httpapi"
)

// Each path of the discovery API is served, and says which methods it takes; beside them there is nothing.
func TestDiscoveryRoutes(t *testing.T) {
	api := discoveryapi.New(discovery.New(discovery.Options{}), nil)
	s := newServer(t, &fake{}, httpapi.Options{Discovery: api})
	for _, path := range []string{"/v1/discovery/packages", "/v1/discovery/packages/a:b", "/v1/discovery/packages/a:b/1.0.0", "/v1/discovery/packages/a:b/dependents", "/v1/discovery/status"} {
		equal(t, "status of "+path+" without an index", s.do("GET", path, "").Code, 503)
		w := s.do("POST", path, "{}")
		equal(t, "status of POST "+path, w.Code, 405)
		equal(t, "what it takes", w.Header().Get("Allow"), "GET, HEAD")
	}
	equal(t, "status of what is not there", s.do("GET", "/v1/discovery/nowhere", "").Code, 404)
}
