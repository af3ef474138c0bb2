package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/liar"
	"github.com/warg-trillian/warg-trillian/integration/vectortest"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness/witnesstest"
)

// lied is a registry, its operator's keys, and a liar in front of it.
type lied struct {
	*server
	keys liar.Keys
	*liar.Liar
	state string // folder of the auditor
}

// startLied starts a registry with some packages, one of which has a release.
func startLied(t *testing.T, flags ...string) *lied {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "operator.key")
	if err := os.WriteFile(keyFile, []byte(key.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Several records share a checkpoint, however slow the machine is.
	flags = append([]string{"--origin", origin, "--content-policy", "none", "--checkpoint-interval", "500ms", "--operator-key-file", keyFile}, flags...)
	l := &lied{server: startServer(t, flags...), state: t.TempDir()}
	l.keys = liar.Keys{Operator: key, Notes: map[tlog.Log]*tlog.NoteKey{}}
	for _, log := range tlog.Logs {
		text, err := os.ReadFile(filepath.Join(l.dataDir, string(log)+"-note.key"))
		if err == nil {
			l.keys.Notes[log], err = tlog.ParseNoteKey(string(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a := newAuthor(t, "example:tool")
	for n := range 3 {
		content := []byte{byte('a' + n)}
		if n == 0 {
			l.mustSend(t, a.begin())
		}
		r := a.release(content)
		l.mustSend(t, r)
		l.server.upload(t, r, content)
		l.waitPublished(t, r)
	}
	l.publishMany(t, "p", 4, 80) // more than a tile
	l.awaitNotes(t)
	l.Liar = liar.Start(t, l.server.url)
	return l
}

// copy copies the logs of the registry.
func (l *lied) copy(t *testing.T) *liar.Copy {
	t.Helper()
	c, err := liar.CopyOf(t.Context(), l.server.url, l.keys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// publish has the liar serve a changed copy.
func (l *lied) publish(t *testing.T, c *liar.Copy) {
	t.Helper()
	if err := c.Publish(l.Liar); err != nil {
		t.Fatal(err)
	}
}

// found is what the auditor says of a finding.
type found struct {
	Type, Name, Rule string
	Evidence         string // file
}

// audit runs the auditor, and returns its exit status and findings with their evidence.
func (l *lied) audit(t *testing.T, args ...string) (status int, all []found) {
	t.Helper()
	dir := t.TempDir()
	args = append([]string{"audit", l.Liar.URL, "--json", "--evidence-dir", dir, "--operator-key", l.keys.Operator.Public().String()}, args...)
	for _, key := range l.keys.Notes {
		args = append(args, "--vkey", key.VKeys()[0])
	}
	cmd := exec.CommandContext(t.Context(), command(t, "warg-auditor"), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status, err = exit.ExitCode(), nil
	}
	if err != nil || status > 1 {
		t.Fatalf("warg-auditor %s: status %d, %v: %s\n%s", args[0], status, err, stderr.Bytes(), output)
	}
	for line := range bytes.Lines(output) {
		var f found
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if f.Type != "finding" {
			continue
		}
		all = append(all, f)
		if f.Evidence != "" {
			l.checkEvidence(t, f.Evidence)
		}
	}
	return status, all
}

// checkEvidence demands that `check` takes evidence, and none with a byte changed.
func (l *lied) checkEvidence(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) bool {
		file := filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.CommandContext(t.Context(), command(t, "warg-auditor"), "check", file).Run() == nil
	}
	if !check(text) {
		t.Errorf("check does not take the evidence %s", path)
	}
	for _, at := range []int{len(text) / 3, len(text) / 2, len(text) - 20} {
		changed := bytes.Clone(text)
		if changed[at]++; changed[at] == '"' || changed[at] == '\\' {
			changed[at]++
		}
		if check(changed) {
			t.Errorf("check takes evidence with byte %d changed: %s", at, path)
		}
	}
}

// expect demands that the auditor finds something, with evidence.
func expect(t *testing.T, status int, all []found, name string) {
	t.Helper()
	n := slices.IndexFunc(all, func(f found) bool { return f.Name == name })
	switch {
	case status != 1 || n < 0:
		t.Errorf("status %d, found %+v; want %s", status, names(all), name)
	case all[n].Evidence == "":
		t.Errorf("%s has no evidence", name)
	}
}

func names(all []found) (names []string) {
	for _, f := range all {
		names = append(names, strings.TrimSuffix(f.Name+" "+f.Rule, " "))
	}
	return names
}

// An honest registry gives no finding, whole or with a state, while it publishes and
// across restarts.
func TestAuditOfAnHonestRegistry(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	for range 3 {
		if status, all := l.audit(t, "--content", "--state", l.state); status != 0 || len(all) > 0 {
			t.Errorf("status %d, found %v", status, names(all))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.publishMany(t, "more"+strings.ToLower(time.Now().Format("Jan02150405")), 3, 20)
		}()
		for publishing := true; publishing; {
			select {
			case <-done:
				publishing = false
			default:
			}
			if status, all := l.audit(t, "--state", l.state); status != 0 || len(all) > 0 {
				t.Errorf("while it publishes: status %d, found %v", status, names(all))
			}
		}
		l.kill(t)
		l.start(t)
	}
	if status, all := l.audit(t, "--content"); status != 0 || len(all) > 0 {
		t.Errorf("anew: status %d, found %v", status, names(all))
	}
}

// Each lie is found by its name.
func TestLyingRegistries(t *testing.T) {
	t.Parallel()
	for what, lie := range lies {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := startLied(t)
			args := append([]string{"--state", l.state}, lie.args...)
			if lie.known {
				if status, all := l.audit(t, args...); status != 0 {
					t.Fatalf("before it lies: status %d, found %v", status, names(all))
				}
			}
			lie.tell(t, l)
			status, all := l.audit(t, args...)
			expect(t, status, all, lie.want)
		})
	}
}

// A log that is shown to two sides in two ways.
func TestSplitView(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	c := l.copy(t)
	fork(t, c)
	l.publish(t, c)
	other := liar.Start(t, l.server.url)
	status, all := l.audit(t, "--also", other.URL)
	expect(t, status, all, "log-forked")
}

// Every rule of a package log: the first record that breaks one is found in the log.
func TestInvalidRecordsOfEveryRule(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	rules := map[string]bool{}
	for n, sequence := range invalidSequences(t) {
		c := l.copy(t)
		for _, envelope := range sequence {
			c.Append("example:invalid", envelope)
		}
		c.Cover()
		l.publish(t, c)
		status, all := l.audit(t)
		expect(t, status, all, "invalid-record")
		for _, f := range all {
			rules[f.Rule] = true
		}
		if t.Failed() {
			t.Fatalf("sequence %d", n)
		}
	}
	t.Logf("%d rules", len(rules))
	if len(rules) < 10 {
		t.Errorf("rules: %v", rules)
	}
}

// invalidSequences are the golden sequences of records of which the last is invalid, one
// for each error of the reference.
func invalidSequences(t *testing.T) (all [][]protocol.Envelope) {
	t.Helper()
	var file struct {
		Cases []struct {
			Valid   bool
			Variant string `json:"error_variant"`
			Failed  int    `json:"failed_index"`
			Records []struct{ Envelope json.RawMessage }
		}
	}
	vectortest.Shared(t, "package_logs.json", &file)
	seen := map[string]bool{}
	for _, c := range file.Cases {
		if c.Valid || seen[c.Variant] {
			continue
		}
		seen[c.Variant] = true
		var sequence []protocol.Envelope
		for _, r := range c.Records[:c.Failed+1] {
			var envelope protocol.Envelope
			if err := envelope.UnmarshalJSON(r.Envelope); err != nil {
				sequence = nil // it is no record at all
				break
			}
			sequence = append(sequence, envelope)
		}
		if len(sequence) > 0 {
			all = append(all, sequence)
		}
	}
	return all
}

// Cosignatures are verified by the policy, and what is wrong with them is named.
func TestLyingCosignatures(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	good, stranger := witnesstest.NewKey("w.example/good"), witnesstest.NewKey("w.example/stranger")
	policy := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(policy, []byte("witness good "+good.VKey+"\nquorum good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	notes := map[tlog.Log][]byte{}
	for _, log := range tlog.Logs {
		_, notes[log] = l.server.note(t, log)
	}
	now := uint64(time.Now().Unix())
	serve := func(cosign func(log tlog.Log) string) {
		for log, note := range notes {
			l.Serve("/"+log.Path()+"/checkpoint", append(bytes.Clone(note), cosign(log)...))
		}
	}
	serve(func(log tlog.Log) string { return good.Cosign(t, notes[log], now) })
	if status, all := l.audit(t, "--policy", policy); status != 0 {
		t.Errorf("cosigned: status %d, found %v", status, names(all))
	}
	for want, cosign := range map[string]func(log tlog.Log) string{
		"cosignature-time-zero":   func(log tlog.Log) string { return good.Cosign(t, notes[log], 0) },
		"cosignature-by-stranger": func(log tlog.Log) string { return stranger.Cosign(t, notes[log], now) },
		"cosignature-from-future": func(log tlog.Log) string { return good.Cosign(t, notes[log], now+86400) },
		"cosignature-quorum":      func(tlog.Log) string { return "" },
		"cosignature-other-origin": func(log tlog.Log) string {
			if log == tlog.Records {
				return good.Cosign(t, notes[tlog.Checkpoints], now)
			}
			return good.Cosign(t, notes[tlog.Records], now)
		},
	} {
		serve(cosign)
		status, all := l.audit(t, "--policy", policy)
		expect(t, status, all, want)
	}
}
