package main

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// records counts the records of a package.
func (u *user) records(name string) int {
	u.t.Helper()
	return strings.Count(u.expect(exitDone, "initialization", "log", name), "record sha256:")
}

// Who asks for what is there already, such as after an answer that was lost, is told so, with
// the record that did it: no record is made. All else is refused as ever.
func TestPublishAgain(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u, helper := newPublisher(t, r.url), newPublisher(t, r.url)
	id, key := keyOf(t, helper.expect(exitDone, "Public Key", "key", "info"))
	file, other := u.write("a.wasm", "first"), u.write("b.wasm", "other")
	hello := func(verb string, more ...string) []string {
		return append([]string{"publish", verb, "--name", "example:hello"}, more...)
	}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"is already there, begun with your key", []string{"publish", "init", "example:hello"}},
		{"version 1.0.0 of package `example:hello` is already released, with the same content", hello("release", "--version", "1.0.0", file)},
		{"(release) is already granted to key ID `" + id, hello("grant", "--permission", "release", key)},
		{"key ID `" + id + "` does not have (release) for package `example:hello` any more", hello("revoke", "--permission", "release", id)},
		{"version 1.0.0 of package `example:hello` is already yanked", hello("yank", "--version", "1.0.0", "--yes")},
	} {
		var first, again published
		must(t, json.Unmarshal([]byte(u.expect(exitDone, `"published":true`, append([]string{"--json"}, c.args...)...)), &first))
		before := u.records("example:hello")
		said := u.expect(exitDone, c.says, c.args...)
		must(t, json.Unmarshal([]byte(u.expect(exitDone, `"already":true`, append([]string{"--json"}, c.args...)...)), &again))
		if first.Already || again.RecordID != first.RecordID || !strings.Contains(said, first.RecordID.String()) || !again.Published || again.Checkpoint == 0 {
			t.Errorf("%q: first %+v, then %+v, and said %s", c.args, first, again, said)
		}
		if after := u.records("example:hello"); after != before {
			t.Errorf("%q again: %d records, want %d", c.args, after, before)
		}
		if first.Entries[0].Type == "release" { // another content of the version
			u.expect(exitRefused, "was released with another content", hello("release", "--version", "1.0.0", other)...)
		}
	}
	u.expect(exitRefused, "was released by record sha256:", hello("release", "--version", "1.0.0", file)...)
	u.expect(exitRefused, "not yet been released", hello("yank", "--version", "2.0.0", "--yes")...)
	u.expect(exitRefused, "", hello("revoke", "--permission", "release", "sha256:"+strings.Repeat("0", 64))...) // a key that nobody knows
	u.expect(exitDone, "granted", hello("grant", "--permission", "release,yank", key)...)                       // yank is new
	helper.expect(exitRefused, "is there already", "publish", "init", "example:hello")
	if got := u.records("example:hello"); got != 6 {
		t.Errorf("%d records, want 6", got)
	}
	wait := regexp.MustCompile("sha256:[0-9a-f]{64}").FindString(u.expect(exitDone, "submitted", hello("release", "--version", "3.0.0", file, "--no-wait")...))
	for range 2 {
		u.expect(exitDone, "has been published", "publish", "wait", "example:hello", wait)
	}
}

// A content that the registry has lost is uploaded again by who publishes its release again.
func TestPublishAgainRestores(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	file := u.write("a.wasm", "first")
	again := []string{"publish", "release", "--name", "example:hello", "--version", "1.0.0", file}
	download := []string{"download", "example:hello", "-o", u.home + "/got.wasm"}
	u.expect(exitDone, "published version 1.0.0", again...)
	if said := u.expect(exitDone, "nothing was published", again...); strings.Contains(said, "did not have") {
		t.Errorf("nothing is lost, and it said %s", said)
	}
	lost := 0
	must(t, filepath.WalkDir(r.content, func(path string, f fs.DirEntry, err error) error {
		if err == nil && f.Type().IsRegular() {
			lost++
			err = os.Remove(path)
		}
		return err
	}))
	if lost == 0 {
		t.Fatal("no content in " + r.content)
	}
	u.expect(exitRefused, "missing from the content store", download...)
	u.expect(exitDone, "the registry did not have the content sha256:", again...)
	u.expect(exitDone, "", download...)
	u.expect(exitDone, "nothing was published", again...)
}

