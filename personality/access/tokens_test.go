package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	alice, aliceToken := NewToken("alice", Publish)
	bob, bobToken := NewToken("", Read)
	if alice == bob || strings.Contains(aliceToken.String(), alice) {
		t.Fatalf("tokens %q and %q, line %q", alice, bob, aliceToken)
	}
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# the tokens\n\n" + aliceToken.String() + " # of Alice\r\n" + bobToken.Hash.String())
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(token string, want Permission) {
		t.Helper()
		if got, known := tokens.Find(token); got.Permission != want || known != (want != None) {
			t.Errorf("the bearer of %q may %d, want %d", token, got.Permission, want)
		}
	}
	expect(alice, Publish)
	expect(bob, Read)
	expect("", None)
	expect(alice+" ", None)
	expect(aliceToken.Hash.String(), None) // what the file holds opens nothing

	write("no token\n")
	if err := tokens.Reload(); err == nil {
		t.Error("a wrong file was read")
	}
	expect(alice, Publish)
	write(bobToken.String())
	if err := tokens.Reload(); err != nil {
		t.Error(err)
	}
	expect(alice, None)
	expect(bob, Read)
}

func TestParseTokens(t *testing.T) {
	_, token := NewToken("a", Publish)
	hash := token.Hash.String()
	for text, want := range map[string]Token{
		hash:                        {token.Hash, "", Read},
		hash + " publish":           {token.Hash, "", Publish},
		hash + " read read":         {token.Hash, "read", Read},
		"\t" + hash + "\ta publish": token,
		token.String():              token,
	} {
		if got, err := ParseTokens([]byte(text)); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"alice", "warg_secret publish", hash + " a b publish", hash + " a publish x", hash + "\n" + hash + " again", strings.ToUpper(hash)} {
		_, err := ParseTokens([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "line ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
