package limits

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"
)

func TestClient(t *testing.T) {
	proxies := Addresses{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, test := range []struct {
		name      string
		addresses Addresses
		peer      string
		forwarded []string
		want      string // empty: not counted
	}{
		{"IPv4", Addresses{}, "192.0.2.7:1234", nil, "192.0.2.7/32"},
		{"IPv4 within IPv6", Addresses{}, "[::ffff:192.0.2.7]:1234", nil, "192.0.2.7/32"},
		{"IPv6 by its /64", Addresses{}, "[2001:db8:1:2:3:4:5:6]:1234", nil, "2001:db8:1:2::/64"},
		{"zone", Addresses{}, "[fe80::1%eth0]:1234", nil, "fe80::/64"},
		{"loopback", Addresses{}, "127.0.0.1:1234", nil, ""},
		{"no address", Addresses{}, "@", nil, ""},
		{"nobody is trusted", Addresses{}, "10.0.0.1:1", []string{"192.0.2.7"}, "10.0.0.1/32"},
		{"behind a proxy", proxies, "10.0.0.1:1", []string{"192.0.2.7"}, "192.0.2.7/32"},
		{"with a port", proxies, "[fd00::1]:1", []string{"192.0.2.7:5"}, "192.0.2.7/32"},
		{"behind two proxies", proxies, "10.0.0.1:1", []string{"192.0.2.7, 10.2.2.2"}, "192.0.2.7/32"},
		{"client's own claim", proxies, "10.0.0.1:1", []string{"198.51.100.1, 192.0.2.7"}, "192.0.2.7/32"},
		{"in two headers", proxies, "10.0.0.1:1", []string{"198.51.100.1", "192.0.2.7"}, "192.0.2.7/32"},
		{"garbage before", proxies, "10.0.0.1:1", []string{"x, 192.0.2.7"}, "192.0.2.7/32"},
		{"only garbage", proxies, "10.0.0.1:1", []string{"x"}, ""},
		{"a silent proxy", proxies, "10.0.0.1:1", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, counted := test.addresses.Client(&http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}})
			if got := client.String(); counted != (test.want != "") || counted && got != test.want {
				t.Errorf("client is %s, counted: %v; want %q", got, counted, test.want)
			}
		})
	}
}

func TestCountLoopback(t *testing.T) {
	r := &http.Request{RemoteAddr: "127.0.1.7:1234"}
	if _, counted := (Addresses{}).Client(r); counted {
		t.Error("loopback is counted")
	}
	if client, counted := (Addresses{CountLoopback: true}).Client(r); !counted || client.String() != "127.0.1.7/32" {
		t.Errorf("client is %s, counted: %v", client, counted)
	}
	trusted := Addresses{CountLoopback: true, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if client, counted := trusted.Client(r); counted {
		t.Errorf("a trusted proxy is counted as %s", client)
	}
}

// What is said of TLS is believed of trusted proxies alone, and for the hop that
// the client came by.
func TestHTTPS(t *testing.T) {
	proxies := Addresses{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, test := range []struct {
		name, peer    string
		clients       []string // X-Forwarded-For
		schemes       []string // X-Forwarded-Proto
		https         bool
		terminatesTLS bool
	}{
		{name: "TLS to this server", peer: "192.0.2.7:1", terminatesTLS: true, https: true},
		{name: "TLS to this server, whatever is said", peer: "192.0.2.7:1", schemes: []string{"http"}, terminatesTLS: true, https: true},
		{name: "no header", peer: "10.0.0.1:1"},
		{name: "a stranger's claim", peer: "192.0.2.7:1", schemes: []string{"https"}},
		{name: "loopback that nobody declared", peer: "127.0.0.1:1", schemes: []string{"https"}},
		{name: "a proxy", peer: "10.0.0.1:1", clients: []string{"192.0.2.7"}, schemes: []string{"HTTPS"}, https: true},
		{name: "a proxy that says nothing of its client", peer: "10.0.0.1:1", schemes: []string{"https"}, https: true},
		{name: "a list", peer: "10.0.0.1:1", clients: []string{"192.0.2.7, 10.0.0.2"}, schemes: []string{"https, https"}, https: true},
		{name: "two headers", peer: "10.0.0.1:1", clients: []string{"192.0.2.7", "10.0.0.2"}, schemes: []string{"https", "http"}, https: true},
		{name: "only the first hop said it", peer: "10.0.0.1:1", clients: []string{"192.0.2.7, 10.0.0.2"}, schemes: []string{"https"}, https: true},
		{name: "TLS only between proxies", peer: "10.0.0.1:1", clients: []string{"192.0.2.7, 10.0.0.2"}, schemes: []string{"http, https"}},
		{name: "the client's own claim", peer: "10.0.0.1:1", clients: []string{"198.51.100.1, 192.0.2.7"}, schemes: []string{"https, http"}},
		{name: "garbage", peer: "10.0.0.1:1", schemes: []string{"ftp,"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.clients, "X-Forwarded-Proto": test.schemes}}
			if test.terminatesTLS {
				r.TLS = new(tls.ConnectionState)
			}
			if got := proxies.HTTPS(r); got != test.https {
				t.Errorf("TLS: %v, want %v", got, test.https)
			}
		})
	}
}
