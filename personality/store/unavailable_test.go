package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// sqliteFailure makes a write to SQLite fail and returns how.
func sqliteFailure(t *testing.T, spoil string) error {
	t.Helper()
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.writes.(*sqlPool).Exec(spoil); err != nil {
		t.Fatal(err)
	}
	err = db.Update(context.Background(), func(tx *Tx) error { return tx.SetMeta("x", make([]byte, 1<<20)) })
	if err == nil {
		t.Fatalf("a write after %s succeeded", spoil)
	}
	return err
}

func TestUnavailable(t *testing.T) {
	_, cannotOpen := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "no folder", "registry.db"))
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":               {nil, ""},
		"no row":                {ErrNotFound, ""},
		"another's":             {errors.New("something else"), ""},
		"cancelled":             {context.Canceled, ""},
		"out of time":           {context.DeadlineExceeded, reasonAway},
		"refused":               {refused, reasonAway},
		"connection lost":       {mysql.ErrInvalidConn, reasonAway},
		"bad connection":        {driver.ErrBadConn, reasonAway},
		"commit unknown":        {fmt.Errorf("%w: %w", ErrUnknownOutcome, mysql.ErrInvalidConn), reasonAway},
		"shutting down":         {&mysql.MySQLError{Number: 1053}, reasonAway},
		"too many connections":  {&mysql.MySQLError{Number: 1040}, reasonBusy},
		"lock not got":          {&mysql.MySQLError{Number: 1205}, reasonBusy},
		"disk full":             {&mysql.MySQLError{Number: 1021}, ReasonFull},
		"table full":            {&mysql.MySQLError{Number: 1114}, ReasonFull},
		"read only":             {&mysql.MySQLError{Number: 1290}, reasonReadOnly},
		"read-only transaction": {&mysql.MySQLError{Number: 1792}, reasonReadOnly},
		"file error":            {&mysql.MySQLError{Number: 1026}, reasonDisk},
		"syntax":                {&mysql.MySQLError{Number: 1064}, ""},
		"no such table":         {&mysql.MySQLError{Number: 1146}, ""},
		"SQLite full":           {sqliteFailure(t, `PRAGMA max_page_count = 40`), ReasonFull},
		"SQLite read-only":      {sqliteFailure(t, `PRAGMA query_only = 1`), reasonReadOnly},
		"SQLite cannot open":    {cannotOpen, reasonMissing},
		"SQLite busy":           {sqliteBusy(t), reasonBusy},
		"SQLite no such table":  {sqliteFailure(t, `DROP TABLE meta`), ""},
	} {
		if c.err != nil {
			c.err = fmt.Errorf("wrapped: %w", c.err)
		}
		if got, unavailable := Unavailable(c.err); got != c.want || unavailable != (c.want != "") {
			t.Errorf("%s (%v): %q, %v; want %q", name, c.err, got, unavailable, c.want)
		}
	}
}

// sqliteBusy is the failure of a write beside another one that does not end.
func sqliteBusy(t *testing.T) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "registry.db")
	db, err := OpenSQLite(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := openSQLite(file, 1, "_txlock=immediate", pragma("busy_timeout(0)"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = nil
	if failed := db.Update(context.Background(), func(tx *Tx) error {
		_, err = other.Begin()
		return nil
	}); failed != nil || err == nil {
		t.Fatalf("two write at a time: %v, %v", failed, err)
	}
	return err
}

// A database that takes no writes says so, and says when it takes them again.
func TestWritable(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, db *DB) {
		for range 2 { // the second time the row is there
			if err := db.Writable(context.Background()); err != nil {
				t.Fatal(err)
			}
			forget(db)
		}
	})
	file := filepath.Join(t.TempDir(), "registry.db")
	db, err := OpenSQLite(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	spoil := func(pragma string) {
		t.Helper()
		if _, err := db.writes.(*sqlPool).Exec(pragma); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Writable(ctx); err != nil {
		t.Fatal(err)
	}
	spoil(`PRAGMA query_only = 1`)
	if err := db.Writable(ctx); err != nil {
		t.Errorf("the last answer is not kept: %v", err)
	}
	forget(db)
	if got, _ := Unavailable(db.Writable(ctx)); got != reasonReadOnly {
		t.Errorf("read-only: %q, want %q", got, reasonReadOnly)
	}
	spoil(`PRAGMA query_only = 0`)
	if err := db.Writable(ctx); err == nil {
		t.Error("the last failure is not kept")
	}
	forget(db)
	if err := db.Writable(ctx); err != nil {
		t.Errorf("when it takes writes again: %v", err)
	}
	forget(db)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got, _ := Unavailable(db.Writable(ctx)); got != reasonMissing {
		t.Errorf("its file is gone: %q, want %q", got, reasonMissing)
	}
	// Its connections are open: what was there can be read.
	if err := db.View(ctx, func(tx *Tx) error { _, err := tx.Meta(probeName); return err }); err != nil {
		t.Errorf("reading when its file is gone: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("reading made the file again")
	}
}

// forget makes the last answer an old one.
func forget(db *DB) {
	db.probe.mu.Lock()
	defer db.probe.mu.Unlock()
	db.probe.ended = time.Now().Add(-time.Hour)
}

// A write that does not end is waited for as long as the caller wants, and none
// is begun beside it.
func TestWritableHangs(t *testing.T) {
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- db.Update(context.Background(), func(*Tx) error {
			close(begun)
			<-release
			return nil
		})
	}()
	<-begun
	over, cancel := context.WithCancel(context.Background())
	cancel()
	tries := map[<-chan struct{}]bool{}
	for range 3 {
		if err := db.Writable(over); !errors.Is(err, context.Canceled) {
			t.Errorf("beside a write that hangs: %v", err)
		}
		running, _ := db.probe.begin(time.Now(), func() error { t.Error("a second try"); return nil })
		tries[running] = true
	}
	if len(tries) != 1 {
		t.Errorf("%d tries under way, want 1", len(tries))
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := db.Writable(context.Background()); err != nil {
		t.Errorf("when the write has ended: %v", err)
	}
}
