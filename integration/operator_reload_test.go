package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	goclient "github.com/warg-trillian/warg-trillian/warg/client"
)

// Whatever is wrong with the operator key file when the server reads it again, the keys as
// they were stay in force, and the log says so as an error that quotes nothing of the file.
func TestOperatorKeyFileIsWrongAtReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "operator.key")
	must(t, os.WriteFile(file, nil, 0o600))
	key := addKey(t, file)
	s := startServer(t, "--operator-key-file", file)
	ours, err := goclient.New(s.url, goclient.Options{OperatorKey: key.Public()})
	must(t, err)
	author := newAuthor(t, "example:hello")
	s.mustSend(t, author.begin())

	secret := strings.TrimPrefix(key.Text(), "ecdsa-p256:")
	text := func(text string) func() error {
		return func() error { return os.WriteFile(file, []byte(text), 0o600) }
	}
	for _, wrong := range []struct {
		what string
		make func() error
		says string // in the log
	}{
		{"cut off", text("ecdsa-p256:" + secret[:len(secret)-6]), "does not hold a private key"},
		{"without its algorithm", text(secret), "does not hold a private key"},
		{"damaged behind a key", text(key.Text() + "\n" + "ecdsa-p256:" + secret[6:] + "\n"), "does not hold a private key"},
		{"a public key", text(key.Public().String()), "does not hold a private key"},
		{"empty", text(""), "does not hold a private key"},
		{"binary", text("\x00\xff\xfe" + secret), "does not hold a private key"},
		{"too large", text(strings.Repeat(key.Text()+"\n", 2000)), "is larger than"},
		{"a folder", func() error { return os.Mkdir(file, 0o700) }, "has to be a regular file"},
		{"a pipe into which nobody writes", func() error { return syscall.Mkfifo(file, 0o600) }, "has to be a regular file"},
		{"not there", func() error { return nil }, "no such file"},
	} {
		must(t, os.RemoveAll(file))
		must(t, wrong.make())
		line := s.reloadFails(t)
		if !strings.Contains(line, "level=ERROR") || !strings.Contains(line, wrong.says) || !strings.Contains(line, file) {
			t.Errorf("%s: the log says %s, want %q and the file's name", wrong.what, line, wrong.says)
		}
		r := author.release(module(wrong.what))
		s.mustSend(t, r)
		s.upload(t, r, r.content)
		s.waitPublished(t, r)
		if signer(t, ours) != key.Public().ID() {
			t.Errorf("%s: another key signs", wrong.what)
		}
	}
	for n := 0; n+12 <= len(secret); n++ {
		if strings.Contains(s.stderr.String(), secret[n:n+12]) {
			t.Fatalf("the log quotes the key file: %s", s.stderr)
		}
	}

	// Another registry's key is a key: the server takes it, and says that it can not sign.
	must(t, os.RemoveAll(file))
	must(t, os.WriteFile(file, nil, 0o600))
	stranger := addKey(t, file)
	s.reload(t)
	within(t, startTimeout, "the server says that it has no key that may sign", func() bool {
		_, said := s.ask(t, http.MethodGet, "/readyz", nil)
		return strings.Contains(string(said), "may not sign checkpoints") && strings.Contains(string(said), string(stranger.Public().ID()))
	})
	late := author.release(module("late"))
	s.mustSend(t, late)
	s.upload(t, late, late.content)

	// With a right file again, the reload is one, and what waited is published.
	must(t, os.RemoveAll(file))
	must(t, os.WriteFile(file, []byte(key.Text()+"\n"), 0o600))
	fresh := addKey(t, file)
	s.reload(t)
	s.waitPublished(t, late)
	within(t, startTimeout, "the server is ready, without a word on keys", func() bool {
		status, said := s.ask(t, http.MethodGet, "/readyz", nil)
		return status == http.StatusOK && string(said) == "ready\n"
	})
	operated(t, s, "key", "grant", fresh.Public().String(), "--operator-key-file", file)
	if signer(t, ours) != fresh.Public().ID() {
		t.Error("the key that was granted commit does not sign")
	}
}

// reloadFails has the server read again what SIGHUP is for, and returns the line that says
// that it could not.
func (s *server) reloadFails(t *testing.T) (line string) {
	t.Helper()
	const failed = `msg="reload failed; going on with the settings as they were"`
	before := strings.Count(s.stderr.String(), failed)
	must(t, s.process.Process.Signal(syscall.SIGHUP))
	within(t, startTimeout, "the log says that the reload failed", func() bool {
		return strings.Count(s.stderr.String(), failed) > before
	})
	for l := range strings.Lines(s.stderr.String()) {
		if strings.Contains(l, failed) {
			line = l
		}
	}
	return line
}
