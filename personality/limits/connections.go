package limits

import (
	"io"
	"net"
	"net/netip"
	"sync"
)

// Connections bounds how many connections of a listener are open: max of all
// clients, and maxPerClient of each one that counts (see [Addresses.Client]).
// Beyond max, new ones wait until one is closed; beyond maxPerClient they are
// closed at once, so that one client cannot take all. Zero is no limit.
func Connections(l net.Listener, max, maxPerClient int, addresses Addresses) net.Listener {
	limited := &listener{Listener: l, maxPerClient: maxPerClient, addresses: addresses, open: map[netip.Prefix]int{}, closed: make(chan struct{})}
	if max > 0 {
		limited.slots = make(chan struct{}, max)
	}
	return limited
}

type listener struct {
	net.Listener
	slots        chan struct{} // nil: no limit
	maxPerClient int
	addresses    Addresses
	closed       chan struct{}
	closeOnce    sync.Once

	mu   sync.Mutex
	open map[netip.Prefix]int // guarded by mu; connections by client
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.freeSlot()
			return nil, err
		}
		client, counted := l.client(conn)
		if counted && !l.take(client) {
			conn.Close()
			continue
		}
		return &connection{Conn: conn, release: sync.OnceFunc(func() {
			if counted {
				l.put(client)
			}
			l.freeSlot()
		})}, nil
	}
}

// Close implements [net.Listener].
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *listener) freeSlot() {
	if l.slots != nil {
		<-l.slots
	}
}

func (l *listener) client(conn net.Conn) (netip.Prefix, bool) {
	address, ok := parseAddress(conn.RemoteAddr().String())
	if !ok || l.maxPerClient <= 0 {
		return netip.Prefix{}, false
	}
	return l.addresses.Counted(address)
}

func (l *listener) take(client netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.maxPerClient {
		return false
	}
	l.open[client]++
	return true
}

func (l *listener) put(client netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

type connection struct {
	net.Conn
	release func()
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// ReadFrom keeps the connection's way of sending files without copying them.
func (c *connection) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