// A record of several entries is there already if all of it is. One of which a part is there
// is refused, and says which.
func TestSubmitAgain(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	begin := func(versions ...string) {
		u.expect(exitDone, "started", "publish", "start", "example:many")
		u.expect(exitDone, "added", "publish", "init", "example:many")
		for _, version := range versions {
			u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", version, u.write(version+".wasm", version))
		}
		u.expect(exitDone, "added", "publish", "yank", "-n", "example:many", "-v", "1.0.0", "--yes")
	}
	begin("1.0.0", "1.1.0")
	id := regexp.MustCompile("sha256:[0-9a-f]{64}").FindString(u.expect(exitDone, `"published":true`, "--json", "publish", "submit"))
	begin("1.0.0", "1.1.0")
	said := u.expect(exitDone, "nothing was published", "publish", "submit")
	if strings.Count(said, "by record `"+id) < 3 {
		t.Errorf("submitted again: %s", said)
	}
	u.expect(exitRefused, "no pending record", "publish", "list") // it is done with

	u.expect(exitDone, "started", "publish", "start", "example:many")
	u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", "1.1.0", "1.1.0.wasm")
	u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", "1.2.0", u.write("1.2.0.wasm", "1.2.0"))
	u.expect(exitRefused, "version 1.1.0 of package `example:many` is already released, with the same content: `warg publish abort`", "publish", "submit")
	u.expect(exitDone, "dropped", "publish", "abort")
	// A release that was yanked in its record, but of another content, is none.
	u.write("1.0.0.wasm", "other")
	u.expect(exitDone, "started", "publish", "start", "example:many")
	u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", "1.0.0", "1.0.0.wasm")
	u.expect(exitDone, "added", "publish", "yank", "-n", "example:many", "-v", "1.0.0", "--yes")
	u.expect(exitRefused, "already released", "publish", "submit")
	u.expect(exitDone, "dropped", "publish", "abort")
	// A key that is granted and then revoked is not granted.
	_, key := keyOf(t, newPublisher(t, r.url).expect(exitDone, "Public Key", "key", "info"))
	id = string(mustKey(t, key).ID())
	for _, verb := range []string{"grant", "revoke", "grant"} {
		argument, done := key, "granted ("
		if verb == "revoke" {
			argument, done = id, "revoked ("
		}
		u.expect(exitDone, done, "publish", verb, "-n", "example:many", argument)
		u.expect(exitDone, "nothing was published", "publish", verb, "-n", "example:many", argument)
	}
	if got := u.records("example:many"); got != 4 {
		t.Errorf("%d records, want 4", got)
	}
}

func mustKey(t *testing.T, text string) protocol.PublicKey {
	t.Helper()
	key, err := protocol.ParsePublicKey(text)
	must(t, err)
	return key
}

// A publish whose answer was lost is simply made again.
func TestPublishAgainAfterALostAnswer(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	u := newPublisher(t, r.url)
	lost := serve(t, func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/record") {
			r.handler.ServeHTTP(httptest.NewRecorder(), request)
			panic(http.ErrAbortHandler)
		}
		r.handler.ServeHTTP(w, request)
	})
	release := []string{"publish", "release", "-n", "example:lost", "-v", "1.0.0", u.write("a.wasm", "a")}
	u.expect(exitDone, "Set", "config", "--registry", lost)
	u.expect(exitRefused, "warg publish wait example:lost sha256:", release...)
	u.expect(exitDone, "Set", "config", "--registry", r.url)
	u.expect(exitDone, "version 1.0.0 of package `example:lost`", release...)
	if got := u.records("example:lost"); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
}
