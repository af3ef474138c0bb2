package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
)

// An auditor follows a registry while its operator's key is replaced, and finds nothing. The
// key that it pins is the one with which the operator log begins, then and later; a
// checkpoint by the old key is one by a key that may not sign.
func TestAuditorFollowsRotation(t *testing.T) {
	t.Parallel()
	l := startLied(t)
	old := l.keys.Operator
	keyFile := l.flags[slices.Index(l.flags, "--operator-key-file")+1]
	oldFile := filepath.Join(t.TempDir(), "old.key")
	must(t, os.WriteFile(oldFile, []byte(old.Text()+"\n"), 0o600))

	f := l.follow(t)
	f.awaitAudited(l.server)
	fresh := addKey(t, keyFile)
	l.reload(t)
	operated(t, l.server, "key", "grant", fresh.Public().String(), "--operator-key-file", oldFile)
	l.publishMany(t, "between", 2, 3)
	f.awaitAudited(l.server)
	operated(t, l.server, "key", "revoke", string(old.Public().ID()), "--operator-key-file", keyFile)
	l.publishMany(t, "after", 2, 3)
	f.awaitAudited(l.server)
	if text := f.end(); strings.Contains(text, `"type":"finding"`) || strings.Contains(text, `"type":"failure"`) {
		t.Errorf("the follower says\n%s", text)
	}

	// Whoever begins now, or goes on, pins the key that the log begins with.
	if status, all := l.audit(t); status != 0 || len(all) > 0 {
		t.Errorf("an audit that begins now: status %d, %+v", status, all)
	}
	if status, all := l.audit(t, "--state", l.state); status != 0 || len(all) > 0 {
		t.Errorf("an audit that goes on: status %d, %+v", status, all)
	}
	l.keys.Operator = fresh
	status, all := l.audit(t)
	expect(t, status, all, "operator-key-differs")
	l.keys.Operator = old

	// The revoked key, in the hands of a thief, signs the very roots that are true.
	c := l.copy(t)
	c.Sign(c.Checkpoint(len(c.Records)), time.Now(), old)
	text, err := c.Signed.MarshalJSON()
	must(t, err)
	l.Serve("/"+api.FetchCheckpointPath, text)
	status, all = l.audit(t)
	expect(t, status, all, "checkpoint-signature")
	l.Honest()
	c.Sign(c.Checkpoint(len(c.Records)), time.Now(), fresh)
	text, err = c.Signed.MarshalJSON()
	must(t, err)
	l.Serve("/"+api.FetchCheckpointPath, text)
	if status, all := l.audit(t); status != 0 || len(all) > 0 {
		t.Errorf("the same by the new key: status %d, %+v", status, all)
	}
}

// follower is an auditor that follows a registry.
type follower struct {
	t              *testing.T
	process        *exec.Cmd
	stdout, stderr *output
}

// follow starts an auditor that follows the registry, with the state folder.
func (l *lied) follow(t *testing.T) *follower {
	t.Helper()
	args := []string{"follow", l.Liar.URL, "--json", "--interval", "100ms", "--exit-on-finding", "--state", l.state,
		"--evidence-dir", t.TempDir(), "--operator-key", l.keys.Operator.Public().String()}
	for _, key := range l.keys.Notes {
		args = append(args, "--vkey", key.VKeys()[0])
	}
	f := &follower{t: t, process: exec.Command(command(t, "warg-auditor"), args...), stdout: new(output), stderr: new(output)}
	f.process.Stdout, f.process.Stderr = f.stdout, f.stderr
	must(t, f.process.Start())
	t.Cleanup(func() {
		if f.process.ProcessState == nil {
			f.process.Process.Kill()
			f.process.Wait()
		}
	})
	return f
}

// awaitAudited waits until all that a server has published by now is audited.
func (f *follower) awaitAudited(s *server) {
	f.t.Helper()
	s.awaitNotes(f.t)
	want := fmt.Sprintf(`"records":%d,`, s.logLength(f.t))
	within(f.t, time.Minute, "the follower has audited "+want+" and says\n"+f.stdout.String()+f.stderr.String(), func() bool {
		return strings.Contains(f.stdout.String(), want)
	})
}

// end ends the follower, which must have found nothing, and returns what it said.
func (f *follower) end() string {
	f.t.Helper()
	must(f.t, f.process.Process.Signal(syscall.SIGTERM))
	if err := f.process.Wait(); err != nil {
		f.t.Errorf("the follower ended with %v: %s%s", err, f.stdout, f.stderr)
	}
	return f.stdout.String()
}
