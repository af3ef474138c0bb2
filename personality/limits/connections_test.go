package limits

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// fromAddress gives connections the address that the test wants.
type fromAddress struct {
	net.Listener
	address net.Addr
}

type addressed struct {
	net.Conn
	address net.Addr
}

func (l fromAddress) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return addressed{conn, l.address}, err
}

func (a addressed) RemoteAddr() net.Addr { return a.address }

// connections accepts on a limited listener and hands on what it accepted.
func connections(t *testing.T, max, perClient int, address string, a Addresses) (dial func() net.Conn, accepted <-chan net.Conn) {
	t.Helper()
	below, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Connections(fromAddress{below, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}, max, perClient, a)
	out, ended := make(chan net.Conn, 100), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			out <- conn
		}
	}()
	t.Cleanup(func() {
		l.Close()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Error("Accept still waits after Close")
		}
	})
	return func() net.Conn {
		conn, err := net.Dial("tcp", below.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}, out
}

func none(t *testing.T, accepted <-chan net.Conn) {
	t.Helper()
	select {
	case <-accepted:
		t.Error("accepted one too many")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestMaxConnections(t *testing.T) {
	dial, accepted := connections(t, 2, 0, "192.0.2.7:1", Addresses{})
	dial()
	first := <-accepted
	dial()
	<-accepted
	dial()
	none(t, accepted)
	first.Close()
	first.Close() // once only
	<-accepted
	dial()
	none(t, accepted)
}

func TestMaxConnectionsPerClient(t *testing.T) {
	dial, accepted := connections(t, 0, 1, "192.0.2.7:1", Addresses{})
	dial()
	first := <-accepted
	refused := dial()
	refused.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := refused.Read(make([]byte, 1)); err == nil || err == io.ErrNoProgress {
		t.Errorf("the second connection was not closed: %v", err)
	}
	none(t, accepted)
	first.Close()
	dial()
	<-accepted
}

func TestUncountedConnections(t *testing.T) {
	dial, accepted := connections(t, 0, 1, "10.0.0.1:1", Addresses{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for range 5 {
		dial()
		<-accepted
	}
}
