package integration

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// runTool runs a command of others in a folder, with more variables in its environment,
// and returns its standard output, and its error with all that it printed.
func runTool(t *testing.T, folder string, env []string, name string, args ...string) (stdout string, said string, err error) {
	t.Helper()
	path, err := tools.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	process := exec.CommandContext(ctx, path, args...)
	process.Dir, process.Env = folder, append([]string{"HOME=" + folder}, env...)
	var out, all output
	process.Stdout, process.Stderr = io.MultiWriter(&out, &all), &all
	err = process.Run()
	return out.String(), all.String(), err
}

// image is a release as OCI clients see it.
type image struct {
	tag, digest string
	Config      struct{ Digest string }
	Layers      []struct{ Digest string }
	Annotations map[string]string
}

// image fetches the manifest of a tag.
func (s *server) image(t *testing.T, repository, tag string) image {
	t.Helper()
	body, _ := s.fetch(t, "/v2/"+repository+"/manifests/"+tag)
	made := image{tag: tag, digest: protocol.HashOf(body).String()}
	if err := json.Unmarshal(body, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// fetch returns what is at a path, which must be there.
func (s *server) fetch(t *testing.T, path string) ([]byte, http.Header) {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", path, response.Status, body, err)
	}
	return body, response.Header
}

// TestCranePulls: a client of OCI registries that knows nothing of WebAssembly.
func TestCranePulls(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	publisher := newPublisher(t, s)
	publisher.release("example:component", "1.0.0", adder())
	publisher.release("example:component", "1.1.0", emptyComponent())
	repository := s.authority() + "/example/component"
	folder := t.TempDir()
	crane := func(args ...string) string {
		t.Helper()
		stdout, said, err := runTool(t, folder, nil, "crane", args...)
		if err != nil {
			t.Fatalf("crane %s: %v\n%s", strings.Join(args, " "), err, said)
		}
		return stdout
	}
	if tags := crane("ls", "--insecure", repository); tags != "1.0.0\n1.1.0\n" {
		t.Errorf("tags: %q", tags)
	}
	want := s.image(t, "example/component", "1.0.0")
	if digest := strings.TrimSpace(crane("digest", "--insecure", repository+":1.0.0")); digest != want.digest {
		t.Errorf("digest %s, want %s", digest, want.digest)
	}
	checkSame(t, "blob", []byte(crane("blob", "--insecure", repository+"@"+want.Layers[0].Digest)), adder())
	crane("pull", "--insecure", "--format", "oci", repository+"@"+want.digest, "pulled")
	layer := filepath.Join(folder, "pulled", "blobs", strings.Replace(want.Layers[0].Digest, ":", "/", 1))
	content, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, "layer of the image that was pulled", content, adder())
	if config := crane("config", "--insecure", repository+":1.0.0"); !strings.Contains(config, `"exports":["add"]`) {
		t.Errorf("config: %s", config)
	}
	_, said, err := runTool(t, folder, nil, "crane", "tag", "--insecure", repository+":1.0.0", "mine")
	if err == nil || !strings.Contains(said, "warg agent") {
		t.Errorf("a push by crane: %v, %s", err, said)
	}
}

// TestAnnotationsLeadToTheProof: from an image to the proof of its release, which the
// auditor verifies, in two ways.
func TestAnnotationsLeadToTheProof(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--origin", "registry.example.com")
	publisher := newPublisher(t, s)
	publisher.release("example:component", "1.0.0", adder())
	shown := s.image(t, "example/component", "1.0.0")
	s.awaitNotes(t)

	publisher.write("file.wasm", adder())
	key, err := exec.Command(command(t, "warg-personality"), "note-key", "show", "--data-dir", s.dataDir).Output()
	if err != nil {
		t.Fatal(err)
	}
	vkey, _, _ := strings.Cut(string(key), "\n")
	verify := func(what string, proof []byte) {
		t.Helper()
		publisher.write("file.tlog-proof", proof)
		auditor := exec.Command(command(t, "warg-auditor"), "verify", "file.wasm", "--proof", "file.tlog-proof", "--vkey", vkey)
		auditor.Dir = publisher.home
		if output, err := auditor.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", what, err, output)
		}
	}
	proof, _ := s.fetch(t, shown.Annotations["io.github.warg-trillian.tlog-proof"])
	verify("the proof that the annotation leads to", proof)

	var index struct {
		Manifests []struct{ Digest, ArtifactType string }
	}
	body, _ := s.fetch(t, "/v2/example/component/referrers/"+shown.digest)
	if err := json.Unmarshal(body, &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("referrers: %s, %v", body, err)
	}
	artifact := s.image(t, "example/component", index.Manifests[0].Digest)
	proof, _ = s.fetch(t, "/v2/example/component/blobs/"+artifact.Layers[0].Digest)
	verify("the proof that refers to the image", proof)
}

// TestConformance runs the conformance suite of the OCI distribution specification, the
// part for registries that are read.
func TestConformance(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	publisher := newPublisher(t, s)
	publisher.release("example:component", "1.0.0", adder())
	publisher.release("example:component", "1.1.0", module("one"))
	s.awaitNotes(t)
	first, second := s.image(t, "example/component", "1.0.0"), s.image(t, "example/component", "1.1.0")
	folder := t.TempDir()
	_, said, err := runTool(t, folder, []string{
		"OCI_RESULTS_DIR=" + folder, "OCI_VERSION=1.1", "OCI_LOG=info", "OCI_REGISTRY=" + s.authority(), "OCI_TLS=disabled", "OCI_REPO1=example/component",
		"OCI_API_PUSH=false", "OCI_API_BLOBS_DELETE=false", "OCI_API_MANIFESTS_DELETE=false", "OCI_API_TAGS_DELETE=false",
		"OCI_API_BLOBS_DIGEST_HEADER=true", // that of manifests it can not check without having pushed them
		"OCI_RO_DATA_TAGS=1.0.0 1.1.0", "OCI_RO_DATA_MANIFESTS=" + first.digest + " " + second.digest,
		"OCI_RO_DATA_BLOBS=" + strings.Join([]string{first.Config.Digest, first.Layers[0].Digest, second.Config.Digest, second.Layers[0].Digest}, " "),
		"OCI_RO_DATA_REFERRERS=" + first.digest,
	}, "oci-conformance")
	// The exit status says nothing: when all is tested and printed, the suite breaks down over
	// writing a file about data that it has not pushed itself.
	if !strings.Contains(said, "\nOCI Conformance Test: Pass\n") || strings.Contains(said, ": FAIL") {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, passed := range []string{"tag-list", "head/manifest-head-by-tag", "head/manifest-head-by-digest", "head/blob-head",
		"pull/manifest-by-tag", "pull/manifest-by-digest", "pull/blob-get", "referrers"} {
		if !strings.Contains(said, "OCI Conformance Test/read-only/"+passed+": Pass\n") {
			t.Errorf("the suite did not try %s:\n%s", passed, said)
		}
	}
}
