package witnesses

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// patience is how long a process may take to begin or to end.
const patience = 30 * time.Second

// process is a program that runs until it is ended, and can be started again with
// the same arguments. It ends with this process, if not before. Its methods are not
// safe for concurrent use.
type process struct {
	path    string
	args    []string
	ready   func(context.Context) error // nil when it serves
	output  output
	running *exec.Cmd     // nil when it does not run
	exited  chan struct{} // closed when running has ended
}

// start returns when the process is ready.
func (p *process) start() error {
	if p.running != nil {
		return fmt.Errorf("%s runs already", p.path)
	}
	c := exec.Command(p.path, p.args...)
	c.Stdout, c.Stderr = &p.output, &p.output
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { c.Wait(); close(exited) }()
	p.running, p.exited = c, exited
	return p.awaitReady()
}

func (p *process) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			state := p.running.ProcessState
			p.running = nil
			return fmt.Errorf("%s did not start: %v; its output:\n%s", p.path, state, &p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve after %v: %w; its output:\n%s", p.path, patience, err, &p.output)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// signal sends a signal to the process, which must run.
func (p *process) signal(sig os.Signal) error {
	if p.running == nil {
		return fmt.Errorf("%s does not run", p.path)
	}
	return p.running.Process.Signal(sig)
}

// end returns when the process has ended; at once if it does not run.
func (p *process) end(sig os.Signal) error {
	if p.running == nil {
		return nil
	}
	if err := p.signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		p.running = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended %v after %v", p.path, patience, sig)
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// output keeps the end of what is written to it. Safe for concurrent use.
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
