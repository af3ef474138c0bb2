package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// wkg is the client of the WebAssembly package tools, with a home folder and a cache of
// its own.
type wkg struct {
	t       *testing.T
	version string
	home    string // also the folder that commands run in
	env     []string
}

// newWkg returns wkg of a version whose registry is at an authority HOST:PORT. More lines
// are put into its configuration.
func newWkg(t *testing.T, version, authority string, lines ...string) *wkg {
	t.Helper()
	w := &wkg{t: t, version: version, home: t.TempDir()}
	config := append([]string{fmt.Sprintf("default_registry = %q", authority)}, lines...)
	w.write("config.toml", strings.Join(config, "\n"))
	return w
}

// newWkgOCI returns wkg 0.16, which reads a server of the tests without TLS, configured as
// docs/oci.md says.
func newWkgOCI(t *testing.T, s *server) *wkg {
	t.Helper()
	text, err := os.ReadFile("../docs/oci.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 2 {
		t.Fatalf("docs/oci.md has %d configurations of wkg, want 2", len(blocks))
	}
	w := &wkg{t: t, version: "0.16.1", home: t.TempDir()}
	w.write("config.toml", strings.ReplaceAll(blocks[1][1], "127.0.0.1:8090", s.authority()))
	return w
}

func (s *server) authority() string { return strings.TrimPrefix(s.url, "http://") }

func (w *wkg) try(args ...string) (printed string, err error) {
	w.t.Helper()
	path, err := tools.Path("wkg-" + w.version)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), commandTimeout)
	defer cancel()
	process := exec.CommandContext(ctx, path, args...)
	process.Dir = w.home
	process.Env = append([]string{
		"HOME=" + w.home, "WKG_CONFIG_FILE=" + filepath.Join(w.home, "config.toml"), "WKG_CACHE_DIR=" + filepath.Join(w.home, "cache"), "NO_COLOR=1",
	}, w.env...)
	output, err := process.CombinedOutput()
	return string(output), err
}

func (w *wkg) run(args ...string) string {
	w.t.Helper()
	printed, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("wkg %s %s: %v\n%s", w.version, strings.Join(args, " "), err, printed)
	}
	return printed
}

// refused runs a command that must fail, and returns what it printed.
func (w *wkg) refused(args ...string) string {
	w.t.Helper()
	printed, err := w.try(args...)
	if err == nil {
		w.t.Fatalf("wkg %s %s: it did not fail\n%s", w.version, strings.Join(args, " "), printed)
	}
	return printed
}

func (w *wkg) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wkg) read(name string) []byte {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return content
}

// get downloads a package: its newest version, or name@version.
func (w *wkg) get(spec string) []byte {
	w.t.Helper()
	w.run("get", spec, "-o", "./got.wasm", "--overwrite")
	return w.read("got.wasm")
}

// wit builds a WIT package of the text of one file.
func (w *wkg) wit(text string) []byte {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.home, "wit")); err != nil {
		w.t.Fatal(err)
	}
	w.write("wit/all.wit", text)
	w.run("wit", "build", "-o", "./built.wasm")
	return w.read("built.wasm")
}

func checkSame(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes %.40q, want %d bytes %.40q", what, len(got), got, len(want), want)
	}
}

// TestWkgGets is what people with wkg get of what others have published over warg.
func TestWkgGets(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	publisher, w := newPublisher(t, s), newWkgOCI(t, s)
	for _, name := range []string{"example:component", "example:module", "example:types"} {
		publisher.run("publish", "init", name)
	}
	types := w.wit("package example:types@1.0.0;\ninterface numbers { type number = u32; }\n")
	publisher.release("example:component", "1.0.0", emptyComponent())
	publisher.release("example:component", "1.1.0", adder())
	publisher.release("example:component", "2.0.0-rc.1", emptyComponent())
	publisher.release("example:module", "0.1.0", module("one"))
	publisher.release("example:types", "1.0.0", types)

	checkSame(t, "component", w.get("example:component@1.0.0"), emptyComponent())
	checkSame(t, "newer component", w.get("example:component@1.1.0"), adder())
	checkSame(t, "newest module", w.get("example:module"), module("one"))
	checkSame(t, "WIT package", w.get("example:types@1.0.0"), types)
	w.run("get", "example:types", "-o", "./types.wit")
	if text := string(w.read("types.wit")); !strings.Contains(text, "interface numbers") {
		t.Errorf("WIT as text: %s", text)
	}
	if said := w.refused("get", "example:component@3.0.0", "-o", "./x.wasm"); !strings.Contains(said, "example:component has no release with the tag 3.0.0") {
		t.Errorf("a version that is not there: %s", said)
	}
	if said := w.refused("get", "example:nothing", "-o", "./x.wasm"); !strings.Contains(said, "ackage not found") {
		t.Errorf("a package that is not there: %s", said)
	}

	// A yank is seen by wkg, although its protocol has none.
	publisher.answer("Yank", "y", "publish", "yank", "--name", "example:component", "--version", "2.0.0-rc.1")
	checkSame(t, "newest that is not yanked", w.get("example:component"), adder())
	fresh := newWkgOCI(t, s) // the other one has it in its cache
	fresh.refused("get", "example:component@2.0.0-rc.1", "-o", "./x.wasm")

	// A push is refused with words that say what to do.
	w.write("push.wasm", string(types))
	if said := w.refused("publish", "./push.wasm", "--package", "example:pushed@1.0.0"); !strings.Contains(said, "run `warg agent`") {
		t.Errorf("a push: %s", said)
	}
}

