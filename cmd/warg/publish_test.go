package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// One user publishes, changes permissions, and withdraws; another reads.
func TestPublishAndRead(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	author, helper, reader := newPublisher(t, r.url), newPublisher(t, r.url), newUser(t)
	author.expect(exitDone, "published initialization of package `example:hello`", "publish", "init", "example:hello")
	author.release("example:hello", "1.0.0", "first")
	author.release("example:hello", "1.1.0", "second")
	author.expect(exitRefused, "already released", "publish", "release", "-n", "example:hello", "-v", "1.0.0", author.write("other.wasm", "other"))
	helper.expect(exitRefused, "is there already", "publish", "init", "example:hello")

	helper.expect(exitRefused, "did not have required permission release", "publish", "release", "-n", "example:hello", "-v", "1.2.0", helper.write("x.wasm", "third"))
	id, key := keyOf(t, helper.expect(exitDone, "Public Key", "key", "info"))
	author.expect(exitDone, "granted (yank) to key ID `"+id, "publish", "grant", "--name", "example:hello", key, "--permission", "yank")
	helper.expect(exitDone, "yanked version 1.1.0", "publish", "yank", "-n", "example:hello", "-v", "1.1.0", "--yes")
	author.expect(exitDone, "revoked (yank) from key ID `"+id, "publish", "revoke", "--name", "example:hello", id, "--permission", "yank")
	helper.expect(exitRefused, "did not have required permission", "publish", "yank", "-n", "example:hello", "-v", "1.0.0", "-y")

	reader.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:hello", "--registry", r.url, "-o", "got.wasm")
	if got := reader.read("got.wasm"); got != "first" {
		t.Errorf("downloaded %q", got)
	}
	reader.expect(exitRefused, "1.1.0 was yanked", "download", "example:hello@1.1.0", "--registry", r.url, "-o", "got.wasm")
	reader.expect(exitRefused, "is not in the registry", "download", "example:nothing", "--registry", r.url)
	reader.expect(exitRefused, "does not define the namespace", "info", "nowhere:hello", "--registry", r.url)

	info := reader.expect(exitDone, "Package: example:hello", "info", "example:hello", "--registry", r.url)
	for _, want := range []string{`1\.0\.0 \(sha256:[0-9a-f]{64}, 5 bytes\)`, `1\.1\.0 YANKED .* by ` + id, id + ` may nothing any more`, `may release,yank`} {
		if !regexp.MustCompile(want).MatchString(info) {
			t.Errorf("info does not say %q:\n%s", want, info)
		}
	}
	reader.expect(exitDone, "example\n", "info", "--registry", r.url)
	log := reader.expect(exitDone, "initialization", "log", "example:hello", "--registry", r.url)
	if got := strings.Count(log, "record sha256:"); got != 6 {
		t.Errorf("the log has %d records, want 6:\n%s", got, log)
	}
	reader.expect(exitDone, "verified 1 packages", "update", "--registry", r.url)
}

// keyOf reads what `key new` and `key info` print.
func keyOf(t *testing.T, printed string) (id, key string) {
	t.Helper()
	m := regexp.MustCompile(`Key ID: (sha256:[0-9a-f]{64})\nPublic Key: (ecdsa-p256:\S+)\n`).FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("%q is no key", printed)
	}
	return m[1], m[2]
}

// Several entries make one record, and --no-wait leaves the waiting for a later time.
func TestPendingRecord(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.expect(exitRefused, "no pending record", "publish", "list")
	u.expect(exitDone, "started", "publish", "start", "example:many")
	u.expect(exitRefused, "pending already", "publish", "start", "example:other")
	u.expect(exitRefused, "no entries yet", "publish", "submit")
	u.expect(exitDone, "added release of version 1.0.0", "publish", "release", "-n", "example:many", "-v", "1.0.0", u.write("a.wasm", "a"))
	u.expect(exitRefused, "is of package example:many", "publish", "init", "example:else")
	u.expect(exitDone, "added release of version 2.0.0", "publish", "release", "-n", "example:many", "-v", "2.0.0", u.write("b.wasm", "b"))
	u.expect(exitDone, "added yank", "publish", "yank", "-n", "example:many", "-v", "1.0.0", "--yes")
	u.expect(exitDone, "2: yank of version 1.0.0", "publish", "list")
	u.write("a.wasm", "changed")
	u.expect(exitUsage, "has changed since", "publish", "submit")
	u.write("a.wasm", "a")
	id := regexp.MustCompile("sha256:[0-9a-f]{64}").FindString(u.expect(exitDone, "submitted record", "publish", "submit", "--no-wait"))
	u.expect(exitDone, "has been published", "publish", "wait", "example:many", id)
	u.expect(exitRefused, "was not found", "publish", "wait", "example:many", "sha256:"+strings.Repeat("0", 64))
	log := u.expect(exitDone, id, "log", "example:many")
	if got := strings.Count(log, "record sha256:"); got != 1 {
		t.Errorf("the log has %d records, want 1:\n%s", got, log)
	}
	u.expect(exitDone, "started", "publish", "start", "example:many")
	u.expect(exitDone, "dropped", "publish", "abort")
	u.expect(exitRefused, "no pending record", "publish", "abort")
}

