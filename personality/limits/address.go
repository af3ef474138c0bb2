package limits

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Addresses tells clients apart by their network address. The zero value
// trusts no proxy.
type Addresses struct {
	// Trusted are the networks of the proxies whose X-Forwarded headers are
	// believed.
	Trusted []netip.Prefix
	// CountLoopback counts loopback addresses as any other.
	CountLoopback bool
}

// Client returns who to count a request for: an IPv4 address, or the /64 of an
// IPv6 address, of which one client commonly has all. Behind trusted proxies it
// is the last address in X-Forwarded-For that is not one of theirs: what stands
// before it is the client's own claim.
//
// ok is false, and client the zero Prefix, for those who are not counted:
// loopback (but for CountLoopback), which is this machine itself or a proxy on it
// that nobody declared, and a trusted proxy that says nothing of its client.
// Counting either would shut out everybody behind it.
func (a Addresses) Client(r *http.Request) (client netip.Prefix, ok bool) {
	address, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	if a.trusts(address) {
		address, _ = a.forwarded(address, list(r, "X-Forwarded-For"))
	}
	return a.Counted(address)
}

// HTTPS reports whether the client came by TLS: to this server, or to the
// trusted proxies before it, as they say in X-Forwarded-Proto. Of a list it is
// what the proxy said that also noted the client in X-Forwarded-For.
func (a Addresses) HTTPS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, ok := parseAddress(r.RemoteAddr)
	schemes := list(r, "X-Forwarded-Proto")
	if !ok || !a.trusts(peer) || len(schemes) == 0 {
		return false
	}
	_, hop := a.forwarded(peer, list(r, "X-Forwarded-For"))
	return strings.EqualFold(schemes[max(0, len(schemes)-1-hop)], "https")
}

// list reads a header that holds a comma-separated list.
func list(r *http.Request, header string) []string {
	values := r.Header.Values(header)
	if len(values) == 0 {
		return nil
	}
	items := strings.Split(strings.Join(values, ","), ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// Counted returns the network that an address is counted for, and whether it is
// counted at all; see [Addresses.Client].
func (a Addresses) Counted(address netip.Addr) (netip.Prefix, bool) {
	if address.IsLoopback() && !a.CountLoopback || a.trusts(address) {
		return netip.Prefix{}, false
	}
	bits := 32
	if address.Is6() {
		bits = 64
	}
	client, err := address.Prefix(bits)
	return client, err == nil
}

// forwarded walks back through the hops that proxies noted. It stops at what is
// no address, with the last one that was; hop is how many come behind it in the
// list.
func (a Addresses) forwarded(peer netip.Addr, hops []string) (client netip.Addr, hop int) {
	for i, noted := range slices.Backward(hops) {
		address, ok := parseAddress(noted)
		if !ok {
			return peer, hop
		}
		peer, hop = address, len(hops)-1-i
		if !a.trusts(peer) {
			return peer, hop
		}
	}
	return peer, hop
}

func (a Addresses) trusts(address netip.Addr) bool {
	for _, network := range a.Trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// parseAddress reads an address with or without a port. IPv4 within IPv6 is
// IPv4, and zones are dropped.
func parseAddress(s string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}

type clientKey struct{}

// WithClient returns a context of a request of the client.
func WithClient(ctx context.Context, client netip.Prefix) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

// ClientOf returns the client whose request a context belongs to; the zero Prefix
// if there is none or it is not counted.
func ClientOf(ctx context.Context) netip.Prefix {
	client, _ := ctx.Value(clientKey{}).(netip.Prefix)
	return client
}
