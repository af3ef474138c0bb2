package access

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func newLinks(t *testing.T, now *time.Time) (links, another *Links) {
	t.Helper()
	secret := make([]byte, LinksSecretSize)
	rand.Read(secret)
	clock := func() time.Time { return *now }
	var err error
	links, err = NewLinks(secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	another, err = NewLinks(secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	return links, another
}

// writeTokens makes a tokens file of the tokens.
func writeTokens(t *testing.T, path string, all ...Token) {
	t.Helper()
	text := ""
	for _, token := range all {
		text += token.String() + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLinks(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	links, another := newLinks(t, &now)
	path := filepath.Join(t.TempDir(), "tokens")
	_, alice := NewToken("alice", Publish)
	_, bob := NewToken("bob", Read)
	writeTokens(t, path, alice, bob)
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(links.Sign("GET", "/content/a", alice))
	if err != nil {
		t.Fatal(err)
	}
	if holder, ok := another.Holder("GET", "/content/a", query, tokens); !ok || holder != alice {
		t.Errorf("another process of the registry says that the link is of %v, %v", holder, ok)
	}
	with := func(name, value string) url.Values {
		changed := url.Values{}
		for n, v := range query {
			changed[n] = v
		}
		changed.Set(name, value)
		return changed
	}
	stranger, _ := newLinks(t, &now)
	foreign, _ := url.ParseQuery(stranger.Sign("GET", "/content/a", alice))
	for name, c := range map[string]struct {
		method, path string
		query        url.Values
	}{
		"another path":               {"GET", "/content/b", query},
		"another method":             {"POST", "/content/a", query},
		"a longer time":              {"GET", "/content/a", with("expires", "1800000000")},
		"another's token":            {"GET", "/content/a", with("token", bob.linkID())},
		"no token":                   {"GET", "/content/a", with("token", "")},
		"no signature":               {"GET", "/content/a", with("signature", "")},
		"nothing":                    {"GET", "/content/a", nil},
		"a link of another registry": {"GET", "/content/a", foreign},
	} {
		if holder, ok := links.Holder(c.method, c.path, c.query, tokens); ok {
			t.Errorf("valid with %s: %v", name, holder)
		}
	}
	now = now.Add(linkLifetime)
	if _, ok := links.Holder("GET", "/content/a", query, tokens); !ok {
		t.Error("not valid until its end")
	}
	now = now.Add(time.Second)
	if _, ok := links.Holder("GET", "/content/a", query, tokens); ok {
		t.Error("valid after its end")
	}
}

// A link is worth what its token is worth when it is followed.
func TestLinksEndWithTheirToken(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	links, _ := newLinks(t, &now)
	path := filepath.Join(t.TempDir(), "tokens")
	_, alice := NewToken("alice", Publish)
	_, bob := NewToken("bob", Publish)
	writeTokens(t, path, alice, bob)
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(links.Sign("POST", "/content/a", alice))
	if err != nil {
		t.Fatal(err)
	}
	reload := func(all ...Token) {
		t.Helper()
		writeTokens(t, path, all...)
		if err := tokens.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	alice.Permission = Read
	reload(alice, bob)
	if holder, ok := links.Holder("POST", "/content/a", query, tokens); !ok || holder.Permission != Read {
		t.Errorf("the token only reads now; the link is of %v, %v", holder, ok)
	}
	reload(bob)
	if holder, ok := links.Holder("POST", "/content/a", query, tokens); ok {
		t.Errorf("the token is withdrawn, and the link is of %v", holder)
	}
}

func TestUnlink(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	links, _ := newLinks(t, &now)
	_, alice := NewToken("alice", Read)
	query, err := url.ParseQuery("a=b&" + links.Sign("GET", "/x", alice))
	if err != nil {
		t.Fatal(err)
	}
	if Unlink(query); query.Encode() != "a=b" {
		t.Errorf("what is left is %s", query.Encode())
	}
}
