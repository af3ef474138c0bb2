package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// A hash that is stored with too few bytes, as only damage leaves it, is an error
// of whoever reads it.
func TestShortHashes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.db")
	open(t, file)
	raw, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	logID := protocol.HashOf([]byte("log"))
	for _, statement := range []string{
		`INSERT INTO logs (id, log_id, name, length, state) VALUES (1, x'00', '', 1, x'')`,
		`INSERT INTO records (id, log, record_id, position, state, registry_index, accepted_at, envelope) VALUES (1, 1, x'0102', 0, 2, 0, 0, x'')`,
		`INSERT INTO checkpoints (log_length, log_root, map_root, timestamp, key_id, signature, roots) VALUES (1, x'00', x'00', 0, '', '', x'')`,
		`UPDATE checkpoints_log SET subtrees = x'00'`,
	} {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, file)
	for name, read := range map[string]func(*store.Tx) error{
		"leaves":          func(tx *store.Tx) error { _, err := tx.Leaves(0, 1); return err },
		"pending":         func(tx *store.Tx) error { _, err := tx.Pending([]int64{1}); return err },
		"checkpoint":      func(tx *store.Tx) error { _, err := tx.LatestCheckpoint(); return err },
		"checkpoints log": func(tx *store.Tx) error { _, err := tx.CheckpointsLog(); return err },
	} {
		if err := db.View(context.Background(), read); err == nil || !strings.Contains(err.Error(), "want 32") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := raw.Exec(`UPDATE logs SET log_id = ?`, logID[:]); err != nil {
		t.Fatal(err)
	}
	if err := db.View(context.Background(), func(tx *store.Tx) error { _, err := tx.Leaves(0, 1); return err }); err == nil || !strings.Contains(err.Error(), "want 32") {
		t.Errorf("record id: %v", err)
	}
}
