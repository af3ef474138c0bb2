package oci_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// What is no reference is refused, in the form of the protocol, whatever the method.
func TestWrongReferences(t *testing.T) {
	s := show(t)
	for reference, want := range map[string]string{
		"": "MANIFEST_UNKNOWN ", "sha256:zz": "DIGEST_INVALID ", ":": "DIGEST_INVALID ",
		strings.Repeat("1", 129): "MANIFEST_UNKNOWN ", ".": "MANIFEST_UNKNOWN ",
	} {
		for _, repo := range []string{"example/hello", "example", "a/manifests"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
				r := httptest.NewRequest(method, "/v2/"+repo+"/manifests/"+reference, nil)
				_, err := s.registry.Answer(r)
				if got := s.problem(err); !strings.HasPrefix(got, want) {
					t.Errorf("%s %s %q: %q, want %s", method, repo, reference, got, want)
				}
			}
		}
	}
}
