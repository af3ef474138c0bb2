package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/audit"
	"github.com/warg-trillian/warg-trillian/warg/mirror"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A file is what the registry, or a proof that came with it, says it is.
func TestVerify(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	author, reader := newPublisher(t, r.url), newUser(t)
	author.release("example:hello", "1.0.0", "first")
	author.release("example:hello", "1.1.0", "second")
	author.release("other:thing", "3.0.0", "thing")
	settle(t, r, 4)
	reader.expect(exitDone, "Set", "config", "--registry", r.url)
	reader.write("first.wasm", "first")
	reader.write("thing.wasm", "thing")
	reader.write("none.wasm", "none")

	// Nothing is remembered: the registry's log is searched.
	reader.expect(exitDone, "first.wasm is example:hello 1.0.0", "verify", "first.wasm")
	reader.expect(exitDone, "thing.wasm is other:thing 3.0.0", "verify", "thing.wasm", "--package", "other:thing", "--version", "3.0.0")
	reader.expect(exitRefused, "no package of", "verify", "none.wasm")
	reader.expect(exitUnverified, "is not what example:hello has released", "verify", "thing.wasm", "--package", "example:hello")
	reader.expect(exitUnverified, "is example:hello 1.0.0, not version 2.0.0", "verify", "first.wasm", "--version", "2.0.0")
	reader.expect(exitUsage, "no such file", "verify", "missing.wasm")

	proof := proofOf(t, r, "example:hello", "1.0.0")
	reader.write("proof", proof)
	reader.expect(exitUsage, "no key of a log is pinned", "verify", "first.wasm", "--proof", "proof")
	reader.expect(exitDone, "was released as example:hello 1.0.0", "verify", "first.wasm", "--proof", "proof", "--vkey", r.vkey)
	reader.expect(exitUnverified, "not about this content", "verify", "thing.wasm", "--proof", "proof", "--vkey", r.vkey)
	reader.expect(exitUnverified, "another release", "verify", "first.wasm", "--proof", "proof", "--vkey", r.vkey, "--version", "1.1.0")
	reader.expect(exitUnverified, "not trusted", "verify", "first.wasm", "--proof", "proof", "--vkey", openRegistry(t).vkey)
	reader.write("broken", strings.Replace(proof, "index 1", "index 2", 1))
	reader.expect(exitUnverified, "not in the log", "verify", "first.wasm", "--proof", "broken", "--vkey", r.vkey)

	// A proof beside the file is taken if there is a key for it, and needs no registry.
	reader.expect(exitDone, "Set", "config", "--vkey", r.vkey)
	reader.write("first.wasm.tlog-proof", proof)
	var answer identified
	must(t, json.Unmarshal([]byte(reader.expect(exitDone, `"proof":"tlog-proof"`, "--json", "verify", "first.wasm")), &answer))
	if answer.Package != parseName(t, "example:hello") || answer.Versions[0] != "1.0.0" || answer.Digest != protocol.HashOf([]byte("first")) {
		t.Errorf("verified %+v", answer)
	}
	stranger := newUser(t)
	stranger.write("first.wasm", "first")
	stranger.write("proof", proof)
	stranger.expect(exitDone, "was released as example:hello 1.0.0", "verify", "first.wasm", "--proof", "proof", "--vkey", r.vkey)

	author.expect(exitDone, "yanked", "publish", "yank", "-n", "example:hello", "-v", "1.0.0", "--yes")
	reader.expect(exitDone, `"proof":"tlog-proof"`, "--json", "verify", "first.wasm")
	reader.expect(exitRefused, "example:hello 1.0.0, which was yanked", "verify", "first.wasm", "--online")

	// A release that stands is found, whatever is remembered of one that was yanked.
	author.release("other:copy", "2.0.0", "first")
	settle(t, r, 6)
	reader.expect(exitDone, "first.wasm is other:copy 2.0.0", "verify", "first.wasm", "--online")
	newcomer := newUser(t)
	newcomer.expect(exitDone, "Set", "config", "--registry", r.url)
	newcomer.write("first.wasm", "first")
	newcomer.expect(exitDone, "first.wasm is other:copy 2.0.0", "verify", "first.wasm")
}

