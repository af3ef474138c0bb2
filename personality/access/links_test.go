package access

import (
	"net/url"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestLinks(t *testing.T) {
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	links, err := NewLinks(key, clock)
	if err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(links.Sign("GET", "/content/a"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewLinks(key, clock) // another process of the same registry
	if err != nil || !other.Valid("GET", "/content/a", query) {
		t.Errorf("another process refuses the link (%v)", err)
	}
	longer := url.Values{"expires": {"1800000000"}, "signature": query["signature"]}
	for name, valid := range map[string]bool{
		"another path":   links.Valid("GET", "/content/b", query),
		"another method": links.Valid("POST", "/content/a", query),
		"a longer time":  links.Valid("GET", "/content/a", longer),
		"no signature":   links.Valid("GET", "/content/a", url.Values{"expires": query["expires"]}),
		"nothing":        links.Valid("GET", "/content/a", nil),
	} {
		if valid {
			t.Errorf("valid with %s", name)
		}
	}
	now = now.Add(linkLifetime)
	if !links.Valid("GET", "/content/a", query) {
		t.Error("not valid until its end")
	}
	now = now.Add(time.Second)
	if links.Valid("GET", "/content/a", query) {
		t.Error("valid after its end")
	}
	stranger, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := NewLinks(stranger, clock)
	if err != nil {
		t.Fatal(err)
	}
	query, _ = url.ParseQuery(foreign.Sign("GET", "/content/a"))
	if links.Valid("GET", "/content/a", query) {
		t.Error("a link of another registry is valid")
	}
}
