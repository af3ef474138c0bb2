package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/personality"
	"github.com/warg-trillian/warg-trillian/personality/outbound"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// withhold has the operator of a registry withhold a content, or release it.
func (r *registry) withhold(t *testing.T, action withheld.Action, content string) {
	t.Helper()
	c, err := client.New(r.url, client.Options{})
	must(t, err)
	chain, _, _, err := c.Withheld(t.Context())
	must(t, err)
	s := withheld.Statement{Time: time.Now().UTC().Truncate(time.Second), Action: action, Digest: protocol.HashOf([]byte(content)), Reason: "by order of a court", Reference: "https://example.com/order"}
	signed, err := chain.Next(s).Sign(r.key)
	must(t, err)
	must(t, c.PostStatement(t.Context(), signed))
}

// Whoever asks for what is withheld learns why, and whether the operator has signed that.
func TestWithheld(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	f := newFront(t, r)
	author, reader := newPublisher(t, r.url), newUser(t)
	author.release("example:hello", "1.0.0", "first")
	author.release("example:hello", "1.1.0", "second")
	r.withhold(t, withheld.Withhold, "second")
	reader.expect(exitDone, "Set", "config", "--registry", f.url)

	const why = "by order of a court (https://example.com/order)"
	failed := func(status int, signed bool, says string) {
		t.Helper()
		stdout := reader.expect(status, says, "download", "example:hello", "-o", "got.wasm", "--json")
		var answer failure
		must(t, json.Unmarshal([]byte(stdout), &answer))
		if w := answer.Withheld; w == nil || w.Signed != signed || !strings.Contains(w.Reason, "by order of a court") || signed && w.Reference != "https://example.com/order" || answer.Status != status {
			t.Errorf("%s", stdout)
		}
	}
	failed(exitRefused, true, "is withheld by the registry: "+why+"; its operator has signed so on ")
	reader.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:hello@1.0.0", "-o", "got.wasm")

	info := reader.expect(exitDone, "Package: example:hello", "info", "example:hello")
	if !regexp.MustCompile(`1\.1\.0 \(sha256:[0-9a-f]{64}\)\n    WITHHELD by the registry since \d{4}-\d\d-\d\d: by order of a court \(https://example.com/order\)\n    released`).MatchString(info) || strings.Count(info, "WITHHELD") != 1 {
		t.Errorf("info says\n%s", info)
	}
	shown := reader.expect(exitDone, `"withheld":{"signed":true,"since":"`, "info", "example:hello", "--json")
	if strings.Count(shown, `"withheld"`) != 1 {
		t.Errorf("info says %s", shown)
	}
	reader.write("second.wasm", "second")
	reader.expect(exitDone, "  WITHHELD by the registry since", "verify", "second.wasm", "--package", "example:hello")
	reader.expect(exitDone, `"withheld":{"signed":true`, "verify", "second.wasm", "--json")

	// A list that does not hold, and one that is left out.
	f.lie(func(path string, answer []byte) []byte {
		if path != withheld.Path {
			return answer
		}
		return []byte(strings.Replace(string(answer), "by order of a court", "by order of the king", 1))
	})
	reader.unproved("withheld content", "signature", "info", "example:hello")
	reader.unproved("withheld content", "signature", "verify", "second.wasm")
	failed(exitUnverified, false, "withheld content")
	f.lie(func(path string, answer []byte) []byte {
		if path != withheld.Path {
			return answer
		}
		return []byte(`{"origin":"` + protocol.HashOf(nil).String() + `","total":0,"statements":[]}`)
	})
	failed(exitRefused, false, "NOT verified: no signed statement of the operator says so")
	reader.expect(exitDone, "WITHHELD, as the registry says, which nobody has signed", "info", "example:hello")

	f.honest()
	r.withhold(t, withheld.Release, "second")
	reader.expect(exitDone, "Downloaded version: 1.1.0", "download", "example:hello", "-o", "got.wasm")
	if info := reader.expect(exitDone, "Package", "info", "example:hello"); strings.Contains(info, "WITHHELD") {
		t.Errorf("info says\n%s", info)
	}
}

