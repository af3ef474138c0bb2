package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/mariadb"
	"github.com/warg-trillian/warg-trillian/integration/trillian"
	"github.com/warg-trillian/warg-trillian/personality/store"
)

// A process whose network hangs while it has a log locked loses the lock within
// seconds, and what it did; another one goes on.
func TestMySQLNetworkHangs(t *testing.T) {
	server := mariadb.Start(t)
	dsn := server.Database(t)
	network := trillian.StartProxy(t, server.Addr())
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Addr = network.Addr()
	hung, db := openMySQL(t, config.FormatDSN()), openMySQL(t, dsn)
	log, _ := twoLogs(t, db)

	locked, ended := make(chan bool, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ended <- hung.Update(ctx, func(tx *store.Tx) error {
			err := lengthen(tx, log)
			network.Switch(t, trillian.Hang)
			locked <- true
			return err
		})
	}()
	<-locked
	begin := time.Now()
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return lengthen(tx, log) }); err != nil {
		t.Error(err)
	}
	if waited := time.Since(begin); waited > 5*time.Second {
		t.Errorf("the other process got the lock after %v", waited)
	}
	cancel() // no more tries
	network.Switch(t, trillian.Forward)
	if err := <-ended; err == nil {
		t.Error("a commit after the connection's end is said to have succeeded")
	}
	if length := lengthOf(t, db, log); length != 1 {
		t.Errorf("the log has length %d, want 1", length)
	}
}
