package vitess

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

// tablet is a MySQL server and the vttablet that manages it.
type tablet struct {
	alias            string // its name in the cluster
	socket           string
	server, vttablet *process
}

// newTablet makes a MySQL server with empty data, and starts it and its tablet, in a
// shard of a keyspace. One keyspace's tablets are replicas until one is elected.
func (c *Cluster) newTablet(uid int, keyspace, shard string) (*tablet, error) {
	t := &tablet{alias: fmt.Sprintf("%s-%010d", cell, uid)}
	dir := filepath.Join(c.dir, fmt.Sprint("m", uid)) // short: the path of a socket has 107 bytes
	t.socket = filepath.Join(dir, "socket")
	if err := c.makeDir(dir); err != nil {
		return nil, err
	}
	mysqlPort, err := freePort()
	if err != nil {
		return nil, err
	}
	if t.server, err = c.mysqld(fmt.Sprint("mysqld-", uid), mysqldArgs(dir, uid, mysqlPort)...); err != nil {
		return nil, err
	}
	if err := c.initialize(t, dir); err != nil {
		return nil, err
	}
	httpPort, err := freePort()
	if err != nil {
		return nil, err
	}
	grpcPort, err := freePort()
	if err != nil {
		return nil, err
	}
	t.vttablet, err = c.vitess(fmt.Sprint("vttablet-", uid), "vttablet", append(c.topology(),
		"--tablet-path="+t.alias, "--tablet-hostname=127.0.0.1", "--bind-address=127.0.0.1", "--grpc-bind-address=127.0.0.1",
		"--init-keyspace="+keyspace, "--init-shard="+shard, "--init-tablet-type=replica",
		"--db-socket="+t.socket, "--port="+strconv.Itoa(httpPort), "--grpc-port="+strconv.Itoa(grpcPort),
		"--service-map=grpc-queryservice,grpc-tabletmanager,grpc-updatestream", "--health-check-interval=1s",
	)...)
	if err != nil {
		return nil, err
	}
	return t, c.start(t.vttablet, listens("tcp", fmt.Sprint("127.0.0.1:", grpcPort)))
}

// mysqldArgs are the settings of a tablet's server: what config/mycnf of Vitess
// wants, durable as in production, and small.
func mysqldArgs(dir string, uid, port int) []string {
	return []string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--tmpdir=" + dir, "--socket=" + filepath.Join(dir, "socket"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--server-id=" + strconv.Itoa(uid),
		"--mysqlx=OFF", "--secure-file-priv=NULL", "--skip-name-resolve", "--max-connections=500", "--max-allowed-packet=64M",
		"--innodb-buffer-pool-size=128M", "--innodb-redo-log-capacity=96M", "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--performance-schema=OFF",
		"--skip-replica-start", "--gtid-mode=ON", "--enforce-gtid-consistency", "--relay-log-recovery=1", "--log-bin=binlog", "--relay-log=relay",
		"--replica-net-timeout=8", "--super-read-only",
		"--plugin-load=rpl_semi_sync_source=semisync_source.so;rpl_semi_sync_replica=semisync_replica.so",
		"--loose-rpl-semi-sync-source-timeout=1000000000000000000", "--loose-rpl-semi-sync-source-wait-no-replica=1",
	}
}

// initialize makes the data of a tablet's server, starts it, and makes the users
// that Vitess has there.
func (c *Cluster) initialize(t *tablet, dir string) error {
	first, err := c.mysqld(t.server.name+"-init", "--no-defaults", "--initialize-insecure", "--datadir="+filepath.Join(dir, "data"),
		"--innodb-redo-log-capacity=96M", "--secure-file-priv=NULL")
	if err != nil {
		return err
	}
	if err := first.run(); err != nil {
		return err
	}
	if err := c.start(t.server, listens("unix", t.socket)); err != nil {
		return err
	}
	top, err := tools.Top()
	if err != nil {
		return err
	}
	script, err := os.ReadFile(filepath.Join(top, ".cache", "tools", "vitess", "init_db.sql"))
	if err != nil {
		return err
	}
	db, err := t.open()
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(string(script))
	return err
}

// open opens the server as root, beside Vitess. It takes several statements at once.
func (t *tablet) open() (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.MultiStatements = "root", "unix", t.socket, true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// kill ends the MySQL server and the vttablet of an instance at once, as the end of
// its machine does.
func (t *tablet) kill() error { return errors.Join(t.server.kill(), t.vttablet.kill()) }

// restart starts both on the data that are there.
func (t *tablet) restart() error {
	if err := t.server.start(listens("unix", t.socket)); err != nil {
		return err
	}
	return t.vttablet.start(func(context.Context) error { return nil })
}

// AwaitLockWait returns when a transaction waits for a lock of another one, or
// fails the test if none does within some seconds.
func (c *Cluster) AwaitLockWait(t *testing.T) {
	t.Helper()
	db, err := c.primary(t).open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var name string
		var waiting int
		if err := db.QueryRow(`SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'`).Scan(&name, &waiting); err != nil {
			t.Error(err)
			return
		}
		if waiting > 0 {
			return
		}
	}
	t.Error("nobody waited for a lock")
}