// A release can name where its content is; the digest is that of the file, or of --digest.
func TestContentSources(t *testing.T) {
	t.Parallel()
	key, err := protocol.GeneratePrivateKey()
	must(t, err)
	fetching := openRegistryWith(t, key, func(o *personality.Options) {
		o.Sources, o.Outbound = personality.CopySources, outbound.Options{AllowPrivate: true, AllowHTTP: true}
		o.Admission.FetchTimeout = time.Minute
	})
	var asked atomic.Int32
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Write([]byte(strings.TrimPrefix(r.URL.Path, "/")))
	}))
	t.Cleanup(host.Close)
	u := newPublisher(t, fetching.url)
	release := func(version string, more ...string) []string {
		return append([]string{"publish", "release", "-n", "example:hello", "-v", version}, more...)
	}
	digest := func(content string) string { return protocol.HashOf([]byte(content)).String() }
	fetched := func(status int, says string, times int32, args ...string) {
		t.Helper()
		before := asked.Load()
		u.expect(status, says, args...)
		if n := asked.Load() - before; n != times {
			t.Errorf("warg %s: the source was asked %d times, want %d", strings.Join(args, " "), n, times)
		}
	}
	file := u.write("a.wasm", "a")
	fetched(exitDone, "published version 1.0.0", 1, release("1.0.0", file, "--content-source", host.URL+"/a")...)
	fetched(exitDone, "published version 1.1.0", 1, release("1.1.0", "--digest", digest("b"), "--content-source", host.URL+"/b")...)
	fetched(exitDone, "published version 1.2.0", 0, release("1.2.0", "--digest", digest("a"))...) // the registry has it
	u.expect(exitDone, "Downloaded version: 1.1.0", "download", "example:hello@1.1.0", "-o", "got.wasm")
	if got := u.read("got.wasm"); got != "b" {
		t.Errorf("downloaded %q", got)
	}

	// What the source does not give is uploaded, or is an error.
	other := u.write("c.wasm", "c")
	fetched(exitDone, "the file is uploaded: ", 1, release("1.3.0", other, "--content-source", host.URL+"/else")...)
	u.expect(exitDone, "Downloaded version: 1.3.0", "download", "example:hello@1.3.0", "-o", "got.wasm")
	fetched(exitRefused, "could not fetch it from the sources that were named", 1, release("1.4.0", "--digest", digest("d"), "--content-source", host.URL+"/else")...)

	// So it is in a record of several entries.
	u.expect(exitDone, "started", "publish", "start", "example:many")
	u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", "1.0.0", "--digest", digest("m"), "--content-source", host.URL+"/m")
	u.expect(exitDone, "added", "publish", "release", "-n", "example:many", "-v", "1.1.0", file)
	u.expect(exitDone, `"contentSources":["`+host.URL+`/m"]`, "publish", "list", "--json")
	fetched(exitDone, "published version 1.0.0", 1, "publish", "submit")

	for _, wrong := range []struct {
		says string
		args []string
	}{
		{"either the file to release or its --digest", nil},
		{"either the file to release or its --digest", []string{file, "--digest", digest("a")}},
		{"is not sha256:<64 hex digits>", []string{"--digest", "sha256:0"}},
		{"is not an http or https URL", []string{file, "--content-source", "/a"}},
		{"user name or password", []string{file, "--content-source", "https://u:p@example.com/a"}},
	} {
		u.expect(exitUsage, wrong.says, release("2.0.0", wrong.args...)...)
	}

	// A registry that fetches nothing gets the file.
	u = newPublisher(t, openRegistry(t).url)
	u.write("a.wasm", "a")
	fetched(exitDone, "specifying content sources is not supported", 0, release("1.0.0", file, "--content-source", host.URL+"/a")...)
	u.expect(exitDone, "Downloaded version: 1.0.0", "download", "example:hello", "-o", "got.wasm")
	fetched(exitRefused, "specifying content sources is not supported", 0, release("1.1.0", "--digest", digest("b"), "--content-source", host.URL+"/b")...)
	u.expect(exitRefused, "it was not given", release("1.1.0", "--digest", digest("b"))...)
}
