package integration

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	goclient "github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// documentedCommands are the commands of a section of docs/operations.md, in order: those of
// its blocks, and those in its text.
func documentedCommands(t *testing.T, section string) (lines []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	must(t, err)
	_, after, found := strings.Cut(string(page), "\n## "+section+"\n")
	if !found {
		t.Fatalf("docs/operations.md has no section %s", section)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```|`((?:warg-personality|docker compose|operator|content) [^`]+)`").FindAllStringSubmatch(text, -1) {
		if m[2] != "" {
			lines = append(lines, strings.Join(strings.Fields(m[2]), " "))
			continue
		}
		block := regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(strings.TrimSpace(m[1]), " ")
		lines = append(lines, strings.Split(block, "\n")...)
	}
	return lines
}

// operatorPage is who runs the commands of docs/operations.md, in a folder with the key of a
// registry.
type operatorPage struct {
	*server
	t       *testing.T
	dir     string
	keyFile string // that the registry reads, in dir
	key     protocol.PrivateKey
}

func newOperatorPage(t *testing.T) *operatorPage {
	t.Helper()
	p := &operatorPage{t: t, dir: t.TempDir()}
	p.keyFile = filepath.Join(p.dir, "operator.key")
	must(t, os.WriteFile(p.keyFile, nil, 0o600))
	p.key = addKey(t, p.keyFile)
	p.server = startServer(t, "--operator-key-file", p.keyFile)
	return p
}

// command is a line as a shell runs it where the commands are installed.
func (p *operatorPage) command(line string) *exec.Cmd {
	p.t.Helper()
	shell := exec.CommandContext(p.t.Context(), "sh", "-c", line)
	shell.Dir = p.dir
	shell.Env = []string{"PATH=" + filepath.Dir(command(p.t, "warg-personality")) + ":" + os.Getenv("PATH"), "HOME=" + p.dir, "WARG_OPERATOR_URL=" + p.url}
	return shell
}

// run runs a line, which must succeed, and returns what it says.
func (p *operatorPage) run(line string) string {
	p.t.Helper()
	said, err := p.command(line).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v: %s", line, err, said)
	}
	return string(said)
}

// sure runs a line that asks, on a terminal, and says yes; without one it has to refuse.
func (p *operatorPage) sure(line string) string {
	p.t.Helper()
	if said, err := p.command(line).CombinedOutput(); err == nil || !strings.Contains(string(said), "--yes") {
		p.t.Errorf("%s without a terminal: %v: %s", line, err, said)
	}
	process := p.command(line)
	terminal, err := pty.Start(process)
	must(p.t, err)
	defer terminal.Close()
	written, asked := new(output), false
	for buffer := make([]byte, 4096); ; {
		n, err := terminal.Read(buffer) // fails once the process has ended
		written.Write(buffer[:n])
		if err != nil {
			break
		}
		if !asked && strings.Contains(written.String(), "Go on? [y/N]") {
			asked = true
			_, err := terminal.WriteString("y\n")
			must(p.t, err)
		}
	}
	if err := process.Wait(); err != nil || !asked {
		p.t.Fatalf("%s: %v, asked: %v: %s", line, err, asked, written)
	}
	return written.String()
}

// The commands under "The operator key" work as written, in their order, but for keys and
// ids that stand for others there, and a namespace that the test's registry does not have yet.
func TestCommandsOfOperatorKey(t *testing.T) {
	t.Parallel()
	want := []string{
		"warg-personality key new -o FILE",
		"docker compose cp personality-1:/var/lib/warg-key/operator.key .", // of a running stack: not run here
		"warg-personality operator namespace define example --operator-key-file operator.key",
		"warg-personality operator namespace import wasi=registry.example.com --operator-key-file operator.key",
		"warg-personality operator key list",
		"warg-personality operator log",
		"warg-personality key new -o new.key",
		"warg-personality operator key grant PUBLICKEY --operator-key-file operator.key",
		"warg-personality key info new.key",
		"warg-personality operator key revoke OLD_KEY_ID --operator-key-file new.key",
		"warg-personality operator log",
		"operator key list",
		"CGO_ENABLED=1 go build -tags pkcs11 ./cmd/warg-personality",
	}
	lines := slices.DeleteFunc(documentedCommands(t, "The operator key"), func(l string) bool { return l == "warg-personality operator" })
	if !slices.Equal(lines, want) {
		t.Fatalf("the section has the commands\n%q\nthis test runs\n%q", lines, want)
	}
	p := newOperatorPage(t)
	ours, err := goclient.New(p.url, goclient.Options{OperatorKey: p.key.Public()})
	must(t, err)
	p.run(strings.Replace(lines[0], "FILE", "own.key", 1))

	p.sure(strings.Replace(lines[2], "define example", "define alive", 1))
	p.sure(lines[3])
	keyID := string(p.key.Public().ID())
	if said := p.run(lines[4]); !strings.Contains(said, keyID) || !strings.Contains(said, "signed the latest checkpoint") {
		t.Errorf("%s: %s", lines[4], said)
	}
	if said := p.run(lines[5]); !strings.Contains(said, `defines namespace "alive"`) || !strings.Contains(said, `imports namespace "wasi" from "registry.example.com"`) {
		t.Errorf("%s: %s", lines[5], said)
	}

	p.run(lines[6]) // step 1
	p.run("cat new.key >> operator.key")
	p.reload(t)
	info := p.run(lines[8])
	public := regexp.MustCompile(`ecdsa-p256:[A-Za-z0-9+/=]+`).FindString(info)
	fresh := protocol.KeyID(regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(info))
	p.run(strings.Replace(lines[7], "PUBLICKEY", public, 1)) // step 2
	if signer(t, ours) != fresh {
		t.Error("the key that was granted commit does not sign")
	}
	p.run(strings.Replace(lines[9], "OLD_KEY_ID", keyID, 1)) // step 3
	p.run("cp new.key operator.key")                         // step 4
	p.reload(t)
	a := newAuthor(t, "alive:package")
	first := a.begin()
	p.mustSend(t, first)
	p.waitPublished(t, first)
	if signer(t, ours) != fresh {
		t.Error("the registry does not go on without the old key")
	}
	if said := p.run(lines[10]); !strings.Contains(said, "revokes commit, defineNamespace, importNamespace of key") {
		t.Errorf("%s: %s", lines[10], said)
	}
	if said := p.run("warg-personality " + lines[11]); !strings.Contains(said, "may: nothing") {
		t.Errorf("%s: %s", lines[11], said)
	}

	// The program with PKCS #11 is built, and says of a token that it is not there.
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(lines[12], "go build", "go build -o "+filepath.Join(p.dir, "with-tokens"), 1))
	build.Dir = ".."
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", lines[11], err, said)
	}
	said, err := p.command("./with-tokens operator namespace define other --yes --operator-key-pkcs11 'pkcs11:token=warg;object=operator?module-path=/nowhere.so&pin-source=file:/run/secrets/pin'").CombinedOutput()
	if err == nil || strings.Contains(string(said), "built without") || !strings.Contains(string(said), "--operator-key-pkcs11") {
		t.Errorf("a token that is not there: %v: %s", err, said)
	}
}

