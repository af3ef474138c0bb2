package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/integration/tools"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// verifier is the module of the page /verify, in a process of Node. It is used by one
// goroutine at a time.
type verifier struct {
	stdin  io.Writer
	stdout *bufio.Reader
}

// verifyRequest is a request to testdata/verify/run.mjs.
type verifyRequest struct {
	Registry    string   `json:"registry"`
	Package     string   `json:"package"`
	Version     string   `json:"version,omitempty"`
	Token       string   `json:"token,omitempty"`
	OperatorKey string   `json:"operatorKey,omitempty"`
	Witnesses   []string `json:"witnesses,omitempty"`
	Browser     string   `json:"browser,omitempty"` // that remembers; "": none does
	Tabs        []string `json:"tabs,omitempty"`    // other packages, verified at the same time
	File        []byte   `json:"file,omitempty"`    // to be identified
	Content     string   `json:"content,omitempty"` // version whose content is to be fetched
}

// verifyStep is what came of a step, or of a file.
type verifyStep struct{ ID, Title, Status, Reason, Text string }

type verifyReport struct {
	Verdict  string
	Steps    []verifyStep
	Conflict *struct{ Seen, Shown string }
	Tabs     []string // verdicts
	Releases []struct{ Version, State, Text string }
	File     struct {
		verifyStep
		Versions []string
	}
	Content verifyStep
}

// newVerifier starts Node, or skips the test and says why.
func newVerifier(t *testing.T) *verifier {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not there (Debian package nodejs, 18 or newer; make tools installs it): the verifier of the page /verify was not tried")
	}
	top, err := tools.Top()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(node, filepath.Join(top, "integration", "testdata", "verify", "run.mjs"), filepath.Join(top, "personality", "web", "static", "verify.js"))
	stderr := new(output)
	process.Stderr = stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := process.Wait(); err != nil {
			t.Errorf("node: %v\n%s", err, stderr)
		}
	})
	return &verifier{stdin, bufio.NewReader(stdout)}
}

func (v *verifier) verify(t *testing.T, request verifyRequest) (report verifyReport) {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.stdin.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := v.stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &report)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return report
}

// String has a step a line.
func (r verifyReport) String() string {
	var lines strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&lines, "  %s: %s (%s): %s\n", s.ID, s.Status, s.Reason, s.Text)
	}
	return r.Verdict + "\n" + lines.String()
}

// step returns a step.
func (r verifyReport) step(t *testing.T, id string) verifyStep {
	t.Helper()
	n := slices.IndexFunc(r.Steps, func(s verifyStep) bool { return s.ID == id })
	if n < 0 {
		t.Fatalf("there is no step %s: %s", id, r)
	}
	return r.Steps[n]
}

// ticks demands that all steps hold.
func (r verifyReport) ticks(t *testing.T) {
	t.Helper()
	if r.Verdict != "verified" || slices.ContainsFunc(r.Steps, func(s verifyStep) bool { return s.Status != "ok" }) {
		t.Errorf("of an honest registry: %s", r)
	}
}

