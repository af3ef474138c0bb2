package trillian

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// LoadSchema loads Trillian's own schema into an empty database. It can be
// loaded once.
func LoadSchema(ctx context.Context, dsn string) error {
	path, err := tool("trillian", "storage.sql")
	if err != nil {
		return err
	}
	return loadSchema(ctx, dsn, path)
}

// LoadSchemaOf is LoadSchema with that of a release that integration/tools/trillians.sh
// has installed.
func LoadSchemaOf(ctx context.Context, release, dsn string) error {
	path, err := Tool(release, "mysql.sql")
	if err != nil {
		return err
	}
	return loadSchema(ctx, dsn, path)
}

func loadSchema(ctx context.Context, dsn, path string) error {
	schema, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return fmt.Errorf("data source name %q: %w", dsn, err)
	}
	c.MultiStatements = true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if _, err := db.ExecContext(ctx, string(schema)); err != nil {
		return fmt.Errorf("load %s into the database: %w", path, err)
	}
	return nil
}

// Tool returns the path of a command, or of a file beside the commands, of a release
// that integration/tools/trillians.sh has installed; release "": of the one that
// integration/tools/trillian.sh has.
func Tool(release, name string) (string, error) {
	if release == "" {
		return tool("bin", name)
	}
	if strings.HasSuffix(name, ".sql") {
		return tool("trillian", release, name)
	}
	return tool("trillian", release, "bin", name)
}

// tool finds what integration/tools has installed, from any folder of the
// repository.
func tool(parts ...string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this within the repository")
		}
	}
	path := filepath.Join(append([]string{dir, ".cache", "tools"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: run `make tools`, or for `make test-trillians` integration/tools/trillians.sh", err)
	}
	return path, nil
}
