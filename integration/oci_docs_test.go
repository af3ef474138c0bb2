package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// The commands of docs/oci.md work as written, but for the registry's name.
func TestCommandsOfOCIPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/oci.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, found := range regexp.MustCompile("`((?:wkg|crane|docker) [a-z ]+[^`]*)`").FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, found[1])
	}
	// In the order of the page. Docker is not run: it writes what crane writes.
	want := []string{
		"wkg get example:hello@1.0.0 -o ./hello.wasm",
		"wkg fetch",
		"crane validate",
		"docker login registry.example.com",
		"crane auth login",
		"wkg get example:hello@1.0.0+build.5",
	}
	if fmt.Sprint(commands) != fmt.Sprint(want) {
		t.Fatalf("the page has the commands\n%q, this test runs\n%q", commands, want)
	}
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens)
	publisher, w := newPublisher(t, s), newWkgOCI(t, s)
	publisher.login(publish)
	hello, types := module("hello"), w.wit("package example:types@1.0.0;\ninterface numbers { type number = u32; }\n")
	publisher.run("publish", "init", "example:hello")
	publisher.run("publish", "init", "example:types")
	publisher.release("example:hello", "1.0.0", hello)
	publisher.release("example:hello", "1.0.0+build.5", module("build 5"))
	publisher.release("example:types", "1.0.0", types)

	run := func(program, line string) (string, error) {
		path, err := tools.Path(program)
		if err != nil {
			t.Fatal(err)
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", path+" "+line)
		shell.Dir = w.home
		shell.Env = []string{"HOME=" + w.home, "WKG_CONFIG_FILE=" + filepath.Join(w.home, "config.toml"), "WKG_CACHE_DIR=" + filepath.Join(w.home, "cache")}
		said, err := shell.CombinedOutput()
		return string(said), err
	}
	succeeds := func(program, line string) {
		t.Helper()
		if said, err := run(program, line); err != nil {
			t.Fatalf("%s %s: %v: %s", program, line, err, said)
		}
	}
	get := strings.TrimPrefix(want[0], "wkg ")
	if said, err := run("wkg-0.16.1", get); err == nil {
		t.Fatalf("without a token: %s", said)
	}
	succeeds("crane", fmt.Sprintf("%s %s --username anybody --password %s", strings.TrimPrefix(want[4], "crane "), s.authority(), read))
	succeeds("wkg-0.16.1", get)
	checkSame(t, "what wkg got", w.read("hello.wasm"), hello)
	succeeds("wkg-0.16.1", strings.TrimPrefix(want[5], "wkg ")+" -o ./built.wasm --overwrite")
	checkSame(t, "a version with build metadata", w.read("built.wasm"), module("build 5"))
	w.write("wit/all.wit", "package example:app;\nworld app { import example:types/numbers@1.0.0; }\n")
	succeeds("wkg-0.16.1", strings.TrimPrefix(want[1], "wkg "))
	if got := string(w.read("wit/deps/example-types-1.0.0/package.wit")); !strings.Contains(got, "interface numbers") {
		t.Errorf("wkg fetched %s", got)
	}
	// It fails as the page says, for that reason and no other.
	if said, err := run("crane", "validate --insecure --remote "+s.authority()+"/example/hello:1.0.0"); err == nil || !strings.Contains(said, "validating layers") {
		t.Errorf("crane validate: %v, %s", err, said)
	} else {
		t.Logf("crane validate: %s", said)
	}
}
