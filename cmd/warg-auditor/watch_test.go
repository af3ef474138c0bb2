package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/tlog/tlogtest"
)

// An owner is told of each new record once, and apart from that of what he does not
// expect: of a real registry, over several processes.
func TestWatch(t *testing.T) {
	t.Parallel()
	r := openRegistry(t)
	r.release("example:hello", "1.0.0", "first")
	r.release("other:thing", "1.0.0", "thing")
	state, alerts := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "alerts")
	look := func(status int, patterns ...string) string {
		t.Helper()
		args := append([]string{"watch", r.url}, patterns...)
		args = append(args, "--once", "--state", state, "--vkey", r.vkeys[0], "--alert-command", "cat >> "+alerts)
		return expect(t, status, "", args...)
	}
	if said := look(0, "example:*"); said != "" {
		t.Errorf("what was before is told: %s", said)
	}
	r.release("example:hello", "2.0.0", "second")
	r.release("other:thing", "2.0.0", "thing")
	if said := look(0, "example:*"); strings.Count(said, "\n") != 1 || !strings.Contains(said, "example:hello: record 3, ") || !strings.Contains(said, "as 2.0.0") {
		t.Errorf("a release: %s", said)
	}
	if said := look(0, "example:*"); said != "" {
		t.Errorf("nothing is new, and told is %s", said)
	}

	second := newKey(t)
	r.publish("example:hello", nil, client.Grant(second.Public(), protocol.PermissionRelease))
	r.publishBy(second, "example:hello", []string{"third"}, client.Release("3.0.0", protocol.HashOf([]byte("third"))))
	r.publish("example:hello", nil, client.Yank("1.0.0"), client.Revoke(r.author.Public().ID(), protocol.PermissionYank))
	r.release("example:later", "1.0.0", "later")
	said := look(1, "example:*")
	for _, want := range []string{
		fmt.Sprintf("UNEXPECTED example:hello: record 5 gives key %s the permissions release: the key is not one", second.Public().ID()),
		fmt.Sprintf("UNEXPECTED example:hello: record 6 is signed by key %s", second.Public().ID()),
		"UNEXPECTED example:hello: record 7 yanks 1.0.0: no yank is expected",
		"UNEXPECTED example:hello: record 7 takes the permissions yank from key",
		"UNEXPECTED example:later: record 8 begins the package with key",
		"UNEXPECTED example:later: record 8 is signed by key",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if got := strings.Count(said, "UNEXPECTED"); got != 6 {
		t.Errorf("%d unexpected changes:\n%s", got, said)
	}
	alerted, err := os.ReadFile(alerts)
	if err != nil || strings.Count(string(alerted), "\n") != 6 || !strings.Contains(string(alerted), `{"type":"unexpected","package":"example:hello","index":7,`) {
		t.Errorf("alerts: %s, %v", alerted, err)
	}

	// Who watches more is told of what is new from now on.
	if said := look(0, "example:*", "other:thing"); said != "" {
		t.Errorf("what was before is told: %s", said)
	}
	r.release("other:thing", "3.0.0", "thing")
	r.publish("other:thing", nil, client.Yank("1.0.0"))
	if said := look(1, "example:*", "other:thing"); strings.Count(said, "UNEXPECTED") != 1 || !strings.Contains(said, "as 3.0.0") {
		t.Errorf("another package: %s", said)
	}
	if said := look(0, "other:thing"); said != "" {
		t.Errorf("fewer packages: %s", said)
	}

	// The log that was read before must be continued.
	other := openRegistry(t)
	expect(t, 1, "FOUND inconsistent in records: ", "watch", other.url, "other:thing", "--once", "--state", state)
	expect(t, 2, "", "watch", "http://127.0.0.1:1", "other:thing", "--once", "--state", state)
}

// A file says what is expected; JSON has all of it.
func TestWatchExpected(t *testing.T) {
	r := tlogtest.New(t)
	r.Init("example:a")
	second, err := protocol.GeneratePrivateKey()
	must(t, err)
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	state := filepath.Join(t.TempDir(), "state")
	expected := write(t, "expected.toml", fmt.Sprintf("keys = [%q]\n[package.\"example:a\"]\nkeys = [%q]\n[namespace.example]\nyanks = true\n",
		r.Author.Public().ID(), second.Public().ID()))
	args := []string{"watch", web.URL, "example:*", "--once", "--json", "--state", state, "--expected", expected}
	expect(t, 0, "", args...)
	r.Append("example:a", r.Next("example:a", nil, client.Grant(second.Public(), protocol.PermissionYank, protocol.PermissionRelease)))
	r.Append("example:a", r.Next("example:a", &second, client.Release("1.0.0", protocol.HashOf())))
	r.Append("example:a", r.Next("example:a", &second, client.Yank("1.0.0")))
	r.Init("example:b")
	for path, data := range r.Files() {
		files[path] = data
	}
	said := expect(t, 0, "", args...)
	if strings.Count(said, `{"type":"record"`) != 4 || strings.Contains(said, "unexpected") {
		t.Errorf("told is %s", said)
	}
	var record watchedRecord
	if err := json.Unmarshal([]byte(strings.Split(said, "\n")[0]), &record); err != nil || record.Package != "example:a" || record.Index != 2 || len(record.Changes) != 1 || record.Changes[0].Key != second.Public().ID() {
		t.Errorf("%+v, %v", record, err)
	}
	// The second key is none of example:b's, and a stranger's record breaks the rules.
	r.Append("example:b", r.Next("example:b", nil, client.Grant(second.Public(), protocol.PermissionYank)))
	stranger, err := protocol.GeneratePrivateKey()
	must(t, err)
	r.Append("example:b", r.Next("example:b", &stranger, client.Release("1.0.0", protocol.HashOf())))
	for path, data := range r.Files() {
		files[path] = data
	}
	said = expect(t, 1, "", args...)
	if strings.Count(said, `{"type":"unexpected"`) != 2 || !strings.Contains(said, "it breaks a rule of the log") || !strings.Contains(said, `"kind":"invalid"`) {
		t.Errorf("told is %s", said)
	}
}

