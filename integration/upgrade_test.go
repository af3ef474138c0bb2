package integration

import (
	"archive/tar"
	"compress/gzip"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/integration/upgrade/manifest"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// noTimeout is an upload timeout that does not end while the data of an earlier
// version lies in the repository.
const noTimeout = "876000h"

// TestUpgradeFolder opens the data folder of an earlier version.
func TestUpgradeFolder(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "sqlite.tar.gz")
	s := startServerOn(t, dir, "--upload-timeout", noTimeout)
	checkUpgrade(t, s, dir)
	s.readByOthers(t, s.awaitNotes(t)) // it had no tiles
}

// TestUpgradeDatabase opens the databases of an earlier version: this registry's
// in MariaDB, and Trillian's own.
func TestUpgradeDatabase(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "mysql.tar.gz")
	database := mariadb.Start(t)
	registryDSN, trillianDSN := database.Database(t), database.Database(t)
	loadDump(t, registryDSN, filepath.Join(dir, "registry.sql"))
	loadDump(t, trillianDSN, filepath.Join(dir, "trillian.sql"))
	config := trillian.Config{DSN: trillianDSN}
	logServer := trillian.StartLogServer(t, config)
	trillian.StartSigner(t, config)
	s := startServerOn(t, t.TempDir(), "--upload-timeout", noTimeout, "--database-url", registryDSN, "--trillian", logServer.RPC,
		"--operator-key-file", filepath.Join(dir, "operator.key"), "--content-dir", filepath.Join(dir, "content"))
	checkUpgrade(t, s, dir)
	s.readByOthers(t, s.awaitNotes(t))
}

// TestUpgradeRebuild makes the registry's own database anew from the Trillian log
// of an earlier version. What is in no log does not come back: what was rejected
// and what waited.
func TestUpgradeRebuild(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "sqlite.tar.gz")
	if err := os.Remove(filepath.Join(dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	rebuild := exec.CommandContext(t.Context(), command(t, "warg-personality"), "rebuild", "--data-dir", dir)
	if output, err := rebuild.CombinedOutput(); err != nil {
		t.Fatalf("rebuild: %v\n%s", err, output)
	}
	u := newUpgraded(t, startServerOn(t, dir), dir)
	u.checkHistory(t)
	u.mustPublish(t, u.resume(t, "history").release(u.anyContent(t)))
	u.readByOthers(t, u.awaitNotes(t))
}

// unpack unpacks an archive of testdata/upgrade into a folder of its own.
func unpack(t *testing.T, name string) (dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "upgrade", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for files := tar.NewReader(zip); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, header.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// loadDump executes the statements of a dump.
func loadDump(t *testing.T, dsn, file string) {
	t.Helper()
	statements, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c.MultiStatements = true
	db, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), string(statements)); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// upgraded is a server on the data of an earlier version.
type upgraded struct {
	*server
	*manifest.Manifest
	key       protocol.PublicKey           // the operator's
	packages  map[string]*manifest.Package // by name
	published []*signedRecord              // so far
}

// newUpgraded reads the manifest and the operator's key from the folder with the
// data.
func newUpgraded(t *testing.T, s *server, dir string) *upgraded {
	t.Helper()
	m, err := manifest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	u := &upgraded{server: s, Manifest: m, key: operatorKey(t, dir).Public(), packages: map[string]*manifest.Package{}}
	for _, p := range m.Packages {
		u.packages[p.Name.Name()] = p
	}
	return u
}

// checkUpgrade checks that a server holds what the earlier version has published
// and promised, and goes on from there.
func checkUpgrade(t *testing.T, s *server, dir string) {
	u := newUpgraded(t, s, dir)
	// Each goes on where the one before it ends.
	_ = t.Run("the published history is the same", u.checkHistory) &&
		t.Run("what was rejected stays so", u.checkRejected) &&
		t.Run("what was under way is published", u.checkInFlight) &&
		t.Run("what waits still waits", u.checkWaiting) &&
		t.Run("what needs no content is not blocked by what waits", u.overtake) &&
		t.Run("content completes what waits", u.complete) &&
		t.Run("every package goes on", u.goOn) &&
		t.Run("it starts again, and what waits too long ends", u.restart)
}

// each calls f with each record that the earlier version has accepted.
func (u *upgraded) each(f func(p *manifest.Package, r *manifest.Record)) {
	for _, p := range u.Packages {
		for _, r := range p.Records {
			f(p, r)
		}
	}
}

func signed(p *manifest.Package, r *manifest.Record) *signedRecord {
	return &signedRecord{pkg: p.Name, id: r.ID, body: r.Body}
}

// checkHistory: the old checkpoint is signed, its leaves are those that it had,
// the log of today goes on from it, and every record, name and content reads as
// before.
func (u *upgraded) checkHistory(t *testing.T) {
	old := u.Checkpoint.Contents.Checkpoint
	if err := u.Checkpoint.Verify(u.key); err != nil {
		t.Error(err)
	}
	leaves := u.leaves(t, old.LogLength)
	var packed []byte
	for _, l := range leaves {
		packed = append(append(packed, l.LogID[:]...), l.RecordID[:]...)
	}
	if string(packed) != string(u.Leaves) {
		t.Fatalf("the first %d leaves of the log are not those that they were", old.LogLength)
	}
	if log, heads := logRoot(leaves), mapRoot(leaves); log != old.LogRoot || heads != old.MapRoot {
		t.Errorf("the leaves give roots %s and %s, the old checkpoint has %s and %s", log, heads, old.LogRoot, old.MapRoot)
	}
	heads := map[protocol.Hash]uint64{}
	for i, l := range leaves {
		heads[l.LogID] = uint64(i)
	}
	for _, i := range heads {
		u.proveHead(t, old, i, leaves[i])
	}
	var now protocol.SignedCheckpoint
	u.mustAsk(t, http.MethodGet, "/"+api.FetchCheckpointPath, nil, &now)
	if now.Contents.Checkpoint != old {
		u.proveConsistent(t, old, now.Contents.Checkpoint)
	}
	u.checkPublished(t, old.LogLength)
}

// checkPublished checks what the earlier version has published: each record at
// its index, with the bytes that it has in its log, and its contents.
func (u *upgraded) checkPublished(t *testing.T, length uint64) {
	inLog := map[protocol.Hash][]protocol.Envelope{}
	u.each(func(p *manifest.Package, r *manifest.Record) {
		if r.State != api.StatePublished {
			return
		}
		state := u.recordState(t, p.Name.String(), r.ID.String())
		if state.State != string(api.StatePublished) || state.RegistryIndex == nil || *state.RegistryIndex != r.RegistryIndex {
			t.Errorf("record %s of %s is %+v, it was published at %d", r.ID, p.Name, state, r.RegistryIndex)
		}
		envelope, err := r.Envelope()
		if err != nil {
			t.Fatal(err)
		}
		inLog[p.Name.LogID()] = append(inLog[p.Name.LogID()], envelope)
		u.checkContents(t, envelope)
		u.published = append(u.published, signed(p, r))
	})
	for logID, envelopes := range inLog {
		if got := u.fetchLog(t, length, logID); !equalEnvelopes(got, envelopes) {
			t.Errorf("log %s has %d records, want the %d that it had: %v", logID, len(got), len(envelopes), got)
		}
	}
}
