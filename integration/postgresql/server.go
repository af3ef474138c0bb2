// Package postgresql runs a real PostgreSQL server for tests: in a folder of its
// own, on 127.0.0.1 and a port of its own, durable as in production. It can be
// killed and started again on the same data.
package postgresql

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	role     = "warg"
	password = "warg"
	// How long a server may take to begin, with recovery after a crash, or to end.
	patience = 60 * time.Second
)

// Server is a PostgreSQL server. Its methods are not safe for concurrent use.
type Server struct {
	dir     string // what belongs to it: data, error log
	port    string
	as      *syscall.Credential // whom it runs as; nil: the user of the tests
	process *exec.Cmd           // nil when it is not running
	exited  chan struct{}       // closed when process has ended
}

// Start returns a server that ends, with its data, when the test does.
func Start(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "postgresql")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{dir: dir}
	err = s.install()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(errors.Join(err, s.Kill()))
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Program returns the path of a program of PostgreSQL, of the newest version there
// is. Debian keeps them where nobody's PATH leads.
func Program(name string) (string, error) {
	paths, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(paths) == 0 {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("%w: run integration/tools/trillians.sh", err)
		}
		return path, nil
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return slices.MaxFunc(paths, func(a, b string) int { return version(a) - version(b) }), nil
}

// Version returns what the server says its version is.
func Version() (string, error) {
	program, err := Program("postgres")
	if err != nil {
		return "", err
	}
	said, err := exec.Command(program, "--version").Output()
	return strings.TrimSpace(string(said)), err
}

// command makes a command that runs as the server's user.
func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	program, err := Program(name)
	if err != nil {
		return nil, err
	}
	c := exec.Command(program, args...)
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: s.as}
	return c, nil
}

// install makes empty data. PostgreSQL does not run as root: then it runs as the user
// that Debian's package has made, and the folder belongs to that.
func (s *Server) install() error {
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("PostgreSQL does not run as root: %w", err)
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr, os.Chown(s.dir, int(uid), int(gid))); err != nil {
			return err
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, s.port, _ = net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		return err
	}
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if s.as != nil {
		if err := os.Chown(passwordFile, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	c, err := s.command("initdb", "--pgdata="+s.data(), "--username="+role, "--auth=scram-sha-256", "--pwfile="+passwordFile,
		"--encoding=UTF8", "--locale=C")
	if err != nil {
		return err
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// URI is that of a database of the server, which there is from the beginning.
func (s *Server) URI() string {
	u := url.URL{
		Scheme: "postgresql", User: url.UserPassword(role, password), Host: net.JoinHostPort("127.0.0.1", s.port),
		Path: "postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Start starts a server that was killed on its data, and returns when it takes
// connections.
func (s *Server) Start() error {
	c, err := s.command("postgres", "-D", s.data(), "-p", s.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=on", "-c", "synchronous_commit=on")
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	s.process, s.exited = c, exited
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := s.psql(strings.NewReader("SELECT 1"))
		if err == nil {
			return nil
		}
		select {
		case <-exited:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("PostgreSQL does not take connections: %w\n%s", err, said)
	}
}

// Load executes the statements of a file; the first error ends it.
func (s *Server) Load(file string) error {
	statements, err := os.Open(file) // which the server's user need not be able to
	if err != nil {
		return err
	}
	defer statements.Close()
	if err := s.psql(statements); err != nil {
		return fmt.Errorf("load %s: %w", file, err)
	}
	return nil
}

func (s *Server) psql(statements io.Reader) error {
	c, err := s.command("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", s.URI())
	if err != nil {
		return err
	}
	c.Stdin = statements
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// Kill ends the server at once, as a crash does: nothing is written any more, and the
// next start has to recover. It takes SIGQUIT for that, since after SIGKILL its other
// processes may still be there when it starts again. Killing one that does not run does
// nothing.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		s.process = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("PostgreSQL has not ended %v after SIGQUIT", patience)
	}
}