func TestReadExpectations(t *testing.T) {
	id := protocol.HashOf().String()
	for text, want := range map[string]string{
		"keys = 7":                                "--expected",
		"key = []":                                `nothing is called "key" here`,
		"keys = [\"x\"]":                          "no key id",
		"[namespace.Example]\nkeys = []":          "no namespace",
		"[package.example]\nkeys = []":            "example",
		"[package.\"a:b\"]\nkeys = [\"sha256:\"]": "no key id",
		"[package.\"a:b\"]\nyank = true":          "nothing is called",
		"keys = [\"" + id + "\"]":                 "",
		"":                                        "",
	} {
		_, err := readExpectations(write(t, "expected.toml", text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := readExpectations("/nowhere"); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestPatterns(t *testing.T) {
	name := parseName(t, "a:b")
	for text, want := range map[string]bool{"a:b": true, "a:*": true, "a:c": false, "b:*": false} {
		var p pattern
		if err := p.UnmarshalText([]byte(text)); err != nil || p.matches(name) != want {
			t.Errorf("%s: %v, %v", text, p.matches(name), err)
		}
	}
	for _, text := range []string{"", "a", "*", "*:*", "A:*", "a:*:*", "a:b*", ":*"} {
		var p pattern
		if p.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is taken for a pattern", text)
		}
	}
}

// What was told before the network went away is not told again, and what it cut off is.
func TestWatchInterrupted(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Init("example:a")
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"watch", web.URL, "example:a", "--once", "--state", state}
	expect(t, 0, "", args...)
	for n := range 300 {
		r.Release("example:a", fmt.Sprintf("1.0.%d", n), []byte("x"))
	}
	all := r.Files()
	for path, data := range all {
		if path != "tlog/records/tile/envelopes/001.p/46" {
			files[path] = data
		}
	}
	first := expect(t, 1, "FOUND inconsistent in records: tlog/records/tile/envelopes/001.p/46", args...)
	files["tlog/records/tile/envelopes/001.p/46"] = all["tlog/records/tile/envelopes/001.p/46"]
	second := expect(t, 0, "", args...)
	for n := range 300 {
		if got := strings.Count(first+second, fmt.Sprintf("as 1.0.%d\n", n)); got != 1 {
			t.Errorf("release %d is told %d times", n, got)
		}
	}
	if !strings.Contains(first, "as 1.0.200\n") || r.Size(tlog.Records) != 302 {
		t.Error("the first look told nothing")
	}
}

// A record that breaks a rule has the date that its author gave, and none if it can not be
// read.
func TestWatchInvalidDates(t *testing.T) {
	t.Parallel()
	r := tlogtest.New(t)
	r.Init("example:a")
	r.Init("example:b")
	files := r.Files()
	web := httptest.NewServer(tlogtest.Serve(files))
	defer web.Close()
	args := []string{"watch", web.URL, "example:*", "--once", "--state", filepath.Join(t.TempDir(), "state")}
	expect(t, 0, "", args...)
	stranger := newKey(t)
	r.Append("example:a", r.Next("example:a", &stranger, client.Yank("1.0.0")))
	r.Append("example:b", (&protocol.PackageRecord{Version: 7}).Sign(stranger))
	for path, data := range r.Files() {
		files[path] = data
	}
	said := expect(t, 1, "", append(args, "--json")...)
	if strings.Contains(said, "0001") {
		t.Errorf("told is %s", said)
	}
	w := watchedRecord{Package: "example:b", Index: 4, Changes: []change{{Kind: "invalid"}}}
	if line := w.lines()[0]; !strings.HasPrefix(line, "example:b: record 4, without a date by key") {
		t.Error(line)
	}
}

// A watcher that never got an answer has not seen that nothing happened.
func TestWatchNoAnswer(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, stderr := &lines{}, &lines{}
	done := make(chan int)
	go func() {
		done <- run([]string{"watch", "http://127.0.0.1:1", "example:a", "--interval", "10ms"}, &environment{ctx, out, stderr, false})
	}()
	stderr.wait(t.Context(), "refused")
	stop()
	if status := <-done; status != exitFailed || strings.Contains(stderr.String(), "context canceled") {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}
