package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
)

// However a data source name is malformed, no part of it shows: what seems to
// be a network, a database or an option may be a part of the password.
func TestMalformedDSNIsNotQuoted(t *testing.T) {
	for _, dsn := range []string{
		"warg:hunter/secret",
		"warg:hunter/secret@tcp(db)",
		"warg:hunter@secret/warg",
		"warg:hunter(secret)/warg",
		"warg:hunter(secret)/warg@tcp(db:3306)",
		"warg:hunter@secret(db:3306)/warg",
		"warg:hunter@tcp(secret/warg",
		"warg:hunter@tcp(secret)x/warg",
		"mysql://warg:hunter@secret:3306/warg",
		"warg@tcp(db)/hunter@secret",
		"warg:x@tcp(db)/hunter%secret",
		"warg:x@tcp(db)/warg?tls=hunter%zzsecret",
		"warg:x@tcp(db)/warg?tls=hunter2",
		"warg:x@tcp(db)/warg?parseTime=hunter2",
		"warg:x@tcp(db)/warg?timeout=hunter2",
	} {
		db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
		if err == nil {
			db.Close()
			t.Errorf("opened %q", dsn)
			continue
		}
		text := err.Error()
		if strings.Contains(text, "hunter") || strings.Contains(text, "secret") {
			t.Errorf("%q is quoted: %v", dsn, err)
		}
		if !strings.Contains(text, "user:password@tcp(host:port)/database") {
			t.Errorf("%q: %v does not say what is wanted", dsn, err)
		}
	}
}
