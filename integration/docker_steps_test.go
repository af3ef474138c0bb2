package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkRollover brings another image of the personalities in, one after the other, as
// docs/operations.md says, while people publish: each of their requests is answered well
// the first time.
func (s *dockerStack) checkRollover(t *testing.T) {
	before := s.container(t, "personality-1").Image
	s.use(t, "next", "WARG_VERSION=next")
	s.compose(t, "build", "operator-key")

	load := newLoad(t, s.registry(t))
	load.name = "rollover"
	load.insist = func(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
		return request(ctx, method, load.url+path, contentType, bytes.NewReader(body)) // and not again
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); load.run(ctx) }()
	defer func() { // also when nothing is acknowledged any more, as after a fault of each author
		for _, err := range load.seenFaults() {
			t.Error(err)
		}
	}()
	more := func() { // are acknowledged, by what runs now
		t.Helper()
		at := load.acknowledged()
		within(t, time.Minute, "50 more records are acknowledged", func() bool {
			return load.acknowledged() >= at+50 || len(load.seenFaults()) > 0
		})
	}
	more()
	for _, line := range documented(t, "Upgrading") {
		t.Log(line)
		mustRun(t, s.command("sh", "-euc", line))
		more()
	}
	close(load.stop)
	<-done
	for _, name := range []string{"personality-1", "personality-2"} {
		if c := s.container(t, name); c.Image == before || c.State.Health.Status != "healthy" {
			t.Errorf("%s has the image %s and is %+v; before it had %s", name, c.Image, c.State, before)
		}
	}
	within(t, time.Minute, "all that was acknowledged is published", func() bool {
		return !slices.ContainsFunc(load.records, func(r *signedRecord) bool {
			return s.registry(t).recordState(t, r.pkg.String(), r.id.String()).State != "published"
		})
	})
	t.Logf("%d records were published meanwhile", len(load.records))
}

// seenFaults are those by now.
func (l *load) seenFaults() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.faults)
}

// use has the project go on with images of another version.
func (s *dockerStack) use(t *testing.T, version string, variables ...string) {
	t.Helper()
	file := s.override(t, version)
	for i, pair := range s.env {
		if strings.HasPrefix(pair, "COMPOSE_FILE=") {
			s.env[i] = strings.Join([]string{strings.Split(pair, ":")[0], file}, ":")
		}
	}
	s.env = append(s.env, variables...)
}

// documented are the commands in the block of a section of docs/operations.md, as written.
func documented(t *testing.T, section string) (lines []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "\n## "+section+"\n")
	text, _, _ := strings.Cut(after, "\n## ")
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(text)
	if !found || block == nil {
		t.Fatalf("docs/operations.md has no commands for %s", section)
	}
	return strings.Split(strings.TrimSpace(block[1]), "\n")
}

// checkDocumented makes a backup, loses the registry's own database, and makes it again,
// all with the documented commands.
func (s *dockerStack) checkDocumented(t *testing.T) {
	length := s.registry(t).logLength(t)
	script := strings.Join(documented(t, "Backup"), "\n")
	t.Log(script)
	mustRun(t, s.command("sh", "-euc", script))
	dump, err := os.ReadFile(filepath.Join(s.dir, "databases.sql"))
	if err != nil || !bytes.Contains(dump, []byte("`SequencedLeafData`")) || !bytes.Contains(dump, []byte("USE `warg`")) || !bytes.Contains(dump, []byte("-- Dump completed")) {
		t.Errorf("the dump of %d bytes is not of both databases: %v", len(dump), err)
	}
	for _, name := range []string{"keys/operator.key", "keys/records-note.key", "content/files"} {
		if info, err := os.Stat(filepath.Join(s.dir, name)); err != nil || !info.IsDir() && info.Size() == 0 {
			t.Errorf("of the backup, %s: %v", name, err)
		}
	}

	trees := regexp.MustCompile(`"records_tree":(\d+),"checkpoints_tree":(\d+)`).FindStringSubmatch(s.compose(t, "logs", "--no-color", "personality-1"))
	if trees == nil {
		t.Fatal("the personality does not log its trees")
	}
	s.compose(t, "exec", "-T", "mariadb", "sh", "-c", `MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb --host=127.0.0.1 --user=root --execute='DROP DATABASE warg'`)
	script = strings.Join(documented(t, "Rebuild"), "\n")
	script = strings.NewReplacer("--records-tree ID", "--records-tree "+trees[1], "--checkpoints-tree ID", "--checkpoints-tree "+trees[2]).Replace(script)
	t.Log(script)
	mustRun(t, s.command("sh", "-euc", script))
	within(t, takeover, fmt.Sprintf("the log has %d records again", length), func() bool {
		status, err := get(s.registry(t).url + "/readyz")
		return err == nil && status == 200 && s.registry(t).logLength(t) == length
	})
}