// The commands under "Withholding content" work as written, in their order, but for digests,
// keys and URLs that are cut short there.
func TestCommandsOfWithholding(t *testing.T) {
	t.Parallel()
	want := []string{
		`warg-personality content withhold sha256:... --reason "by order of the court of Example" --reference https://example.com/order --url https://registry.example.com --operator-key-file operator.key`,
		`warg-personality content list --url https://registry.example.com`,
		`warg-personality content release sha256:... --reason "the order was lifted" --url ... --operator-key-file ...`,
		`warg-personality content restore FILE`,
		`content list --json`,
	}
	lines := documentedCommands(t, "Withholding content")
	if !slices.Equal(lines, want) {
		t.Fatalf("the section has the commands\n%q\nthis test runs\n%q", lines, want)
	}
	p := newOperatorPage(t)
	a := newAuthor(t, "example:hello")
	p.mustSend(t, a.begin())
	r := a.release(module("hello"))
	p.mustSend(t, r)
	p.upload(t, r, r.content)
	p.waitPublished(t, r)
	digest := protocol.HashOf(r.content).String()
	replace := strings.NewReplacer("sha256:...", digest, "https://registry.example.com", p.url, "--url ...", "--url "+p.url, "--operator-key-file ...", "--operator-key-file operator.key")
	served := func(status int) {
		t.Helper()
		if got, said := p.ask(t, http.MethodGet, "/v1/content/"+digest, nil); got != status {
			t.Errorf("the content: status %d, want %d: %s", got, status, said)
		}
	}
	served(200)
	p.run(replace.Replace(lines[0]))
	served(451)
	if said := p.run(replace.Replace(lines[1])); !strings.Contains(said, digest) || !strings.Contains(said, "by order of the court of Example") || !strings.Contains(said, "https://example.com/order") {
		t.Errorf("%s: %s", lines[1], said)
	}
	p.run("warg-personality " + lines[4] + " > kept.jsonl")
	p.run(replace.Replace(lines[2]))
	served(200)
	if said := p.run(strings.Replace(lines[3], "FILE", "kept.jsonl", 1)); !strings.Contains(said, "has these 1 statements") {
		t.Errorf("%s: %s", lines[3], said)
	}
	served(200) // a statement that was followed by another one counts no more
	if said := p.run("warg-personality content list --url " + p.url); strings.Contains(said, digest) {
		t.Errorf("%s says of what was released: %s", lines[1], said)
	}
}
