package vitess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long a process may take to begin, or to end: far more than it
// takes on a machine that does nothing else.
const patience = 2 * time.Minute

// nobody is whom Vitess runs as where the tests run as root, which it refuses:
// Debian's user nobody.
const nobody = 65534

// process is one of the programs of a cluster. It ends with this process, if not
// before. Its methods are not safe for concurrent use.
type process struct {
	name    string // of its log file, too
	dir     string // of the cluster
	path    string // of the program
	args    []string
	self    bool          // runs as the user that the tests run as, root or not
	command *exec.Cmd     // nil when it does not run
	exited  chan struct{} // closed when command has ended
}

// attr says how a process is run: ended with this one, and Vitess not as root.
func (p *process) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 && !p.self {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return attr
}

func (p *process) logFile() string { return filepath.Join(p.dir, p.name+".log") }

// start starts the process and returns when ready does not fail any more.
func (p *process) start(ready func(context.Context) error) error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(p.path, p.args...)
	c.Stdout, c.Stderr, c.Dir, c.SysProcAttr = log, log, p.dir, p.attr()
	c.Env = append(os.Environ(), "HOME="+p.dir, "VTDATAROOT="+p.dir)
	if err := c.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	p.command, p.exited = c, exited
	if err := await(ready, exited); err != nil {
		return fmt.Errorf("%s does not serve: %w; its output ends with:\n%s", p.name, err, p.logTail())
	}
	return nil
}

// await calls ready until it does not fail, and fails itself when patience or the
// process is at its end.
func await(ready func(context.Context) error, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return errors.Join(err, errors.New("it has ended"))
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("waited for %v", patience))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listens is a check for [process.start]: something takes connections there.
func listens(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// kill ends the process at once. It does nothing if it does not run.
func (p *process) kill() error {
	if p.command == nil {
		return nil
	}
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		p.command = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended %v after it was killed", p.name, patience)
	}
}

func (p *process) logTail() string {
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freePort is a port of 127.0.0.1 that nothing listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// run runs a process to its end, which must be a good one.
func (p *process) run() error {
	c := exec.Command(p.path, p.args...)
	c.Dir, c.SysProcAttr = p.dir, p.attr()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", p.name, strings.Join(p.args, " "), err, out)
	}
	return nil
}
