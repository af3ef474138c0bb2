// Package mariadb runs a real MariaDB server for tests and benchmarks: in a
// folder of its own, on 127.0.0.1 and a port of its own, durable as in
// production. It can be killed, hung and started again on the same data.
//
// Where the environment names a mysqld in WARG_MYSQLD, that is run instead: a
// MySQL server, 8.0.30 or later.
package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	user     = "warg"
	password = "warg"
	// How long a server may take to begin, with recovery after a crash, or to
	// end.
	patience = 60 * time.Second
)

// Server is a MariaDB server. Its methods may be called at the same time,
// but for those that start and end the process.
type Server struct {
	dir     string // what belongs to it: data, socket, error log
	port    int
	process *exec.Cmd     // nil when it is not running
	exited  chan struct{} // closed when process has ended
	admin   *sql.DB       // as root, through the socket

	mu    sync.Mutex
	count int // databases that were made, for their names; guarded by mu
}

// Run makes a server with empty data in a folder, which must exist and whose
// name must be short (the path of a socket in it may have 107 bytes), and
// starts it. The server ends with
// [Server.Close], and with this process.
func Run(dir string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, port: port}
	if err := s.install(); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(s.adminConfig())
	if err != nil {
		return nil, err
	}
	s.admin = sql.OpenDB(connector)
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, statement := range []string{
		fmt.Sprintf(`CREATE USER '%s'@'127.0.0.1' IDENTIFIED BY '%s'`, user, password),
		fmt.Sprintf(`GRANT ALL PRIVILEGES ON *.* TO '%s'@'127.0.0.1'`, user),
	} {
		if _, err := s.admin.Exec(statement); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", statement, err), s.Close())
		}
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) data() string   { return filepath.Join(s.dir, "data") }
func (s *Server) tmp() string    { return filepath.Join(s.dir, "tmp") } // a server empties its own when it starts
func (s *Server) socket() string { return filepath.Join(s.dir, "socket") }
func (s *Server) errors() string { return filepath.Join(s.dir, "error.log") }

// command finds a command of the database's packages. Debian keeps the server where
// not everybody's PATH leads.
func command(name string, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			return nil, fmt.Errorf("%s is not installed: run `make tools`", name)
		}
	}
	return exec.Command(path, append([]string{"--no-defaults"}, args...)...), nil
}

// asUser names the user that a server begun by root is to run as: root, since
// the folder belongs to it.
func asUser(args []string) []string {
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

func (s *Server) install() error {
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		return err
	}
	name, args := "mariadb-install-db", []string{"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=48M"}
	if path := mysqld(); path != "" {
		name, args = path, []string{"--initialize-insecure", "--secure-file-priv=NULL"}
	}
	c, err := command(name, asUser(append(args, "--datadir="+s.data(), "--tmpdir="+s.tmp()))...)
	if err != nil {
		return err
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	return nil
}

// mysqld is the program of a MySQL server to run instead of MariaDB; empty if
// there is none.
func mysqld() string { return os.Getenv("WARG_MYSQLD") }

// Start starts a server that was stopped or killed on its data, and returns
// when it takes connections.
func (s *Server) Start() error {
	name, args := "mariadbd", []string{"--innodb-log-file-size=48M"}
	if path := mysqld(); path != "" {
		name, args = path, []string{"--innodb-redo-log-capacity=96M", "--mysqlx=OFF", "--secure-file-priv=NULL"}
	}
	c, err := command(name, asUser(append(args,
		"--datadir="+s.data(), "--tmpdir="+s.tmp(), "--socket="+s.socket(), "--pid-file="+filepath.Join(s.dir, "pid"), "--log-error="+s.errors(),
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.port), "--skip-name-resolve", "--max-connections=500",
		"--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=1",
	))...)
	if err != nil {
		return err
	}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	s.process, s.exited = c, exited
	return s.awaitConnections()
}

func (s *Server) awaitConnections() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server did not start: %v; its log ends with:\n%s", s.process.ProcessState, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the server takes no connections after %v: %w; its log ends with:\n%s", patience, err, s.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) logTail() string {
	log, err := os.ReadFile(s.errors())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Stop ends the server in order; it can be started again. Stopping one that
// does not run does nothing.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Close ends the server for good. Its data stay in the folder.
func (s *Server) Close() error {
	s.admin.Close() // complains of connections that the server has ended
	return s.Stop()
}

// Kill ends the server at once, with SIGKILL.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Pause hangs the server, as a network does that drops every packet, until
// [Server.Resume].
func (s *Server) Pause() error { return s.process.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() error { return s.process.Process.Signal(syscall.SIGCONT) }

func (s *Server) end(sig os.Signal) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		s.process = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("mariadbd has not ended %v after %v", patience, sig)
	}
}

func (s *Server) adminConfig() *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = "root", "unix", s.socket()
	c.Logger = &mysql.NopLogger{} // it is asked before it listens
	return c
}

// Admin is a connection pool with all rights, for KILL and the like.
func (s *Server) Admin() *sql.DB { return s.admin }

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// DSN returns the data source name of a database, in go-sql-driver's form.
func (s *Server) DSN(database string) string {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "tcp", s.Addr(), database
	return c.FormatDSN()
}

// NewDatabase makes an empty database and returns its data source name.
func (s *Server) NewDatabase() (string, error) {
	s.mu.Lock()
	s.count++
	name := fmt.Sprintf("test_%d", s.count)
	s.mu.Unlock()
	if _, err := s.admin.Exec("CREATE DATABASE " + name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return s.DSN(name), nil
}
