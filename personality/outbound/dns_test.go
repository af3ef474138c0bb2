package outbound

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server that answers with the next of a name's addresses each time, and
// with the last for ever.
type names struct {
	mu        sync.Mutex
	addresses map[string][]string // guarded by mu; by name with a dot at the end
	asked     map[string]int      // guarded by mu
}

// resolver starts the server and returns a resolver that asks it alone.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	n.mu.Lock()
	n.asked = map[string]int{}
	n.mu.Unlock()
	go func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer, err := n.answer(buffer[:size]); err != nil {
				t.Errorf("the resolver asked %x: %v", buffer[:size], err)
			} else {
				socket.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func (n *names) answer(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions[:1]}
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.addresses[q.Name.String()]
	if len(all) == 0 {
		reply.RCode = dnsmessage.RCodeNameError
		return reply.Pack()
	}
	a := netip.MustParseAddr(all[min(n.asked[q.Name.String()], len(all)-1)])
	header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}
	switch {
	case a.Is4() && q.Type == dnsmessage.TypeA:
		n.asked[q.Name.String()]++
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: a.As4()}}}
	case a.Is6() && q.Type == dnsmessage.TypeAAAA:
		n.asked[q.Name.String()]++
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}}
	}
	return reply.Pack()
}
