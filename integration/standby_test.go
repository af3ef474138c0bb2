package integration

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// keyFiles are what a registry is known by.
var keyFiles = []string{"operator.key", "records-note.key", "checkpoints-note.key"}

// publicKey is the operator key of a registry, which made it itself.
func (s *server) publicKey(t *testing.T) string { return s.privateKey(t).Public().String() }

func (s *server) privateKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dataDir, "operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.ParsePrivateKey(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// startStandby starts the standby of a registry in a folder.
func startStandby(t *testing.T, dir string, of *server, flags ...string) *server {
	t.Helper()
	s := &server{dataDir: dir, verb: "standby", flags: append(flags, "--of", of.url, "--of-key", of.publicKey(t))}
	s.startIn(t)
	return s
}

func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range keyFiles {
		text, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), text, 0o600))
	}
}

// length is the length of the newest checkpoint; 0 while there is none.
func (s *server) length(t *testing.T) uint64 {
	t.Helper()
	_, body := askFor(t, s.url, "")
	var c protocol.SignedCheckpoint
	if c.UnmarshalJSON(body) != nil {
		return 0
	}
	return c.Contents.LogLength
}

func (s *server) awaitAtLeast(t *testing.T, length uint64) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); s.length(t) < length; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the standby has %d records, want %d", s.length(t), length)
		}
	}
}

// load posts records of new packages until it is ended or the registry is gone, and tells
// which were acknowledged.
func (s *server) loadUntilGone(t *testing.T, prefix string, authors int) (acknowledged func() []*signedRecord, done *sync.WaitGroup) {
	var mu sync.Mutex
	var acked []*signedRecord
	done = new(sync.WaitGroup)
	for i := range authors {
		done.Go(func() {
			for n := 0; ; n++ {
				r := newAuthor(t, "example:"+prefix+word(i)+"-"+word(n)).begin()
				status, _, err := request(context.Background(), http.MethodPost, s.url+"/"+api.PublishRecordPath(r.pkg.LogID()), "application/json", bytes.NewReader(r.body))
				if err != nil {
					return
				}
				if status == http.StatusAccepted {
					mu.Lock()
					acked = append(acked, r)
					mu.Unlock()
				}
			}
		})
	}
	return func() []*signedRecord {
		mu.Lock()
		defer mu.Unlock()
		return acked[:len(acked):len(acked)]
	}, done
}

// word is a number in letters, as names have them.
func word(n int) string {
	if n < 26 {
		return string(rune('a' + n))
	}
	return word(n/26-1) + string(rune('a'+n%26))
}

// promote runs the command.
func promote(t *testing.T, standby, old *server, flags ...string) (said string, ok bool) {
	t.Helper()
	args := append([]string{"promote", "--data-dir", standby.dataDir, "--of", old.url}, flags...)
	output, err := exec.CommandContext(t.Context(), command(t, "warg-personality"), args...).CombinedOutput()
	return string(output), err == nil
}

// The drill of the operations page, under load, with witnesses: the registry is killed; the
// standby is refused while a witness has seen more than it holds; and once it is promoted,
// nothing that was published and that it held is lost, and what was acknowledged is there or
// named.
func TestStandbyDrill(t *testing.T) {
	t.Parallel()
	old := startWitnessed(t, 2)
	policy := old.policy(t, 2)
	standby := startStandby(t, t.TempDir(), old.server)
	acknowledged, loading := old.loadUntilGone(t, "load-", 4)
	for deadline := time.Now().Add(2 * startTimeout); standby.length(t) < 200; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the standby has %d records while the registry is under load", standby.length(t))
		}
	}
	old.kill(t)
	loading.Wait()
	held := standby.length(t)
	standby.stop(t)
	copyKeys(t, old.dataDir, standby.dataDir)
	flags := append([]string{"--old-data-dir", old.dataDir}, old.flags...)
	said, ok := promote(t, standby, old.server, flags...)
	if !ok {
		// A witness has seen more than the standby, or the standby was about to log the
		// checkpoint that it has: the registry has to come back until the standby has it.
		if !strings.Contains(said, "was not promoted") && !strings.Contains(said, "checkpoints log up to") {
			t.Fatalf("promote: %s", said)
		}
		size, err := old.witnesses[0].Size(origin + "/" + tlog.Records.Path())
		if must(t, err); size <= held && strings.Contains(said, "w.example/lite, about the records log") {
			t.Errorf("refused for a witness that has cosigned %d records, and the standby holds %d: %s", size, held, said)
		}
		old.start(t)
		standby.start(t)
		standby.awaitAtLeast(t, old.logLength(t))
		held = standby.length(t)
		time.Sleep(2 * time.Second) // the note of what it has comes later
		standby.stop(t)
		if said, ok := promote(t, standby, old.server, old.flags...); ok || !strings.Contains(said, "still answers") {
			t.Fatalf("promoted beside the registry that runs: %s", said)
		}
		old.kill(t)
		if said, ok = promote(t, standby, old.server, flags...); !ok {
			t.Fatalf("promote: %s", said)
		}
	}

	renewed := &server{dataDir: standby.dataDir, url: old.url, flags: old.flags}
	renewed.startIn(t)
	if got := renewed.logLength(t); got < held {
		t.Errorf("it has %d records, and the standby held %d", got, held)
	}
	missing := 0
	for _, r := range acknowledged() {
		status, _, err := request(t.Context(), http.MethodGet, renewed.url+r.path(), "", nil)
		must(t, err)
		named := strings.Contains(said, r.id.String())
		if (status == http.StatusOK) == named {
			t.Errorf("record %s of %s: status %d, and named as lost: %v", r.id, r.pkg, status, named)
		}
		if named {
			missing++
		}
	}
	t.Logf("%d records were acknowledged, %d of them are lost and named; the standby held %d", len(acknowledged()), missing, held)
	r := newAuthor(t, "example:after").begin()
	renewed.mustSend(t, r)
	renewed.waitPublished(t, r)
	auditAt(t, renewed.url)
	after := &witnessed{server: renewed, policyFile: old.policyFile, witnesses: old.witnesses}
	after.awaitCosigned(t, tlog.Records, renewed.logLength(t), policy, 2)
}