// TestWkgResolvesDependencies: WIT packages that use one another are found, by range and
// exactly, and the versions that nobody should use any more are not.
func TestWkgResolvesDependencies(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	publisher, w := newPublisher(t, s), newWkgOCI(t, s)
	for _, name := range []string{"example:base", "example:middle"} {
		publisher.run("publish", "init", name)
	}
	base := "package example:base@%s;\ninterface numbers { type number = u32; /// of %[1]s\n one: func() -> number; }\n"
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "2.0.0"} {
		publisher.release("example:base", version, w.wit(fmt.Sprintf(base, version)))
	}
	publisher.answer("Yank", "y", "publish", "yank", "--name", "example:base", "--version", "1.2.0")
	// Building it fetches the package that it uses.
	publisher.release("example:middle", "0.3.0", w.wit("package example:middle@0.3.0;\ninterface sums { use example:base/numbers@1.0.0.{number};\n sum: func() -> number; }\n"))

	app := newWkgOCI(t, s)
	app.write("wit/app.wit", "package example:app;\nworld app { import example:middle/sums@0.3.0; }\n")
	app.run("wit", "fetch")
	for path, want := range map[string]string{
		"wit/deps/example-middle-0.3.0/package.wit": "package example:middle@0.3.0;",
		"wit/deps/example-base-1.0.0/package.wit":   "package example:base@1.0.0;",
	} {
		if text := string(app.read(path)); !strings.HasPrefix(text, want) {
			t.Errorf("%s: %s, want %s", path, text, want)
		}
	}

	ranged := newWkgOCI(t, s)
	ranged.write("wkg.toml", "[overrides]\n\"example:base\" = { version = \"^1.0\" }\n")
	ranged.write("wit/app.wit", "package example:app;\nworld app { import example:base/numbers@1.1.0; }\n")
	ranged.run("wit", "fetch")
	if lock := string(ranged.read("wkg.lock")); !strings.Contains(lock, "requirement = \"^1.0\"\nversion = \"1.1.0\"") {
		t.Errorf("^1.0 is locked as\n%s\nwant 1.1.0, for 1.2.0 is yanked", lock)
	}
}

// TestWkgWithBuildMetadata: a version that can not be a tag is there under another one.
func TestWkgWithBuildMetadata(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	publisher, w := newPublisher(t, s), newWkgOCI(t, s)
	publisher.run("publish", "init", "example:built")
	publisher.release("example:built", "1.0.0+build.7", module("seven"))
	checkSame(t, "by its version", w.get("example:built@1.0.0+build.7"), module("seven"))
}

// TestWkgAndPrivateRegistry: wkg sends a token in each of its ways.
func TestWkgAndPrivateRegistry(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens)
	publisher := newPublisher(t, s)
	publisher.login(publish)
	publisher.run("publish", "init", "example:secret")
	publisher.release("example:secret", "1.0.0", module("secret"))

	stranger := newWkgOCI(t, s)
	if said := stranger.refused("get", "example:secret", "-o", "./x.wasm"); !strings.Contains(strings.ToLower(said), "not authorized") {
		t.Errorf("without a token: %s", said)
	}
	bearer := newWkgOCI(t, s)
	variable := strings.NewReplacer(".", "_", ":", "_").Replace(s.authority())
	bearer.env = []string{"WKG_REGISTRY_" + variable + "_AUTH_BEARER=" + read}
	checkSame(t, "with a bearer token", bearer.get("example:secret"), module("secret"))

	password := newWkgOCI(t, s)
	docker, err := json.Marshal(map[string]any{"auths": map[string]any{
		s.authority(): map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("anybody:" + read))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	password.write(".docker/config.json", string(docker))
	checkSame(t, "with Docker's credentials", password.get("example:secret"), module("secret"))
}

// TestWkg015SpeaksWarg: the last wkg that speaks warg publishes and gets over it, where it
// is told to, and reads as its successors do where it is not.
func TestWkg015SpeaksWarg(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	authority := strings.Replace(s.authority(), "127.0.0.1", "localhost", 1)
	publisher := newPublisher(t, s)
	publisher.run("publish", "init", "example:types")

	old := newWkg(t, "0.15.0", authority, fmt.Sprintf("[registry.%q]", authority), `type = "warg"`,
		fmt.Sprintf("[registry.%q.warg]", authority), fmt.Sprintf("config_file = %q", filepath.Join(publisher.home, ".config", "warg", "config.json")))
	old.env = []string{"XDG_CONFIG_HOME=" + filepath.Join(publisher.home, ".config")}
	types := old.wit("package example:types@1.0.0;\ninterface numbers { type number = u32; }\n")
	old.run("publish", "./built.wasm")
	checkSame(t, "by the official client", newReader(t, s).download("example:types"), types)
	checkSame(t, "by wkg 0.15 over warg", old.get("example:types@1.0.0"), types)

	reader := newWkg(t, "0.15.0", authority, fmt.Sprintf("[registry.%q.oci]", authority), `protocol = "http"`)
	checkSame(t, "by wkg 0.15 over OCI", reader.get("example:types"), types)
	checkSame(t, "by wkg 0.16", newWkgOCI(t, s).get("example:types"), types)
}
