package oci_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// What is no reference is refused, in the form of the protocol, whatever the method.
func TestWrongReferences(t *testing.T) {
	s := show(t)
	s.Start()
	publish(s.Author("example:hello"), [2]string{"1.0.0", "a"})
	for reference, want := range map[string]string{
		"": "MANIFEST_UNKNOWN ", "sha256:zz": "DIGEST_INVALID ", ":": "DIGEST_INVALID ",
		strings.Repeat("1", 129): "MANIFEST_UNKNOWN ", ".": "MANIFEST_UNKNOWN ",
	} {
		for _, repo := range []string{"example/hello", "example", "a/manifests"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
				r := httptest.NewRequest(method, "/v2/"+repo+"/manifests/"+reference, nil)
				_, err := s.registry.Answer(r)
				want := want
				if repo != "example/hello" && (method == "GET" || method == "HEAD") {
					want = "NAME_UNKNOWN " // which comes first
				}
				if got := s.problem(err); !strings.HasPrefix(got, want) {
					t.Errorf("%s %s %q: %q, want %s", method, repo, reference, got, want)
				}
			}
		}
	}
}