// An honest registry gives all ticks while it grows: with operator keys that are replaced,
// yanks, grants and revocations, records that wait for content, and imported namespaces.
func TestVerifyHonestRegistry(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	s := startServer(t, "--origin", origin, "--content-policy", "none", "--imported-namespace", "elsewhere=other.example.com")
	keyFile := filepath.Join(s.dataDir, "operator.key")
	first := operatorKeyOf(t, keyFile)
	a := newAuthor(t, "example:tool")
	one, two := []byte("first content"), []byte("second content")
	s.publishRelease(t, a, a.begin(), nil)
	s.publishRelease(t, a, a.release(one), one)
	s.awaitNotes(t)
	tool := verifyRequest{Registry: s.url, Package: "example:tool", Browser: "honest", OperatorKey: first.Public().String()}
	report := v.verify(t, tool)
	report.ticks(t)
	t.Logf("%s", report)

	// The registry grows by what authors and operators do.
	helper := newAuthor(t, "example:tool")
	both := []protocol.PackagePermission{protocol.PermissionRelease, protocol.PermissionYank}
	s.publishRelease(t, a, a.sign(nil, protocol.PackageEntry{Type: protocol.EntryGrantFlat, Key: helper.key.Public(), Permissions: both}), nil)
	helper.head, helper.records = a.head, a.records
	s.publishRelease(t, helper, helper.release(two), two)
	a.head, a.records = helper.head, helper.records
	s.publishRelease(t, a, a.sign(nil, protocol.PackageEntry{Type: protocol.EntryRevokeFlat, KeyID: helper.key.Public().ID(), Permissions: both}), nil)
	s.publishRelease(t, a, a.sign(nil, protocol.PackageEntry{Type: protocol.EntryYank, Version: "1.0.1"}), nil)
	waiting := a.release([]byte("nobody sends it"))
	s.mustSend(t, waiting)
	s.replaceOperatorKey(t, keyFile)
	s.publishMany(t, "other", 3, 30)
	report = v.verify(t, tool)
	report.ticks(t)
	states := map[string]string{}
	for _, r := range report.Releases {
		states[r.Version] = r.State
	}
	if len(states) != 2 || states["1.0.1"] != "yanked" || states["1.0.3"] != "released" {
		t.Errorf("the releases are %v", states)
	}

	asked := func(change func(*verifyRequest)) verifyReport {
		request := tool
		change(&request)
		return v.verify(t, request)
	}
	// Files and contents.
	report = asked(func(r *verifyRequest) { r.Version, r.File, r.Content = "1.0.3", two, "1.0.3" })
	report.ticks(t)
	if report.File.Status != "ok" || !slices.Equal(report.File.Versions, []string{"1.0.3"}) || report.Content.Status != "ok" {
		t.Errorf("the file is %+v, the content %+v", report.File, report.Content)
	}
	for want, change := range map[string]func(*verifyRequest){
		"yanked":          func(r *verifyRequest) { r.Version, r.File = "1.0.1", one },
		"other-release":   func(r *verifyRequest) { r.Version, r.File = "1.0.3", one },
		"no-release":      func(r *verifyRequest) { r.File = []byte("x") },
		"unverified":      func(r *verifyRequest) { r.Version, r.File = "9.9.9", one },
		"no-such-release": func(r *verifyRequest) { r.Version, r.Content = "1.0.3", "9.9.9" },
	} {
		report := asked(change)
		if found := []string{report.File.Reason, report.Content.Reason}; !slices.Contains(found, want) {
			t.Errorf("the file and content are %q, want %s", found, want)
		}
	}
	if got := asked(func(r *verifyRequest) { r.OperatorKey = a.key.Public().String() }).step(t, "operator-log"); got.Reason != "operator-key" {
		t.Errorf("another operator's key: %+v", got)
	}
	// What is not there is said, and is no lie of the registry.
	for name, want := range map[string]string{"example:none": "no-such-package", "nowhere:x": "no-such-package", "elsewhere:x": "imported"} {
		report := asked(func(r *verifyRequest) { r.Package = name })
		if got := report.step(t, "package-log"); report.Verdict != "absent" || got.Reason != want || report.step(t, "remembered").Status != "ok" {
			t.Errorf("%s: %s", name, report)
		}
	}
	if report := asked(func(r *verifyRequest) { r.Package = "Example:tool" }); report.step(t, "browser").Status != "failed" {
		t.Errorf("an invalid name: %s", report)
	}
}

// Tabs of one browser that verify at the same time, while the registry grows, remember what
// all of them saw.
func TestVerifyInTabs(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	l := startLied(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.publishMany(t, "more", 2, 20)
	}()
	names := []string{"example:p0", "example:p1", "example:p2", "example:p3"}
	request := verifyRequest{Registry: l.Liar.URL, Package: "example:tool", Browser: "tabs", Tabs: names}
	for growing := true; growing; {
		select {
		case <-done:
			growing = false
		default:
		}
		report := v.verify(t, request)
		if slices.ContainsFunc(append(report.Tabs, report.Verdict), func(verdict string) bool { return verdict != "verified" }) {
			t.Fatalf("tabs: %v; %s", report.Tabs, report)
		}
	}
	l.awaitNotes(t)
	c := l.copy(t)
	if err := (&liar.API{Copy: c, Shown: func(r liar.Record) bool { return !slices.Contains(names, r.Name) }}).PublishAPI(l.Liar); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := v.verify(t, verifyRequest{Registry: l.Liar.URL, Package: name, Browser: "tabs"}).step(t, "package-log"); got.Reason != "package-gone" {
			t.Errorf("%s was not remembered: %+v", name, got)
		}
	}
}