// A whole version is the release with that text, also where others differ behind the "+" alone.
func TestExactVersion(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	for version, content := range map[string]string{"1.0.0": "plain", "1.0.0+a": "a", "1.0.0+b": "b"} {
		u.release("example:build", version, content)
	}
	for version, want := range map[string]string{"1.0.0": "plain", "1.0.0+a": "a", "1.0.0+b": "b", "^1": "b"} {
		u.expect(exitDone, "Downloaded version", "download", "example:build", "--version", version, "-o", "x.wasm")
		if got := u.read("x.wasm"); got != want {
			t.Errorf("%s is %q, want %q", version, got, want)
		}
	}
}

// Bytes that were yanked in one package, and stand in another, are the release that stands,
// whichever of the two is remembered.
func TestVerifyPrefersWhatStands(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	author := newPublisher(t, r.url)
	author.release("example:gone", "1.0.0", "same")
	author.release("other:stands", "2.0.0", "same")
	author.expect(exitDone, "yanked", "publish", "yank", "-n", "example:gone", "-v", "1.0.0", "--yes")
	settle(t, r, 4)
	for _, remembered := range []string{"", "example:gone", "other:stands"} {
		reader := newUser(t)
		reader.expect(exitDone, "Set", "config", "--registry", r.url)
		reader.write("same.wasm", "same")
		if remembered != "" {
			reader.expect(exitDone, remembered, "info", remembered)
		}
		reader.expect(exitDone, "same.wasm is other:stands 2.0.0", "verify", "same.wasm")
		reader.expect(exitDone, "same.wasm is other:stands 2.0.0", "verify", "same.wasm", "--version", "2.0.0")
		reader.expect(exitRefused, "example:gone 1.0.0, which was yanked", "verify", "same.wasm", "--package", "example:gone")
	}
}

// proofOf makes the proof of a release as anybody can, from the registry's static files.
func proofOf(t *testing.T, r *registry, name, version string) string {
	t.Helper()
	source, err := audit.NewHTTPSource(r.url, audit.HTTPOptions{})
	must(t, err)
	proof, err := mirror.Prove(t.Context(), source, []string{r.vkey}, parseName(t, name), version)
	must(t, err)
	return string(proof.Encode())
}

func parseName(t *testing.T, text string) protocol.PackageName {
	t.Helper()
	name, err := protocol.ParsePackageName(text)
	must(t, err)
	return name
}

// Downloads without a file go to the content folder, which both clients share; what is
// damaged there is fetched again.
func TestContentFolder(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.release("example:hello", "1.0.0", "content")
	digest := protocol.HashOf([]byte("content")).String()
	kept := filepath.Join(u.home, ".cache/warg/content/sha256", strings.TrimPrefix(digest, "sha256:"))
	u.expect(exitDone, kept, "download", "example:hello")
	must(t, os.WriteFile(kept, []byte("damaged"), 0o600))
	u.expect(exitDone, "Wrote", "download", "example:hello", "-o", "a.wasm")
	if got := u.read("a.wasm"); got != "content" {
		t.Errorf("downloaded %q", got)
	}
	if got := u.expect(exitDone, "content", "download", "example:hello", "-o", "-"); got != "content" {
		t.Errorf("downloaded %q", got)
	}
	must(t, os.Mkdir(filepath.Join(u.home, "folder"), 0o755))
	u.expect(exitDone, "Wrote", "download", "example:hello", "-o", "folder")
	if got := u.read("folder/hello.wasm"); got != "content" {
		t.Errorf("downloaded %q", got)
	}
	u.expect(exitDone, "deleted", "clear")
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Errorf("content is there after clear: %v", err)
	}
}
