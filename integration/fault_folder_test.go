package integration

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// refusedStart runs a server that must not start, and returns what it wrote to
// standard error: one line, beside what it logs.
func refusedStart(t *testing.T, environment []string, flags ...string) string {
	t.Helper()
	process := exec.CommandContext(t.Context(), command(t, "warg-personality"),
		append([]string{"serve", "--listen", "127.0.0.1:0", "--namespace", "example"}, flags...)...)
	process.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	giveUp := time.AfterFunc(startTimeout, func() { process.Process.Kill() })
	defer giveUp.Stop()
	var exit *exec.ExitError
	if err := process.Run(); !errors.As(err, &exit) || !exit.Exited() || exit.ExitCode() == 0 {
		t.Fatalf("serve %q ended with %v, want an exit status other than 0; it wrote %s%s", flags, err, &stdout, &stderr)
	}
	if stdout.Len() > 0 {
		t.Errorf("a server that does not start printed %q", &stdout)
	}
	var errorLines []string
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "time=") {
			errorLines = append(errorLines, line)
		}
	}
	if len(errorLines) != 1 {
		t.Errorf("a server that does not start said %d lines, want one: %q", len(errorLines), errorLines)
	}
	return strings.Join(errorLines, "")
}

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// publishOne publishes a package with one release, whose content is new.
func (s *server) publishOne(t *testing.T, packageName string) []*signedRecord {
	t.Helper()
	a := newAuthor(t, packageName)
	records := []*signedRecord{a.begin(), a.release(module(packageName))}
	s.mustSend(t, records...)
	if status, answer := s.upload(t, records[1], records[1].content); status != 201 {
		t.Fatalf("uploading: status %d: %s", status, answer)
	}
	s.waitPublished(t, records...)
	return records
}

// A second server on the same data folder refuses to start; the first one goes
// on.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	records := s.publishOne(t, "example:first")
	said := refusedStart(t, nil, "--data-dir", s.dataDir)
	mustContain(t, said, s.dataDir, "in use by another process")
	records = append(records, s.publishOne(t, "example:second")...)
	s.audit(t, records)
}

func TestUnwritableDataFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("below a file", func(t *testing.T) {
		below := filepath.Join(file, "data")
		mustContain(t, refusedStart(t, nil, "--data-dir", below), file, "not a directory")
	})
	t.Run("a file", func(t *testing.T) {
		mustContain(t, refusedStart(t, nil, "--data-dir", file), file, "not a directory")
	})
	t.Run("read-only", func(t *testing.T) {
		dir := readOnlyFolder(t)
		mustContain(t, refusedStart(t, nil, "--data-dir", dir), dir)
	})
}

// readOnlyFolder makes a folder in which this process can not write: for root
// that takes a file system of its own.
func readOnlyFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	if !mountMemory(t, dir, syscall.MS_RDONLY, "size=1m") {
		return "/proc/self" // where nobody can write
	}
	return dir
}

// mountMemory mounts a file system in memory for the rest of the test, if this
// process may.
func mountMemory(t *testing.T, dir string, flags uintptr, options string) bool {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Logf("mounting a file system is not permitted here: %v", err)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return true
}

// A data folder that a newer version has written is refused and left alone.
func TestNewerDataFolder(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	records := s.publishOne(t, "example:old")
	s.stop(t)
	for _, database := range []struct{ file, bump, restore string }{
		{"registry.db",
			"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)",
			"DELETE FROM goose_db_version WHERE version_id = 9999"},
		{"trillian.db", "PRAGMA user_version = 9999", "PRAGMA user_version = 1"},
	} {
		execute(t, filepath.Join(s.dataDir, database.file), database.bump)
		before := fileContents(t, s.dataDir)
		mustContain(t, refusedStart(t, nil, "--data-dir", s.dataDir), database.file, "9999", "newer")
		for name, content := range fileContents(t, s.dataDir) {
			if !bytes.Equal(content, before[name]) {
				t.Errorf("%s with a newer %s: a server that refused to start changed %s", s.dataDir, database.file, name)
			}
		}
		execute(t, filepath.Join(s.dataDir, database.file), database.restore)
	}
	s.start(t)
	s.audit(t, append(records, s.publishOne(t, "example:new")...))
}

// execute runs a statement on the database of a server that is stopped.
func execute(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %s: %v", file, statement, err)
	}
}

// fileContents reads all files with something in them, by path.
func fileContents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "-shm") {
			return err
		}
		text, err := os.ReadFile(path)
		if len(text) > 0 {
			contents[path] = text
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

// A server with another operator's key does not touch the registry.
func TestWrongOperatorKey(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	records := s.publishOne(t, "example:mine")
	s.stop(t)
	other, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	said := refusedStart(t, []string{"WARG_OPERATOR_KEY=" + other.Text()}, "--data-dir", s.dataDir)
	mustContain(t, said, string(other.Public().ID()), "may not sign")
	if strings.Contains(said, other.Text()) {
		t.Error("the refusal shows the private key")
	}
	s.start(t)
	s.audit(t, append(records, s.publishOne(t, "example:still-mine")...))
}