// A standby that lacks what a witness has cosigned is not promoted when the registry is gone
// for good, unless its operator says so.
func TestStandbyBehindAWitness(t *testing.T) {
	t.Parallel()
	old := startWitnessed(t, 2)
	policy := old.policy(t, 2)
	old.publishMany(t, "early", 2, 3)
	standby := startStandby(t, t.TempDir(), old.server)
	standby.awaitAtLeast(t, old.logLength(t))
	standby.stop(t)
	old.publishMany(t, "late", 2, 3)
	old.awaitCosigned(t, tlog.Records, old.logLength(t), policy, 2)
	old.kill(t)
	copyKeys(t, old.dataDir, standby.dataDir)
	said, ok := promote(t, standby, old.server, old.flags...)
	if ok || !strings.Contains(said, "a witness has seen more than is here") || !strings.Contains(said, "--lose-what-is-newer") {
		t.Fatalf("promoted behind a witness: %s", said)
	}
	if said, ok = promote(t, standby, old.server, append([]string{"--lose-what-is-newer", "--old-data-dir", old.dataDir}, old.flags...)...); !ok || strings.Count(said, "lost: ") != 6 {
		t.Errorf("with the flag: %s", said)
	}
}

// On MariaDB and Trillian's own servers, a mirror and a standby work as they do in one
// process, beside each other in one Trillian; and the standby becomes the registry.
func TestMirrorAndStandbyOnTheStack(t *testing.T) {
	t.Parallel()
	old := startServer(t)
	old.publishMany(t, "p", 3, 100)
	u := &upstream{old, strings.TrimPrefix(old.url, "http://"), old.privateKey(t)}
	c := startCluster(t, 0)
	stack := func(dsn string) []string { return []string{"--database-url", dsn, "--trillian", c.logServer.RPC} }
	dsnFile := filepath.Join(t.TempDir(), "dsn")
	must(t, os.WriteFile(dsnFile, []byte(c.database.Database(t)+"\n"), 0o600))
	home := startServer(t, append(stack(c.registryDSN), "--registries-file", registriesFile(t, u.entry("mode: mirror", "interval: 1s", "database-url-file: "+dsnFile)))...)
	place := stack(c.database.Database(t))
	standby := startStandby(t, t.TempDir(), old, place...)
	length := old.logLength(t)
	awaitMirror(t, home, u)
	awaitMirroredNote(t, home, u, length)
	if report := auditAt(t, home.url+"/registries/"+u.domain); report.Records != length {
		t.Errorf("the audit of the mirror has %d records, want %d", report.Records, length)
	}
	standby.awaitAtLeast(t, length)
	home.stop(t)
	old.stop(t)
	standby.stop(t)
	copyKeys(t, old.dataDir, standby.dataDir)
	if said, ok := promote(t, standby, old, place...); !ok {
		t.Fatalf("promote: %s", said)
	}
	renewed := &server{dataDir: standby.dataDir, url: old.url, flags: place}
	renewed.startIn(t)
	if got := renewed.logLength(t); got != length {
		t.Errorf("it has %d records, and the old one had %d", got, length)
	}
	r := newAuthor(t, "example:after").begin()
	renewed.mustSend(t, r)
	renewed.waitPublished(t, r)
	auditAt(t, renewed.url)
}
