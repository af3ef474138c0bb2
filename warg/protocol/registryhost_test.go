package protocol

import (
	"strings"
	"testing"
)

func TestCheckRegistryHost(t *testing.T) {
	for _, good := range []string{
		"registry.example.com", "registry.example.com:8090", "localhost", "localhost:1", "127.0.0.1", "127.0.0.1:65535",
		"[::1]", "[2001:db8::1]:443", "xn--bcher-kva.example", "a-1.example", strings.Repeat("a", 63) + ".example",
	} {
		if err := CheckRegistryHost(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", " ", "https://registry.example.com", "registry.example.com/", "..", "a..b", ".a", "a.", "-a.example", "a-.example",
		"user@example.com", "example.com:", "example.com:0", "example.com:65536", "example.com:080", "example.com:+1", "example.com:http", ":8090",
		"a b", "a\n", "a\x00b", "\x1b[31m", "a=b", "b\u00fccher.example", "\xff\xfe", "::1", "[::1", "[1.2.3.4]", "[fe80::1%eth0]", "[]:1",
		"a_b.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a", 60<<10), strings.Repeat("a.", 127) + "a", "a?b", "a#b", "*.example",
	} {
		if err := CheckRegistryHost(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
