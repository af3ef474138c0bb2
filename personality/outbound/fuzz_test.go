package outbound

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// What is taken names a host by its full name or by a public address, and nothing in it is
// read in two ways.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{"https://example.com/a", "https://1.1.1.1:443/", "https://[::ffff:127.0.0.1]/", "https://a@b.example/", "https://0x7f.1/", "https://127.0.0.1.:443/", "https://a.b\\@c.d/"} {
		f.Add(text)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, text string) {
		if c.Check(text) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.User != nil || strings.ContainsAny(u.Host, "@\\%/ \t\n") {
			t.Fatalf("%q is taken", text)
		}
		host := u.Hostname()
		if a, err := netip.ParseAddr(host); err == nil {
			if !Public(a) {
				t.Errorf("%q is taken", text)
			}
			return
		}
		labels := strings.Split(strings.TrimSuffix(host, "."), ".")
		last := labels[len(labels)-1]
		if len(labels) < 2 || last[0] < 'A' {
			t.Errorf("%q is taken, whose host some resolvers take for an address", text)
		}
		if again := Redacted(text); strings.Contains(again, "?") || strings.Contains(again, "#") {
			t.Errorf("%q in log lines", again)
		}
	})
}
