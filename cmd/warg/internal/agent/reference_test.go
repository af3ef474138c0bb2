package agent

import (
	"strings"
	"testing"
)

// What is no reference is refused, and does not end the connection.
func TestWrongReferences(t *testing.T) {
	t.Parallel()
	a := start(t, "", nil)
	for _, repo := range []string{"example/hello", "a/manifests"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH"} {
			for _, tag := range []string{"", strings.Repeat("1", 129)} {
				a.do(t, method, "/v2/"+repo+"/manifests/"+tag, nil).want(t, 404, `"MANIFEST_UNKNOWN"`)
			}
			a.do(t, method, "/v2/"+repo+"/manifests/sha256:zz", nil).want(t, 400, `"DIGEST_INVALID"`)
		}
	}
}
