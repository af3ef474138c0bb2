// Package trillian runs Trillian's own log server and signer for tests and
// benchmarks, on loopback, and puts a network between that can be made to fail.
// integration/tools/trillian.sh installs the two commands.
package trillian

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// patience is how long a process may take to begin or to end. In good order
// Trillian's take 5 to 10 seconds.
const patience = 30 * time.Second

// Config says how a log server or a signer runs.
type Config struct {
	// DSN is the database, with Trillian's schema in it ([LoadSchema]).
	DSN string
	// PostgreSQL is the URI of one there, with Trillian's schema for it, in place of
	// DSN.
	PostgreSQL string
	// Release is a version that integration/tools/trillians.sh has installed, such as
	// v1.6.1, in place of the one that integration/tools/trillian.sh has.
	Release string
	// MaxConns bounds the connections to the database. 0: 20. Without a bound
	// the log server's starve the signer's.
	MaxConns int
	// CertFile and KeyFile have it serve TLS, gRPC and HTTP; both or neither.
	CertFile, KeyFile string
	// Args are further flags; they win over those that are set otherwise.
	Args []string
}

// Process is a log server or a signer. It ends with this process, if not before.
// Its methods are not safe for concurrent use.
type Process struct {
	RPC  string // where it serves gRPC, host:port; stays when it starts again
	HTTP string // where it serves /metrics and /healthz, host:port; stays too

	command string // path of the executable
	args    []string
	scheme  string // of HTTP
	output  *output
	process *exec.Cmd     // nil when it does not run
	exited  chan struct{} // closed when process has ended
}

// RunLogServer starts a log server and returns when it serves.
func RunLogServer(c Config) (*Process, error) { return run("trillian_log_server", c) }

// RunSigner starts a signer that looks for queued leaves each 100 ms, in all
// logs. A database must have one at most.
func RunSigner(c Config) (*Process, error) {
	c.Args = append([]string{"--force_master", "--sequencer_interval=100ms"}, c.Args...)
	return run("trillian_log_signer", c)
}

func run(name string, c Config) (*Process, error) {
	command, err := Tool(c.Release, name)
	if err != nil {
		return nil, err
	}
	p := &Process{command: command, scheme: "http", output: new(output)}
	if p.RPC, err = freeAddress(); err != nil {
		return nil, err
	}
	if p.HTTP, err = freeAddress(); err != nil {
		return nil, err
	}
	if p.args, err = c.database(); err != nil {
		return nil, err
	}
	p.args = append(p.args,
		"--rpc_endpoint="+p.RPC, "--http_endpoint="+p.HTTP,
		"--quota_system=noop", // the other one asks the database about its queue at each leaf, which costs a third
	)
	if c.CertFile != "" {
		p.scheme = "https"
		p.args = append(p.args, "--tls_cert_file="+c.CertFile, "--tls_key_file="+c.KeyFile)
	}
	p.args = append(p.args, c.Args...)
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// database returns the flags that say where the database is.
func (c Config) database() ([]string, error) {
	if c.MaxConns == 0 {
		c.MaxConns = 20
	}
	conns := strconv.Itoa(c.MaxConns)
	if c.PostgreSQL != "" {
		uri, err := url.Parse(c.PostgreSQL)
		if err != nil {
			return nil, err
		}
		query := uri.Query()
		query.Set("pool_max_conns", conns)
		uri.RawQuery = query.Encode()
		return []string{"--storage_system=postgresql", "--postgresql_uri=" + uri.String()}, nil
	}
	dsn, err := mysql.ParseDSN(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("data source name %q: %w", c.DSN, err)
	}
	dsn.InterpolateParams = true // one round trip for each statement, not three
	return []string{"--mysql_uri=" + dsn.FormatDSN(), "--mysql_max_conns=" + conns, "--mysql_max_idle_conns=" + conns}, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start starts a process that was stopped or killed, at the same addresses, and
// returns when it serves.
func (p *Process) Start() error {
	c := exec.Command(p.command, p.args...)
	c.Stdout, c.Stderr = p.output, p.output
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	p.process, p.exited = c, exited
	return p.awaitServing()
}

func (p *Process) awaitServing() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := p.serves(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s did not start: %v; its output:\n%s", p.command, p.process.ProcessState, p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve after %v: %w; its output:\n%s", p.command, patience, err, p.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serves asks for its health, which includes the database's, and then whether
// the gRPC port is open.
func (p *Process) serves(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.scheme+"://"+p.HTTP+"/healthz", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the certificate is not what is asked about here
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz: %s", response.Status)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.RPC)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Stop ends the process in good order, which takes it 5 to 10 seconds.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill ends the process at once, with SIGKILL.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Pause hangs the process until [Process.Resume]. What it was about to answer may
// still come.
func (p *Process) Pause() error { return p.process.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.process.Process.Signal(syscall.SIGCONT) }

// end does nothing if the process does not run.
func (p *Process) end(sig os.Signal) error {
	if p.process == nil {
		return nil
	}
	if err := p.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		p.process = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended %v after %v", p.command, patience, sig)
	}
}

// output keeps the end of what is written to it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	const most = 64 << 10
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	o.text.Next(max(0, o.text.Len()-most))
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
