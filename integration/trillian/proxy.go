package trillian

import (
	"io"
	"net"
	"sync"
)

// Mode is what a network does.
type Mode int

const (
	// Forward passes all that comes, at first what was held back.
	Forward Mode = iota
	// Hang accepts connections and passes nothing, in no direction, without a
	// word to either side.
	Hang
	// Refuse breaks the connections that there are and accepts none.
	Refuse
)

// Proxy is a network that can be made to fail: it listens on an address of its
// own and passes each connection on to another. Its methods are safe for
// concurrent use.
type Proxy struct {
	address string // where it listens, and clients go
	target  string // where connections are passed on to

	mu       sync.Mutex
	changed  *sync.Cond            // on mu; the mode has changed
	mode     Mode                  // guarded by mu
	closed   bool                  // guarded by mu
	listener net.Listener          // nil while connections are refused; guarded by mu
	conns    map[net.Conn]struct{} // both sides of all connections; guarded by mu
	running  sync.WaitGroup        // the goroutines that serve
}

// NewProxy returns a proxy to target, host:port, that forwards.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{address: l.Addr().String(), target: target, listener: l, conns: make(map[net.Conn]struct{})}
	p.changed = sync.NewCond(&p.mu)
	p.running.Go(func() { p.accept(l) })
	return p, nil
}

// Addr is where clients go, host:port.
func (p *Proxy) Addr() string { return p.address }

// Set changes what happens, to connections that there are as well.
func (p *Proxy) Set(mode Mode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	p.changed.Broadcast()
	if mode == Refuse {
		return p.breakAll()
	}
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.listener = l
	p.running.Go(func() { p.accept(l) })
	return nil
}

// Close breaks all connections and waits until nothing of the proxy runs.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	err := p.breakAll()
	p.mu.Unlock()
	p.running.Wait()
	return err
}

// breakAll is called with mu held.
func (p *Proxy) breakAll() (err error) {
	if p.listener != nil {
		err = p.listener.Close()
		p.listener = nil
	}
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
	return err
}

// accept ends when the listener is closed.
func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.drop(client)
	if !p.keep(client) || !p.pass() {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.drop(server)
	if !p.keep(server) {
		return
	}
	p.running.Go(func() {
		p.copy(server, client)
		p.drop(server) // ends the copying below
	})
	p.copy(client, server)
}

// copy copies until one side ends.
func (p *Proxy) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !p.pass() {
			return
		}
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil || err != nil {
			return
		}
	}
}

// pass waits while the network hangs, and returns whether it goes on.
func (p *Proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mode == Hang && !p.closed {
		p.changed.Wait()
	}
	return p.mode == Forward && !p.closed
}

// keep returns false if connections are not wanted any more.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mode == Refuse {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.Close()
}
