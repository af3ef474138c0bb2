package vitess

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

const globalRoot = "/vitess/global"

// topology are the flags that all of Vitess's programs have in common.
func (c *Cluster) topology() []string {
	return []string{
		"--config-file-not-found-handling=ignore", "--log-format=text",
		"--topo-implementation=etcd2", "--topo-global-server-address=" + c.etcd, "--topo-global-root=" + globalRoot,
	}
}

func (c *Cluster) startEtcd() error {
	clients, err := freePort()
	if err != nil {
		return err
	}
	peers, err := freePort()
	if err != nil {
		return err
	}
	c.etcd = fmt.Sprint("127.0.0.1:", clients)
	own := fmt.Sprint("http://127.0.0.1:", peers)
	p, err := c.vitess("etcd", "etcd", "--data-dir="+filepath.Join(c.dir, "topology"),
		"--listen-client-urls=http://"+c.etcd, "--advertise-client-urls=http://"+c.etcd,
		"--listen-peer-urls="+own, "--initial-advertise-peer-urls="+own, "--initial-cluster=default="+own)
	if err != nil {
		return err
	}
	return c.start(p, listens("tcp", c.etcd))
}

// startControl starts vtctld, and tells it of the cell.
func (c *Cluster) startControl() error {
	http, err := freePort()
	if err != nil {
		return err
	}
	grpc, err := freePort()
	if err != nil {
		return err
	}
	c.control = fmt.Sprint("127.0.0.1:", grpc)
	p, err := c.vitess("vtctld", "vtctld", append(c.topology(), "--service-map=grpc-vtctl,grpc-vtctld",
		"--bind-address=127.0.0.1", "--grpc-bind-address=127.0.0.1", "--port="+strconv.Itoa(http), "--grpc-port="+strconv.Itoa(grpc))...)
	if err != nil {
		return err
	}
	if err := c.start(p, listens("tcp", c.control)); err != nil {
		return err
	}
	return c.ctl("AddCellInfo", "--root=/vitess/"+cell, "--server-address="+c.etcd, cell)
}

// ctl runs a command of vtctldclient.
func (c *Cluster) ctl(args ...string) error {
	_, err := c.ask(args...)
	return err
}

// ask runs a command of vtctldclient and returns what it prints.
func (c *Cluster) ask(args ...string) ([]byte, error) {
	p, err := c.vitess("vtctldclient", "vtctldclient", append([]string{"--server=" + c.control, "--action-timeout=60s"}, args...)...)
	if err != nil {
		return nil, err
	}
	command := exec.Command(p.path, p.args...)
	command.SysProcAttr = p.attr()
	out, err := command.Output()
	if e, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("vtctldclient %v: %w\n%s", args, err, e.Stderr)
	}
	return out, err
}

func (c *Cluster) startTablets() error {
	for i := range tablets {
		t, err := c.newTablet(100+i, Keyspace, "0")
		if err != nil {
			return err
		}
		c.tablets = append(c.tablets, t)
	}
	return nil
}

// startOrc starts VTOrc, which elects a new primary where one is gone.
func (c *Cluster) startOrc() error {
	http, err := freePort()
	if err != nil {
		return err
	}
	p, err := c.vitess("vtorc", "vtorc", append(c.topology(), "--cell="+cell, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(http),
		"--instance-poll-time=1s", "--recovery-poll-duration=1s", "--topo-information-refresh-duration=3s", "--remote-operation-timeout=5s")...)
	if err != nil {
		return err
	}
	return c.start(p, listens("tcp", fmt.Sprint("127.0.0.1:", http)))
}

func (c *Cluster) startGate() error {
	http, err := freePort()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	c.gate = fmt.Sprint("127.0.0.1:", port)
	users := filepath.Join(c.dir, "users.json")
	if err := os.WriteFile(users, fmt.Appendf(nil, `{%q: [{"Password": %q}]}`, user, password), 0o644); err != nil {
		return err
	}
	p, err := c.vitess("vtgate", "vtgate", append(c.topology(), "--cell="+cell, "--cells-to-watch="+cell, "--tablet-types-to-wait=PRIMARY,REPLICA",
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(http), "--mysql-server-bind-address=127.0.0.1", "--mysql-server-port="+strconv.Itoa(port),
		"--mysql-auth-server-static-file="+users, "--mysql-auth-server-impl=static")...)
	if err != nil {
		return err
	}
	return c.start(p, listens("tcp", c.gate))
}

// DSN is the data source name of a keyspace.
func (c *Cluster) DSN(keyspace string) string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s", user, password, c.gate, keyspace)
}

// awaitWrites returns when the primary takes writes.
func (c *Cluster) awaitWrites() error {
	db, err := sql.Open("mysql", c.DSN(Keyspace))
	if err != nil {
		return err
	}
	defer db.Close()
	return await(func(ctx context.Context) error {
		if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS ready_probe (id BIGINT NOT NULL PRIMARY KEY)"); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, "DROP TABLE ready_probe")
		return err
	}, nil)
}

// Close ends all processes, the youngest first.
func (c *Cluster) Close() (err error) {
	for i := len(c.all) - 1; i >= 0; i-- {
		err = errors.Join(err, c.all[i].kill())
	}
	return err
}
