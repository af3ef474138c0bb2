package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

// shownRelease asks for a release until its content is described.
func (s *server) shownRelease(t *testing.T, name, version string) (r discovery.Release) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		response, err := http.Get(s.url + "/" + discovery.ReleasePath(name, version))
		if err == nil {
			err = json.NewDecoder(response.Body).Decode(&r)
			response.Body.Close()
		}
		if err == nil && r.Described == discovery.Described {
			return r
		}
		if time.Now().After(end) {
			t.Fatalf("%s %s is not described: %+v, %v", name, version, r, err)
		}
	}
}

// What is published is found and described, also behind a restart, and without the file of
// the index, which may be removed.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := (&client{t: t, home: t.TempDir()}).ours()
	c.run("config", "--registry", s.url, "--new-key")
	hello, err := os.ReadFile("../testdata/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	c.release("example:hello", "1.0.0", hello)
	r := s.shownRelease(t, "example:hello", "1.0.0")
	if r.Content == nil || r.Content.Kind == "" || r.Size != int64(len(hello)) || r.RegistryIndex == 0 {
		t.Errorf("%+v", r)
	}
	if said := c.run("search", "helo"); !strings.Contains(said, "example:hello  1.0.0") {
		t.Errorf("warg search says %s", said)
	}
	s.stop(t)
	if err := os.Remove(filepath.Join(s.dataDir, "discovery.sqlite")); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if again := s.shownRelease(t, "example:hello", "1.0.0"); again.Record != r.Record || again.RegistryIndex != r.RegistryIndex {
		t.Errorf("%+v, want %+v", again, r)
	}
}

// The API does what its OpenAPI document says, whatever is asked.
func TestDiscoveryByItsDocument(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--failure-rate", "0")
	c := (&client{t: t, home: t.TempDir()}).ours()
	c.run("config", "--registry", s.url, "--new-key")
	c.release("example:hello", "1.0.0", emptyComponent())
	c.release("example:hello", "1.1.0-rc.1", module("one"))
	s.shownRelease(t, "example:hello", "1.0.0")
	path, err := tools.Path("schemathesis")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	process := exec.CommandContext(ctx, path, "run", s.url+"/"+discovery.OpenAPIPath, "--seed", "1", "--max-examples", "20", "--phases", "coverage,fuzzing", "--suppress-health-check", "all", "--no-color",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method")
	process.Dir = t.TempDir() // it writes what it remembers
	if said, err := process.CombinedOutput(); err != nil {
		t.Errorf("schemathesis: %v\n%s", err, said)
	}
}
