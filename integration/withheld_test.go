package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// personalityCommand runs a subcommand of warg-personality, and returns what it wrote and its
// status.
func personalityCommand(t *testing.T, args ...string) (string, int) {
	t.Helper()
	process := exec.CommandContext(t.Context(), command(t, "warg-personality"), args...)
	text, err := process.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(text), process.ProcessState.ExitCode()
}

// operates demands a status, and that some words are said.
func operates(t *testing.T, status int, words string, args ...string) string {
	t.Helper()
	said, got := personalityCommand(t, args...)
	if got != status || !strings.Contains(said, words) {
		t.Fatalf("warg-personality %s: status %d, want %d with %q:\n%s", strings.Join(args, " "), got, status, words, said)
	}
	return said
}

// answers demands the status of an answer, and returns its headers and text.
func answers(t *testing.T, url string, status int) (http.Header, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("GET %s: status %d, want %d: %s", url, response.StatusCode, status, text)
	}
	return response.Header, string(text)
}

const (
	whyWithheld = "by order of the court of Example"
	orderOf     = "https://example.com/order?n=1"
)

// What the operator withholds is not handed out by anything, and all who ask learn why; the
// records and proofs stay. A rebuilt database withholds it, too.
func TestWithheld(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	key := filepath.Join(s.dataDir, "operator.key")
	official := newPublisher(t, s)
	ours := official.ours()
	content := []byte("\x00asm\x01\x00\x00\x00")
	ours.release("example:hello", "1.0.0", content)
	digest := protocol.HashOf(content)
	file := strings.Replace(digest.String(), ":", "-", 1)
	manifest, config := s.url+"/v2/example/hello/manifests/1.0.0", s.url+"/v2/example/hello/blobs/"+digest.String()
	answers(t, manifest, 200)
	signed := []string{"--url", s.url, "--operator-key-file", key}
	operate := func(status int, words string, args ...string) string {
		t.Helper()
		return operates(t, status, words, append(append([]string{"content"}, args...), signed...)...)
	}

	unknown := []byte("\x00asm\x01\x00\x00\x00\x00\x02\x01x")
	operate(1, "--force", "withhold", protocol.HashOf(unknown).String(), "--reason", whyWithheld)
	operate(2, "control characters", "withhold", digest.String(), "--reason", "a\nb")
	noted := func() bool {
		status, err := get(s.url + "/tlog/records/proof/example/hello/1.0.0")
		return err == nil && status == 200
	}
	within(t, time.Minute, "a note covers the release", noted)
	before := t.TempDir()
	mirrors(t, "contents: 1 fetched", s.url, before, "--content")
	operate(0, "statement 0", "withhold", digest.String(), "--reason", whyWithheld, "--reference", orderOf)
	operate(0, "already", "withhold", digest.String(), "--reason", whyWithheld, "--reference", orderOf)
	operate(0, "statement 1", "withhold", protocol.HashOf(unknown).String(), "--reason", "nobody may have it", "--force")
	withheld := func() {
		t.Helper()
		for _, url := range []string{s.url + "/v1/content/" + digest.String(), s.url + "/content/" + file, manifest, config} {
			header, text := answers(t, url, 451)
			if !strings.Contains(text, whyWithheld) || header.Get("Link") != "<"+orderOf+`>; rel="blocked-by"` || header.Get("Cache-Control") != "no-store" {
				t.Errorf("GET %s: %v, %s", url, header, text)
			}
			if strings.Contains(url, "/v2/") != strings.Contains(text, `"code":"DENIED"`) {
				t.Errorf("GET %s: %s", url, text)
			}
		}
	}
	withheld()
	if !noted() {
		t.Error("the proof of the release is gone")
	}

	for name, o := range map[string]outcome{"ours": ours.try("download", "example:hello", "-o", "hello.wasm"), "official": official.try("download", "example:hello")} {
		t.Logf("the client %s says: %s%s", name, o.stdout, o.stderr)
		if o.status != 1 || !strings.Contains(o.stderr, whyWithheld) {
			t.Errorf("the client %s: status %d", name, o.status)
		}
		if name == "ours" && !strings.Contains(o.stderr, "is withheld by the registry: "+whyWithheld+" ("+orderOf+"); its operator has signed so") {
			t.Errorf("our client says %s", o.stderr)
		}
	}
	auditor, err := exec.Command(command(t, "warg-auditor"), "audit", s.url, "--content", "--state", t.TempDir()).CombinedOutput()
	t.Logf("the auditor says: %v\n%s", err, auditor)
	if !strings.Contains(string(auditor), "is withheld by the registry since") || !strings.Contains(string(auditor), whyWithheld) || strings.Contains(string(auditor), "content-withheld") {
		t.Error("the auditor does not say that it is withheld")
	}
	s.mirrorsWithheld(t, before, file)
	if _, err := tools.Path("wkg-0.16.1"); err == nil {
		said, err := newWkgOCI(t, s).try("get", "example:hello@1.0.0")
		t.Logf("wkg says: %v\n%s", err, said)
		if err == nil || !strings.Contains(said, "451") && !strings.Contains(said, whyWithheld) {
			t.Error("wkg does not say that it is withheld")
		}
	}

	// The bytes are not taken again.
	o := ours.try("publish", "release", "--name", "example:other", "--version", "1.0.0", ours.write("other.wasm", unknown))
	if o.status != 1 || !strings.Contains(o.stderr, "nobody may have it") {
		t.Errorf("an upload of withheld content: status %d, %s", o.status, o.stderr)
	}

	// A key that is none of the operator log's withholds nothing.
	stranger := filepath.Join(t.TempDir(), "key")
	operates(t, 0, "", "key", "new", "-o", stranger)
	operates(t, 1, "commit", "content", "release", digest.String(), "--reason", "I want it", "--url", s.url, "--operator-key-file", stranger)

	list := operates(t, 0, whyWithheld, "content", "list", "--json", "--url", s.url)
	kept := filepath.Join(ours.home, ours.write("list.jsonl", []byte(list)))
	operates(t, 0, "these 2 statements", "content", "restore", kept, "--url", s.url)
	forged := filepath.Join(ours.home, ours.write("forged.jsonl", []byte(strings.Replace(list, "order", "wish", 1))))
	operates(t, 1, "signature", "content", "restore", forged, "--url", s.url)

	s.stop(t)
	lose := func() {
		t.Helper()
		databases, err := filepath.Glob(filepath.Join(s.dataDir, "registry.db*"))
		if err != nil || len(databases) == 0 {
			t.Fatalf("no database: %v", err)
		}
		for _, name := range databases {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	lose()
	operates(t, 0, "2 statements on withheld content", "rebuild", "--data-dir", s.dataDir)
	s.start(t)
	withheld()
	s.stop(t)
	lose()
	if err := os.Remove(filepath.Join(s.dataDir, "withheld.jsonl")); err != nil {
		t.Fatal(err)
	}
	operates(t, 0, "do not let anybody reach the registry", "rebuild", "--data-dir", s.dataDir)
	s.start(t)
	operates(t, 0, "these 2 statements", "content", "restore", kept, "--url", s.url)
	withheld()

	operate(0, "statement 2", "release", digest.String(), "--reason", "the order was lifted")
	answers(t, s.url+"/content/"+file, 200)
	answers(t, manifest, 200)
	ours.run("download", "example:hello", "-o", "hello.wasm")
	operates(t, 1, "may not sign statements of this registry", "content", "restore", kept, "--url", startServer(t).url)
}

// mirrors demands that an export is done, and what it says.
func mirrors(t *testing.T, words string, args ...string) {
	t.Helper()
	said, err := exec.Command(command(t, "warg-auditor"), append([]string{"export"}, args...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(said), words) {
		t.Fatalf("warg-auditor export %s: %v; want %q:\n%s", strings.Join(args, " "), err, words, said)
	}
}

// mirrorsWithheld looks at mirrors of a registry that withholds a content: a new one, and one
// that had it before.
func (s *server) mirrorsWithheld(t *testing.T, before, file string) {
	t.Helper()
	why := "the operator withholds it since " + time.Now().UTC().Format(time.DateOnly)[:4]
	has := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "content", file))
		return err == nil
	}
	fresh := t.TempDir()
	mirrors(t, "not copied: the content of example:hello 1.0.0", s.url, fresh, "--content")
	mirrors(t, "kept (--remove-withheld removes it): the content of example:hello 1.0.0", s.url, before, "--content")
	if has(fresh) || !has(before) {
		t.Error("a mirror has what it should not, or has not what it should")
	}
	mirrors(t, why, s.url, before, "--remove-withheld")
	if has(before) {
		t.Error("what is withheld is not removed")
	}
	said, err := exec.Command(command(t, "warg-auditor"), "audit", before, "--content").CombinedOutput()
	if err != nil || !strings.Contains(string(said), "is withheld by the registry since") {
		t.Errorf("an audit of the mirror: %v\n%s", err, said)
	}
	operates(t, 0, "these 2 statements", "content", "restore", filepath.Join(before, "withheld.jsonl"), "--url", s.url)
}

// What is withheld by way of one process no other hands out from then on.
func TestWithheldInCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 2)
	content := []byte("\x00asm\x01\x00\x00\x00")
	newPublisher(t, c.members[0].server).ours().release("example:hello", "1.0.0", content)
	digest := protocol.HashOf(content)
	for n := range 4 {
		here, there := c.members[n%2], c.members[1-n%2]
		operates(t, 0, fmt.Sprintf("statement %d", 2*n), "content", "withhold", digest.String(), "--reason", whyWithheld, "--url", here.url, "--operator-key-file", c.keyFile)
		_, text := answers(t, there.url+"/v1/content/"+digest.String(), 451)
		if !strings.Contains(text, whyWithheld) {
			t.Errorf("the other process says %s", text)
		}
		operates(t, 0, fmt.Sprintf("statement %d", 2*n+1), "content", "release", digest.String(), "--reason", "again", "--url", there.url, "--operator-key-file", c.keyFile)
		answers(t, here.url+"/v1/content/"+digest.String(), 200)
	}
}
