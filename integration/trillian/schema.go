package trillian

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-sql-driver/mysql"
)

// LoadSchema loads Trillian's own schema into an empty database. It can be
// loaded once.
func LoadSchema(ctx context.Context, dsn string) error {
	path, err := tool("trillian", "storage.sql")
	if err != nil {
		return err
	}
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
		return "", fmt.Errorf("%w: run `make tools`", err)
	}
	return path, nil
}