// The first release begins the package, unless the user wants to say so.
func TestAutomaticInit(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	u.expect(exitDone, "Set", "config", "--disable-auto-package-init")
	u.expect(exitRefused, "warg publish init example:new", "publish", "release", "-n", "example:new", "-v", "1.0.0", u.write("a.wasm", "a"))
	u.expect(exitDone, "Set", "config", "--no-disable-auto-package-init")
	u.expect(exitDone, "package example:new is new", "publish", "release", "-n", "example:new", "-v", "1.0.0", "a.wasm")
}

// A key can be in a file, in the environment, in PEM, and behind a command of OpenSSL.
func TestKeys(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("openssl is missing, which `make tools` installs: %v", err)
	}
	u := newUser(t)
	u.expect(exitDone, "Set", "config", "--registry", r.url)
	u.expect(exitUsage, "warg key new", "publish", "init", "example:none")
	must(t, runIn(u.home, openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"))
	must(t, runIn(u.home, openssl, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"))
	command := []string{"--key-command", "openssl pkeyutl -sign -inkey key.pem", "--public-key", "public.pem"}
	id, key := keyOf(t, u.expect(exitDone, "Key ID", append([]string{"key", "info"}, command...)...))
	u.expect(exitDone, "Key ID: "+id, "key", "info", "--key-file", "key.pem")

	release := func(version string, more ...string) []string {
		return append([]string{"publish", "release", "-n", "example:keys", "-v", version, u.write("a.wasm", version)}, more...)
	}
	u.expect(exitDone, "published version 1.0.0", release("1.0.0", command...)...)
	u.expect(exitDone, "published version 1.1.0", release("1.1.0", "--key-file", "key.pem")...)
	u.expect(exitDone, "Key ID: "+id, "key", "import", "key.pem")
	u.expect(exitDone, "published version 1.2.0", release("1.2.0")...)
	u.expect(exitUsage, "has a signing key", "key", "new")

	other := keyText(t, u, "other.key")
	u.env = []string{"WARG_KEY=" + other}
	u.expect(exitRefused, "did not have required permission release", release("1.3.0")...)
	u.expect(exitUsage, "several signing keys", release("1.3.0", "--key-file", "key.pem")...)
	u.env = []string{"WARG_KEY=" + key}
	u.expect(exitUsage, "holds a public key", release("1.3.0")...)
	u.env = nil
	u.expect(exitUsage, "takes --public-key", release("1.3.0", command[:2]...)...)
	u.expect(exitRefused, "not one by its public key", release("1.3.0", "--key-command", command[1], "--public-key", otherPublic(t, u))...)
	u.expect(exitUsage, "said nothing on standard error: exit status 3", release("1.3.0", "--key-command", "exit 3", "--public-key", key)...)
	u.expect(exitUsage, "no hand on the token", release("1.3.0", "--key-command", "echo no hand on the token >&2; exit 3", "--public-key", key)...)
	u.expect(exitUsage, "no ECDSA signature", release("1.3.0", "--key-command", "cat", "--public-key", key)...)
	// The digest comes in hex, too.
	u.expect(exitDone, "published version 1.3.0", release("1.3.0", "--key-command", "test ${#WARG_DIGEST} = 64 && openssl pkeyutl -sign -inkey key.pem", "--public-key", key)...)
}

func runIn(dir, program string, args ...string) error {
	process := exec.Command(program, args...)
	process.Dir = dir
	return process.Run()
}

// keyText makes a key in a file and returns its text.
func keyText(t *testing.T, u *user, file string) string {
	t.Helper()
	u.expect(exitDone, "Key ID", "key", "new", "-o", file)
	u.expect(exitUsage, "must not be lost", "key", "new", "-o", file)
	return strings.TrimSpace(u.read(file))
}

func otherPublic(t *testing.T, u *user) string {
	t.Helper()
	_, key := keyOf(t, u.expect(exitDone, "Key ID", "key", "info", "--key-file", "other.key"))
	return key
}
