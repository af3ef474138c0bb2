package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/store/storetest"
)

func openMySQL(t testing.TB, dsn string) *store.DB {
	t.Helper()
	db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMySQL(t *testing.T) {
	s := mariadb.Start(t)
	storetest.Run(t, func(t *testing.T, processes int) []*store.DB {
		dsn := s.Database(t)
		dbs := make([]*store.DB, processes)
		for i := range dbs {
			dbs[i] = openMySQL(t, dsn)
		}
		return dbs
	}, func() { s.AwaitLockWait(t) })
}

// exec changes a database from beside.
func exec(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestMySQLSchema(t *testing.T) {
	s := mariadb.Start(t)

	t.Run("made by several processes at once", func(t *testing.T) {
		dsn := s.Database(t)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if err := db.View(context.Background(), func(tx *store.Tx) error { _, err := tx.CheckpointsLog(); return err }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})

	t.Run("made half by a process that ended", func(t *testing.T) {
		dsn := s.Database(t)
		set := func(tx *store.Tx) error { return tx.SetMeta("x", []byte("y")) }
		if err := openMySQL(t, dsn).Update(context.Background(), set); err != nil {
			t.Fatal(err)
		}
		exec(t, dsn, `DELETE FROM goose_db_version WHERE version_id > 0`, `DROP TABLE map_tiles`)
		err := openMySQL(t, dsn).View(context.Background(), func(tx *store.Tx) error {
			got, err := tx.Meta("x")
			if string(got) != "y" {
				t.Errorf("got %q", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("one process at a time", func(t *testing.T) {
		dsn := s.Database(t)
		admin, err := s.Admin().Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		lock := func(call string) {
			t.Helper()
			name := dsn[strings.LastIndex(dsn, "/")+1:]
			if _, err := admin.ExecContext(context.Background(), `DO `+call, fmt.Sprintf("warg schema %.16x", sha256.Sum256([]byte(name)))); err != nil {
				t.Fatal(err)
			}
		}
		lock(`GET_LOCK(?, 0)`)
		opened := make(chan error, 1)
		go func() {
			db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
			if err == nil {
				err = db.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			t.Fatalf("opened while another process migrates: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		lock(`RELEASE_LOCK(?)`)
		if err := <-opened; err != nil {
			t.Error(err)
		}
	})

	t.Run("of a newer release", func(t *testing.T) {
		dsn := s.Database(t)
		openMySQL(t, dsn)
		exec(t, dsn, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
		if _, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{}); err == nil || !strings.Contains(err.Error(), "newer release") {
			t.Errorf("opened a schema of version 99: %v", err)
		}
	})

	t.Run("whatever the server's defaults", func(t *testing.T) {
		dsn := s.Database(t)
		name := dsn[strings.LastIndex(dsn, "/")+1:]
		exec(t, dsn, `ALTER DATABASE `+name+` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`)
		db := openMySQL(t, dsn+"?parseTime=true&loc=Local&collation=latin1_swedish_ci&clientFoundRows=false&interpolateParams=false")
		for _, name := range []string{"x", "X", "\xff\xfe"} {
			if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.SetMeta(name, []byte(name)) }); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			err := db.View(context.Background(), func(tx *store.Tx) error {
				got, err := tx.Meta(name)
				if string(got) != name {
					t.Errorf("got %q, want %q", got, name)
				}
				return err
			})
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func TestMySQLRefusesWhatItCannotOpen(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                                      "data source name",
		"warg:secret@tcp(127.0.0.1:1)/":         "has no database",
		"warg:secret@tcp(127.0.0.1:1":           "data source name",
		"warg:secret@tcp(127.0.0.1:1)/registry": "database registry at 127.0.0.1:1",
	} {
		db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{})
		if err == nil {
			db.Close()
			t.Errorf("opened %q", dsn)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %q, want one with %q and without the password", dsn, err, want)
		}
	}
}

// Who has connections reserved reads and writes while others have all the rest,
// and no more connections than were allowed are made.
func TestMySQLReserved(t *testing.T) {
	dsn := mariadb.Start(t).Database(t)
	const most = 8
	db, err := store.OpenMySQL(context.Background(), dsn, store.MySQLOptions{MaxConnections: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	release, failed := make(chan struct{}), make(chan error, 4*most)
	var others sync.WaitGroup
	hold := func(run func(context.Context, func(*store.Tx) error) error, begun chan<- struct{}) {
		others.Go(func() {
			failed <- run(context.Background(), func(tx *store.Tx) error {
				_, err := tx.Ready(1)
				begun <- struct{}{}
				<-release
				return err
			})
		})
	}
	reads, writes := make(chan struct{}, 2*most), make(chan struct{}, 2*most)
	for range 2 * most {
		hold(db.View, reads)
		hold(db.Update, writes)
	}
	<-reads
	<-writes
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 3 {
		if err := db.Reserved().View(ctx, func(tx *store.Tx) error { _, err := tx.Ready(1); return err }); err != nil {
			t.Errorf("read: %v", err)
		}
		if err := db.Reserved().Update(ctx, func(tx *store.Tx) error { _, err := tx.Leader(); return err }); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	admin, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	var connections int
	if err := admin.QueryRow(`SELECT COUNT(*) - 1 FROM information_schema.processlist WHERE db = DATABASE()`).Scan(&connections); err != nil {
		t.Fatal(err)
	}
	if connections > most {
		t.Errorf("%d connections, at most %d were allowed", connections, most)
	}
	close(release)
	others.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
}
