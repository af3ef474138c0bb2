package limits

import (
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
