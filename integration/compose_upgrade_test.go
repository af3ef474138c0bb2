package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// TestComposeUpgrade runs the stack on the volumes of an earlier release, which had an
// operator key, and neither note keys, tiles nor a witness: what was published is there,
// and is cosigned.
func TestComposeUpgrade(t *testing.T) {
	dir := unpack(t, "mysql.tar.gz")
	s := newStack(t)
	s.containers["mariadb"].begin(t)
	s.containers["schema"].begin(t)
	s.loadDatabase(t, "warg", filepath.Join(dir, "registry.sql"))
	s.loadDatabase(t, "trillian", filepath.Join(dir, "trillian.sql"))
	personality := s.containers["personality-1"]
	personality.copyIn(t, filepath.Join(dir, "operator.key"), "/var/lib/warg-key/operator.key")
	personality.copyIn(t, filepath.Join(dir, "content"), "/var/lib/warg-content")
	s.up(t)

	u := newUpgraded(t, &server{url: s.url("proxy", 8080)}, dir)
	u.checkHistory(t)
	heads := s.awaitCosigned(t)
	if published := uint64(len(u.published)); heads[tlog.Records].Size < published {
		t.Errorf("%d records are cosigned, the earlier release had published %d", heads[tlog.Records].Size, published)
	}
	u.mustPublish(t, u.resume(t, "history").release(u.anyContent(t)))
	s.awaitCosigned(t)
}

// loadDatabase replaces a database by a dump.
func (s *stack) loadDatabase(t *testing.T, name, dump string) {
	t.Helper()
	schema := s.containers["schema"]
	empty := schema.command(t, "sh", "-c", `mariadb --protocol=tcp --host="$MARIADB_HOST" --user=root --execute='DROP DATABASE `+name+`; CREATE DATABASE `+name+`'`)
	if err := empty.Run(); err != nil {
		t.Fatalf("%v\n%s", err, schema.output)
	}
	loadDump(t, fmt.Sprintf("root:%s@tcp(%s:3306)/%s", *schema.service.Environment["MYSQL_PWD"], s.containers["mariadb"].ip, name), dump)
}

// copyIn copies a file, or what is in a folder, to a path in the container's volumes.
func (c *container) copyIn(t *testing.T, from, to string) {
	t.Helper()
	target := c.rewrite(to)
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		copied := filepath.Join(target, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			c.makeFolder(t, copied)
			return nil
		}
		uid, gid, _ := userOf(t, c.service)
		err = copyTo(path, copied, 0o600)
		if os.Getuid() == 0 {
			err = errors.Join(err, os.Chown(copied, int(uid), int(gid)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
