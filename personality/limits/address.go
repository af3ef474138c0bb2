package limits

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Addresses tells clients apart by their network address. The zero value
// trusts no proxy.
type Addresses struct {
	// Trusted are the networks of the proxies whose X-Forwarded-For is believed.
	Trusted []netip.Prefix
}

// Client returns who to count a request for: an IPv4 address, or the /64 of an
// IPv6 address, of which one client commonly has all. Behind trusted proxies it
// is the last address in X-Forwarded-For that is not one of theirs: what stands
// before it is the client's own claim.
//
// ok is false for those who are never counted: loopback, which is this machine
// itself or a proxy on it that nobody declared, and a trusted proxy that says
// nothing of its client. Counting either would shut out everybody behind it.
func (a Addresses) Client(r *http.Request) (client netip.Prefix, ok bool) {
	address, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	if a.trusts(address) {
		address = a.forwarded(address, r.Header.Values("X-Forwarded-For"))
	}
	return a.Counted(address)
}

// Counted returns the network that an address is counted for, and whether it is
// counted at all; see [Addresses.Client].
func (a Addresses) Counted(address netip.Addr) (netip.Prefix, bool) {
	if address.IsLoopback() || a.trusts(address) {
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
// no address, with the last one that was.
func (a Addresses) forwarded(peer netip.Addr, headers []string) netip.Addr {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseAddress(strings.TrimSpace(hop))
		if !ok {
			return peer
		}
		if peer = address; !a.trusts(peer) {
			return peer
		}
	}
	return peer
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
