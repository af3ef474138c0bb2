// Package vitess runs a Vitess cluster for tests: etcd, vtctld, three tablets with
// a MySQL server each, VTOrc and vtgate, in a folder of its own and on 127.0.0.1.
// One keyspace, of one shard, with the durability policy semi_sync: a commit is
// acknowledged when a second MySQL server has it. integration/tools/vitess.sh
// installs what is run.
package vitess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	_ "github.com/go-sql-driver/mysql" // the driver of vtgate's protocol

	"github.com/warg-trillian/warg-trillian/integration/tools"
)

const (
	cell = "zone1"
	// Keyspace is the keyspace of one shard that there is in the beginning.
	Keyspace = "warg"
	tablets  = 3
	user     = "warg"
	password = "warg"
)

// Cluster is a Vitess cluster. Its methods are not safe for concurrent use.
type Cluster struct {
	dir     string
	etcd    string // host:port
	control string // of vtctld's gRPC
	gate    string // of vtgate's MySQL protocol
	tablets []*tablet
	all     []*process // in the order in which they were started
}

// Run starts a cluster in a folder, which must exist and have a short name, and
// returns when its primary takes writes. It ends with [Cluster.Close].
func Run(dir string) (*Cluster, error) {
	c := &Cluster{dir: dir}
	for _, step := range []func() error{
		func() error { return c.makeDir(dir) },
		c.startEtcd,
		c.startControl,
		func() error { return c.ctl("CreateKeyspace", "--durability-policy=semi_sync", Keyspace) },
		c.startTablets,
		func() error { return c.ctl("PlannedReparentShard", Keyspace+"/0", "--new-primary="+c.tablets[0].alias) },
		c.startOrc,
		c.startGate,
		c.awaitWrites,
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// makeDir makes a folder, or gives one, to whom the processes run as.
func (c *Cluster) makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil || os.Getuid() != 0 {
		return err
	}
	return errors.Join(os.Chown(dir, nobody, nobody), os.Chmod(dir, 0o755))
}

// vitess is one of the programs that integration/tools/vitess.sh installs. It is
// taken to where everybody may run it.
func (c *Cluster) vitess(name, program string, args ...string) (*process, error) {
	from, err := tools.Path(program)
	if err != nil {
		return nil, fmt.Errorf("%w, and integration/tools/vitess.sh", err)
	}
	path := filepath.Join(c.dir, program)
	if err := put(path, from); err != nil {
		return nil, err
	}
	return &process{name: name, dir: c.dir, path: path, args: args}, nil
}

// put puts a program into a folder, unless it is there.
func put(path, from string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	from, err := filepath.EvalSymlinks(from)
	if err != nil || os.Link(from, path) == nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// mysqld is the MySQL server that WARG_MYSQLD names, or the one that
// integration/tools/vitess.sh has unpacked.
func (c *Cluster) mysqld(name string, args ...string) (*process, error) {
	path := os.Getenv("WARG_MYSQLD")
	if path == "" {
		var err error
		if path, err = tools.Path("mysqld"); err != nil {
			return nil, fmt.Errorf("%w, and integration/tools/vitess.sh", err)
		}
	}
	p := &process{name: name, dir: c.dir, path: path, args: args, self: true}
	if os.Getuid() == 0 {
		p.args = append(p.args, "--user=root")
	}
	return p, nil
}

// start starts a process that ends with the cluster.
func (c *Cluster) start(p *process, ready func(context.Context) error) error {
	c.all = append(c.all, p)
	return p.start(ready)
}
