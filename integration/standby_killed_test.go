package integration

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killedPromotions is how often a promotion is killed.
func killedPromotions() int {
	if thorough {
		return 24
	}
	return 4
}

// lostRegistry is a registry that is gone, with a standby that has all of it, and what an
// auditor has seen of it.
type lostRegistry struct {
	old     *server
	standby string // its data folder, with the keys
	audited string // state folder of the auditor
	length  uint64
}

func loseRegistry(t *testing.T) *lostRegistry {
	t.Helper()
	l := &lostRegistry{old: startServer(t), standby: t.TempDir(), audited: filepath.Join(t.TempDir(), "state")}
	l.old.publishMany(t, "p", 3, 100)
	l.length = l.old.logLength(t)
	standby := startStandby(t, l.standby, l.old)
	standby.awaitAtLeast(t, l.length)
	l.audit(t, l.audited)
	standby.stop(t)
	l.old.stop(t)
	copyKeys(t, l.old.dataDir, l.standby)
	return l
}

// audit audits what is at the address of the registry, with a state folder.
func (l *lostRegistry) audit(t *testing.T, state string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), command(t, "warg-auditor"), "audit", l.old.url, "--state", state).CombinedOutput()
	if err != nil {
		t.Errorf("the audit: %v: %s", err, output)
	}
}

// copyOf is a copy of a folder.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(to, os.DirFS(dir)))
	must(t, os.Chmod(to, 0o700))
	for _, name := range keyFiles { // CopyFS makes files that all can read, as far as the umask lets it
		if err := os.Chmod(filepath.Join(to, name), 0o600); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return to
}

// checkServes serves the registry from a folder: it has all that was, for an auditor that
// remembers it, and goes on.
func (l *lostRegistry) checkServes(t *testing.T, dir string) {
	t.Helper()
	renewed := &server{dataDir: dir, url: l.old.url}
	renewed.startIn(t)
	if got := renewed.logLength(t); got != l.length {
		t.Errorf("it has %d records, and the old one had %d", got, l.length)
	}
	r := newAuthor(t, "example:after").begin()
	renewed.mustSend(t, r)
	renewed.waitPublished(t, r)
	l.audit(t, copyOf(t, l.audited))
	renewed.stop(t)
}

// A promotion that is killed at any moment is ended by running it again; until then nobody
// serves the folder, and it follows nobody.
func TestPromoteIsKilled(t *testing.T) {
	t.Parallel()
	l := loseRegistry(t)
	whole := copyOf(t, l.standby)
	begun := time.Now()
	if said, ok := promote(t, &server{dataDir: whole}, l.old); !ok {
		t.Fatalf("promote: %s", said)
	}
	limit := time.Since(begun)
	l.checkServes(t, whole)
	stopped := map[string]int{}
	for n := range killedPromotions() {
		dir := copyOf(t, l.standby)
		for range 1 + n%2 {
			l.killPromotion(t, dir, time.Duration(rand.Int64N(int64(limit))))
		}
		at := l.refused(t, dir)
		if stopped[at]++; at == "ended" {
			limit = limit * 7 / 10 // to where there is something to kill
		} else {
			limit = limit * 11 / 10
		}
		if at == "begun" { // the old registry comes back meanwhile
			l.old.start(t)
			if said, ok := promote(t, &server{dataDir: dir}, l.old); ok || !strings.Contains(said, "still answers") {
				t.Fatalf("promoted beside the old registry: %s", said)
			}
			l.old.stop(t)
		}
		if said, ok := promote(t, &server{dataDir: dir}, l.old); !ok && !(at == "ended" && strings.Contains(said, "no standby")) {
			t.Fatalf("killed %d times, it does not end (%s): %s", 1+n%2, at, said)
		}
		if n%3 == 0 {
			l.checkServes(t, dir)
		}
	}
	t.Logf("killed within %v, where the promotions were: %v", limit, stopped)
	if stopped["standby"]+stopped["begun"] == 0 {
		t.Error("none was killed before its end")
	}
}

func (l *lostRegistry) killPromotion(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	process := exec.Command(command(t, "warg-personality"), "promote", "--data-dir", dir, "--of", l.old.url)
	must(t, process.Start())
	time.Sleep(after)
	process.Process.Kill()
	process.Wait()
}

// refused tells how far a promotion in a folder is: while it has not ended, the folder is
// served by nobody, but as the standby that it may still be.
func (l *lostRegistry) refused(t *testing.T, dir string) string {
	t.Helper()
	output, err := exec.Command(command(t, "warg-personality"), "rebuild", "--data-dir", dir).CombinedOutput()
	switch said := string(output); {
	case strings.Contains(said, "this is a standby"):
		return "standby"
	case strings.Contains(said, "interrupted: run it again"):
		return "begun"
	case err == nil:
		return "ended"
	default:
		t.Errorf("rebuild: %v: %s", err, said)
		return "broken"
	}
}

// Of two promotions of a folder at the same time one ends it, or both do; the other is told.
func TestPromoteTwiceAtOnce(t *testing.T) {
	t.Parallel()
	l := loseRegistry(t)
	for range 2 {
		dir := copyOf(t, l.standby)
		var said [2]string
		var ok [2]bool
		done := make(chan int, 2)
		for i := range said {
			go func() {
				output, err := exec.Command(command(t, "warg-personality"), "promote", "--data-dir", dir, "--of", l.old.url).CombinedOutput()
				said[i], ok[i] = string(output), err == nil
				done <- i
			}()
		}
		<-done
		<-done
		for i := range said {
			if !ok[i] && !strings.Contains(said[i], "in use by another process") && !strings.Contains(said[i], "no standby") {
				t.Errorf("promote: %s", said[i])
			}
		}
		if !ok[0] && !ok[1] {
			if again, ok := promote(t, &server{dataDir: dir}, l.old); !ok {
				t.Fatalf("neither ends, and once more: %s", again)
			}
		}
		l.checkServes(t, dir)
	}
}
