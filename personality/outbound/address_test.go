package outbound

import (
	"net/netip"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "100.63.255.255": true, "100.128.0.0": true, "172.15.0.1": true, "172.32.0.1": true,
		"2606:4700::1111": true, "2a00:1450:4001::1": true, "::ffff:1.1.1.1": true, "64:ff9b::1.1.1.1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "100.64.0.1": false, "100.100.100.200": false, "127.0.0.1": false, "127.255.0.1": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.168.0.1": false, "198.18.0.1": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false, "168.63.129.16": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,

		"::": false, "::1": false, "::127.0.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "2606:4700::1111%eth0": false, "fec0::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "2001:db8::1": false, "3fff::1": false, "5f00::1": false, "100::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::127.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1.1.1.1": false,
		"2002:7f00:1::1": false, "2002:a9fe:a9fe::1": false, "2001:0:4136:e378:8000:63bf:3fff:fdd2": false,
	} {
		if got := Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %v, want %v", text, got, want)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestCheck(t *testing.T) {
	c := New(Options{})
	for _, url := range []string{
		"https://example.com/a.wasm", "https://example.com./a.wasm", "https://example.com:443/a?b=c", "https://EXAMPLE.com:80/", "https://xn--bcher-kva.example.org/",
		"https://1.1.1.1/", "https://[2606:4700::1111]/a", "https://a_b.example.com/%2e%2e/",
	} {
		if err := c.Check(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, want := range map[string]string{
		"":                                                  "not one such as",
		"example.com/a":                                     "not one such as",
		"//example.com/a":                                   "not one such as",
		"ftp://example.com/a":                               "not one such as",
		"file:///etc/passwd":                                "not one such as",
		"gopher://example.com/":                             "not one such as",
		"https:example.com":                                 "not one such as",
		"https:///a":                                        "not one such as",
		"http://example.com/a":                              "not an https one",
		"https://user@example.com/":                         "user name",
		"https://user:secret@example.com":                   "user name",
		"https://example.com@127.0.0.1/":                    "user name",
		"https://@127.0.0.1/":                               "user name",
		"https://127.0.0.1#@example.com/":                   "public address",
		"https://127.0.0.1?@example.com/":                   "public address",
		"https://example.com\\@127.0.0.1":                   "malformed",
		"https://exa mple.com/":                             "malformed",
		"https://example.com\n/":                            "malformed",
		"https://example.com:8080/":                         "another port",
		"https://example.com:22/":                           "another port",
		"https://example.com:65979/":                        "another port",
		"https://127.0.0.1/":                                "public address",
		"https://[::1]/":                                    "public address",
		"https://[::ffff:127.0.0.1]/":                       "public address",
		"https://[::ffff:7f00:1]/":                          "public address",
		"https://[64:ff9b::7f00:1]/":                        "public address",
		"https://[fe80::1%25eth0]/":                         "public address",
		"https://169.254.169.254/latest":                    "public address",
		"https://2130706433/":                               "full name",
		"https://0177.0.0.1/":                               "full name",
		"https://0x7f.0.0.1/":                               "full name",
		"https://0x7f000001/":                               "full name",
		"https://127.1/":                                    "full name",
		"https://127.0.0.1./":                               "full name",
		"https://1.1.1.1./":                                 "full name",
		"https://127.0.0.0x1/":                              "full name",
		"https://１２７.０.０.１/":                                "full name",
		"https://127。0。0。1/":                                "full name",
		"https://ⓔxample.com/":                              "full name",
		"https://%31%32%37.0.0.1/":                          "malformed",
		"https://localhost/":                                "full name",
		"https://database/":                                 "full name",
		"https://localhost./":                               "full name",
		"https://a.localhost./":                             "public address",
		"https://a.LOCALHOST/":                              "public address",
		"https://metadata.google.internal/computeMetadata/": "public address",
		"https://printer.local/":                            "public address",
		"https://-a.example.com/":                           "full name",
		"https://example..com/":                             "full name",
		"https://example.com/" + strings.Repeat("a", 2048):  "longer than 2048",
	} {
		err := c.Check(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if err := New(Options{AllowHTTP: true}).Check("http://example.com/"); err != nil {
		t.Error(err)
	}
	if err := New(Options{AllowPrivate: true}).Check("https://localhost:8443/"); err != nil {
		t.Error(err)
	}
}

func TestRedacted(t *testing.T) {
	for url, want := range map[string]string{
		"https://user:secret@example.com/a/b?signature=secret#secret": "https://example.com/a/b",
		"https://example.com": "https://example.com",
		"https://%zz/secret":  "(malformed)",
	} {
		if got := Redacted(url); got != want {
			t.Errorf("%s: %s", url, got)
		}
	}
}
