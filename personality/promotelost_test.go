package personality

import (
	"log/slog"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// The database of a lost registry may be one of MariaDB; a process that still leads on it is
// noticed.
func TestLostInMariaDB(t *testing.T) {
	t.Parallel()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	database := store.MySQL{DSN: mariadb.Start(t).Database(t)}
	look := func() (lost []store.UnpublishedRecord, leads bool) {
		t.Helper()
		lost, leads, err := lostIn(ctx, PromoteOptions{OldDatabase: database}, 0, log)
		if err != nil {
			t.Fatal(err)
		}
		return lost, leads
	}
	if lost, leads := look(); leads || lost == nil || len(lost) > 0 {
		t.Errorf("of an empty database: %v, a process leads: %v", lost, leads)
	}
	db, err := database.Open(ctx, log)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			if err := db.Update(ctx, func(tx *store.Tx) error {
				seen, err := tx.Leader()
				if err == nil {
					_, err = tx.Lead(seen, "old")
				}
				return err
			}); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	if _, leads := look(); !leads {
		t.Error("a process leads, and that is not noticed")
	}
	<-done
}