// operatorKeyOf reads the operator's key.
func operatorKeyOf(t *testing.T, file string) protocol.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.ParsePrivateKeyText(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publishRelease publishes a record, with content or without.
func (s *server) publishRelease(t *testing.T, a *author, r *signedRecord, content []byte) {
	t.Helper()
	s.mustSend(t, r)
	if content != nil {
		if status, answer := s.upload(t, r, content); status/100 != 2 {
			t.Fatalf("upload for %s: status %d: %s", a.pkg, status, answer)
		}
	}
	s.waitPublished(t, r)
}

// replaceOperatorKey has another key sign, and revokes the old one.
func (s *server) replaceOperatorKey(t *testing.T, keyFile string) {
	t.Helper()
	old := operatorKeyOf(t, keyFile)
	fresh := addKey(t, keyFile)
	s.reload(t)
	operated(t, s, "key", "grant", fresh.Public().String(), "--operator-key-file", keyFile)
	operated(t, s, "key", "revoke", string(old.Public().ID()), "--operator-key-file", keyFile)
}

// With ten thousand other packages verifying takes what it takes with few.
func TestVerifyAmongManyPackages(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	s := startServer(t, "--content-policy", "none")
	request := verifyRequest{Registry: s.url, Package: "example:tool", Browser: "many"}
	a := newAuthor(t, "example:tool")
	s.publishRelease(t, a, a.begin(), nil)
	v.verify(t, request).ticksBut(t, "note")
	s.publishMany(t, "other", 10_000, 1)
	s.publishRelease(t, a, a.release([]byte("x")), []byte("x"))
	v.verify(t, request).ticksBut(t, "note")
}

// ticksBut is ticks, but for a step that is not offered.
func (r verifyReport) ticksBut(t *testing.T, id string) {
	t.Helper()
	for i, s := range r.Steps {
		if s.ID == id && s.Status == "none" {
			r.Steps = slices.Delete(slices.Clone(r.Steps), i, i+1)
			break
		}
	}
	r.ticks(t)
}

// A private registry is verified with a token, which is asked for without.
func TestVerifyPrivateRegistry(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	tokens := filepath.Join(t.TempDir(), "tokens")
	publish, read := newToken(t, tokens, "alice"), newToken(t, tokens, "bob", "--read")
	s := startServer(t, "--tokens-file", tokens, "--origin", origin, "--content-policy", "none")
	a, content := newAuthor(t, "example:hello"), []byte("content")
	permitted := s.withToken(t, publish)
	permitted.publishRelease(t, a, a.begin(), nil)
	permitted.publishRelease(t, a, a.release(content), content)
	for _, token := range []string{"", "wrong"} {
		report := v.verify(t, verifyRequest{Registry: s.url, Package: "example:hello", Token: token, Browser: "private"})
		if report.step(t, "checkpoint").Reason != "token" {
			t.Errorf("with the token %q: %s", token, report)
		}
	}
	report := v.verify(t, verifyRequest{Registry: s.url, Package: "example:hello", Token: read, Browser: "private", Content: "1.0.1"})
	if report.Verdict != "verified" || report.Content.Status != "ok" {
		t.Errorf("with a token: %s content: %+v", report, report.Content)
	}
}

// withToken returns a server at an address where each request has a token.
func (s *server) withToken(t *testing.T, token string) *server {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return &server{url: front.URL}
}

// What the operator withholds is said with his reason, and verified.
func TestVerifyWithheld(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	l := startLied(t)
	withhold := func(args ...string) {
		t.Helper()
		args = append(append([]string{"content"}, args...), "--url", l.server.url, "--operator-key-file", l.flagged("--operator-key-file"))
		operates(t, 0, "", args...)
	}
	digest := protocol.HashOf([]byte("a")).String()
	request := verifyRequest{Registry: l.Liar.URL, Package: "example:tool", Version: "1.0.1", Browser: "withheld", File: []byte("a"), Content: "1.0.1"}
	v.verify(t, request).ticks(t)
	withhold("withhold", digest, "--reason", whyWithheld, "--reference", orderOf)
	report := v.verify(t, request)
	for _, said := range []verifyStep{report.step(t, "release"), report.File.verifyStep, report.Content} {
		if said.Status != "warning" || said.Reason != "withheld" || !strings.Contains(said.Text, whyWithheld) || !strings.Contains(said.Text, orderOf) {
			t.Errorf("of what is withheld is said %+v", said)
		}
	}
	if report.Verdict != "verified" {
		t.Errorf("%s", report)
	}

	// A registry that changes, drops or denies statements, or withholds without one.
	page := func(change func(text string) string) {
		l.ChangePath("/v1/withheld", func(body []byte) []byte { return []byte(change(string(body))) })
	}
	for want, lie := range map[string]func(){
		"withheld-chain": func() { page(func(text string) string { return strings.Replace(text, whyWithheld, "because", 1) }) },
		"withheld-rewound": func() {
			page(func(text string) string {
				var all map[string]any
				if err := json.Unmarshal([]byte(text), &all); err != nil {
					t.Error(err)
				}
				all["statements"], all["total"] = []any{}, 0
				text2, err := json.Marshal(all)
				if err != nil {
					t.Error(err)
				}
				return string(text2)
			})
		},
		"withheld-key": func() {
			other := newAuthor(t, "example:x").key.Public().ID()
			page(func(text string) string {
				return strings.Replace(text, `"keyId":"`+string(l.keys.Operator.Public().ID()), `"keyId":"`+string(other), 1)
			})
		},
		"malformed": func() {
			page(func(text string) string { return strings.Replace(text, `"sequence":0`, `"sequence":-1`, 1) })
		},
	} {
		lie()
		if got := v.verify(t, request).step(t, "withheld"); got.Reason != want {
			t.Errorf("the step is %+v, want %s", got, want)
		}
		l.Honest()
	}
	// Statements that the operator has signed for another registry, or that do not follow.
	c := l.copy(t)
	good := withheld.Statement{Origin: c.Records[0].Leaf.RecordID, Time: time.Now().UTC().Truncate(time.Second), Action: withheld.Withhold, Digest: protocol.HashOf([]byte("x")), Reason: "none"}
	for what, change := range map[string]func(s *withheld.Statement){
		"":                            func(*withheld.Statement) {},
		"it is of another registry":   func(s *withheld.Statement) { s.Origin = protocol.HashOf([]byte("other")) },
		"number 0 behind sha256:0000": func(s *withheld.Statement) { s.Previous = protocol.HashOf([]byte("other")) },
		"it does not follow":          func(s *withheld.Statement) { s.Sequence = 1 },
		"is not withheld":             func(s *withheld.Statement) { s.Action = withheld.Release },
	} {
		statement := good
		change(&statement)
		signed, err := statement.Sign(l.keys.Operator)
		if err != nil {
			t.Fatal(err)
		}
		l.Serve("/"+withheld.Path, withheld.Page{Origin: good.Origin, Total: 1, Statements: []withheld.Signed{signed}}.AppendJSON(nil))
		fresh := request
		fresh.Browser = ""
		if got := v.verify(t, fresh).step(t, "withheld"); (got.Status == "ok") != (what == "") || !strings.Contains(got.Text, what) {
			t.Errorf("the step is %+v, want %q", got, what)
		}
	}
	l.Honest()
	// The statement counts on when the key that signed it is revoked.
	l.replaceOperatorKey(t, l.flagged("--operator-key-file"))
	if report := v.verify(t, request); report.Verdict != "verified" || report.step(t, "release").Reason != "withheld" {
		t.Errorf("after the key was replaced: %s", report)
	}
	withhold("release", digest, "--reason", "the order was lifted")
	v.verify(t, request).ticks(t)
}

// flagged returns the value of a flag of the server.
func (s *server) flagged(flag string) string {
	return s.flags[slices.Index(s.flags, flag)+1]
}

// Cosignatures of witnesses that the user names are demanded.
func TestVerifyCosignatures(t *testing.T) {
	t.Parallel()
	v := newVerifier(t)
	l := startLied(t)
	good := witnesstest.NewKey("w.example/good")
	_, note := l.server.note(t, tlog.Records)
	request := verifyRequest{Registry: l.Liar.URL, Package: "example:tool", Witnesses: []string{good.VKey}}
	check := func(cosignature, reason, text string) {
		t.Helper()
		l.Serve("/"+tlog.Records.Path()+"/checkpoint", append(slices.Clone(note), cosignature...))
		if got := v.verify(t, request).step(t, "note"); got.Reason != reason || !strings.Contains(got.Text, text) {
			t.Errorf("the note is %+v, want %q with %q", got, reason, text)
		}
	}
	now := uint64(time.Now().Unix())
	check(good.Cosign(t, note, now), "", "cosigned by w.example/good")
	check("", "witness-missing", "w.example/good has not cosigned")
	check(good.Cosign(t, note, 0), "witness-missing", "")
	_, other := l.server.note(t, tlog.Checkpoints)
	check(good.Cosign(t, other, now), "witness-missing", "")
	request.Witnesses = []string{good.VKey[:len(good.VKey)-1] + "A"}
	check(good.Cosign(t, note, now), "malformed", "")
	request.Witnesses = nil
	check(good.Cosign(t, note, now), "", "1 more signature")
}
