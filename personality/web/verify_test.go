package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

// The verifier that runs in browsers reads and judges as the Rust reference does: all
// golden vectors, in Node. So does what it does with numbers, texts and answers that are
// out of bounds.
func TestVerifierInNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not there (Debian package nodejs, 18 or newer; make tools installs it): the verifier of the page /verify was not tried")
	}
	tests, err := filepath.Glob("testdata/verify/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests for Node: %v", err)
	}
	vectors, err := filepath.Abs(vectortest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test"}, tests...)...)
	cmd.Env = append(os.Environ(), "WARG_VECTORS="+vectors, "NODE_OPTIONS=")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if passed := regexp.MustCompile(`(?m)^. pass (\d+)$`).FindSubmatch(output); passed == nil || string(passed[1]) == "0" {
		t.Errorf("no test ran:\n%s", output)
	}
}

// The modules are one program to the browser: each is served, as JavaScript, and imports
// none that is not, and nothing from elsewhere.
func TestVerifierIsServed(t *testing.T) {
	handler := Static()
	get := func(path, etag string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("If-None-Match", etag)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	imports := regexp.MustCompile(`(?m)^(?:import|export) [^;]*? from '([^']+)';$`)
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		answer := get(path, "")
		if answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: status %d, %v", path, answer.Code, answer.Header())
			return
		}
		if again := get(path, answer.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s is not known by its entity tag: status %d", path, again.Code)
		}
		for _, found := range imports.FindAllStringSubmatch(answer.Body.String(), -1) {
			if !strings.HasPrefix(found[1], "./") {
				t.Errorf("%s imports %s", path, found[1])
				continue
			}
			visit(filepath.Join(filepath.Dir(path), found[1]))
		}
	}
	visit(StaticPath + "verifypage.js")
	if !seen[StaticPath+"verify.js"] || len(seen) < 10 {
		t.Errorf("the page imports %d modules", len(seen))
	}
	for _, path := range []string{StaticPath, StaticPath + "verify", StaticPath + "../verify.html", StaticPath + "no.js"} {
		if answer := get(path, ""); answer.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, answer.Code)
		}
	}
	request := httptest.NewRequest(http.MethodPost, StaticPath+"verify.js", nil)
	answer := httptest.NewRecorder()
	if handler.ServeHTTP(answer, request); answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d, want 405", answer.Code)
	}
}
