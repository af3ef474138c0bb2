package withheld

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func newKey(t *testing.T) protocol.PrivateKey {
	t.Helper()
	key, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keysOf(keys ...protocol.PrivateKey) Keys {
	return func(id protocol.KeyID) (protocol.PublicKey, bool) {
		for _, k := range keys {
			if k.Public().ID() == id {
				return k.Public(), true
			}
		}
		return protocol.PublicKey{}, false
	}
}

var (
	here   = protocol.HashOf([]byte("first record"))
	digest = protocol.HashOf([]byte("content"))
	noon   = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

func sign(t *testing.T, key protocol.PrivateKey, s Statement) Signed {
	t.Helper()
	signed, err := s.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestChain(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	c := NewChain(here)
	first := sign(t, key, c.Next(Statement{Time: noon, Action: Withhold, Digest: digest, Reason: "by order of a court", Reference: "https://example.com/order?n=1"}))
	changed, other := first, first
	changed.Reason = "for fun"
	other.Origin = protocol.HashOf([]byte("another registry"))
	elsewhere := sign(t, key, other.Statement)
	byStranger := sign(t, stranger, first.Statement)
	for why, s := range map[string]Signed{"changed": changed, "of another registry": elsewhere, "by a stranger": byStranger} {
		if err := c.Append(s, keysOf(key)); err == nil || c.Length() != 0 {
			t.Errorf("a statement was taken that is %s (%v)", why, err)
		}
	}
	if err := c.Append(first, keysOf(key)); err != nil {
		t.Fatal(err)
	}
	if s, ok := c.Withheld(digest); !ok || s.Reason != first.Reason {
		t.Errorf("withheld: %v, %v", s, ok)
	}
	var order *OrderError
	if err := c.Append(first, keysOf(key)); !errors.As(err, &order) || order.Next != 1 || order.Head != first.Hash() {
		t.Errorf("replayed: %v", err)
	}
	release := sign(t, key, c.Next(Statement{Time: noon.Add(-time.Hour), Action: Release, Digest: digest, Reason: "the order was lifted"}))
	if err := c.Append(release, keysOf(key)); err != nil || !release.Time.Equal(noon) {
		t.Fatalf("released: %v at %s", err, release.Time)
	}
	if _, ok := c.Withheld(digest); ok || len(c.InForce()) != 0 {
		t.Error("a content that was released is withheld")
	}
	again := sign(t, key, c.Next(Statement{Time: noon, Action: Release, Digest: digest, Reason: "again"}))
	if err := c.Append(again, keysOf(key)); err == nil {
		t.Error("what is not withheld was released")
	}
}

func TestTexts(t *testing.T) {
	for _, bad := range []string{"", "  ", "a\nb", "a\x1b[31m", "a\u202eb", "a\u2028b", "\xff", strings.Repeat("x", MaxReason+1)} {
		if CheckReason(bad) == nil {
			t.Errorf("%q is taken for a reason", bad)
		}
	}
	for _, bad := range []string{"example.com", "javascript:alert(1)", "https://", "https://u:p@example.com/", "https://example.com/>; rel=x", "https://example.com/a b", "https://example.com/\r\nX: y", "https://exämple.com/", "https://example.com/" + strings.Repeat("x", MaxReference)} {
		if CheckReference(bad) == nil {
			t.Errorf("%q is taken for a reference", bad)
		}
	}
	if err := errors.Join(CheckReason("Entfernt: Urheberrecht §53"), CheckReference(""), CheckReference("https://example.com/order?n=1#2")); err != nil {
		t.Error(err)
	}
}

// The encoding is fixed: signatures over it were given away.
func TestEncoding(t *testing.T) {
	s := Statement{Origin: here, Sequence: 300, Time: noon, Action: Release, Digest: digest, Reason: "é", Reference: "https://example.com"}
	text := string(s.Encode())
	want := "\x47" + here.String() + "\x03300\x47sha256:" + strings.Repeat("0", 64) + "\x0a1795694400\x07release\x47" + digest.String() + "\x02é\x13https://example.com"
	if text != want {
		t.Errorf("encoded as %s", hex.Dump([]byte(text)))
	}
}

func TestRead(t *testing.T) {
	key := newKey(t)
	c := NewChain(here)
	var all []Signed
	for range MaxPage + 3 {
		s := sign(t, key, c.Next(Statement{Time: noon, Action: Withhold, Digest: digest, Reason: "again"}))
		if err := c.Append(s, keysOf(key)); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	pages := map[string]Page{
		PagePath(0):       {here, uint64(len(all)), all[:MaxPage]},
		PagePath(MaxPage): {here, uint64(len(all)), all[MaxPage:]},
	}
	get := func(path string) (page Page, err error) {
		err = page.UnmarshalJSON(pages[path].AppendJSON(nil))
		return page, err
	}
	chain, read, err := Read(here, keysOf(key), 1000, get)
	if err != nil || len(read) != len(all) || chain.Head() != c.Head() {
		t.Fatalf("read %d statements: %v", len(read), err)
	}
	if _, _, err := Read(here, keysOf(key), 100, get); err == nil {
		t.Error("more statements were read than allowed")
	}
	pages[PagePath(MaxPage)] = Page{here, uint64(len(all)), all[MaxPage+1:]}
	if _, _, err := Read(here, keysOf(key), 1000, get); err == nil {
		t.Error("a statement that is left out is not missed")
	}
}

// The keys are those that were ever given commit, whatever else they hold or lost.
func TestOperatorKeys(t *testing.T) {
	first, second, namespaces, stranger := newKey(t).Public(), newKey(t).Public(), newKey(t).Public(), newKey(t).Public()
	commit := []protocol.OperatorPermission{protocol.PermissionCommit, protocol.PermissionDefineNamespace}
	keys := OperatorKeys(
		&protocol.OperatorRecord{Entries: []protocol.OperatorEntry{{Type: protocol.EntryInit, Key: first}, {Type: protocol.EntryGrantFlat, Key: second, Permissions: commit}}},
		&protocol.OperatorRecord{Entries: []protocol.OperatorEntry{
			{Type: protocol.EntryGrantFlat, Key: namespaces, Permissions: commit[1:]},
			{Type: protocol.EntryRevokeFlat, KeyID: first.ID(), Permissions: commit[:1]}, {Type: protocol.EntryRevokeFlat, KeyID: second.ID(), Permissions: commit},
		}},
	)
	for _, test := range []struct {
		key  protocol.PublicKey
		want bool
	}{{first, true}, {second, true}, {namespaces, false}, {stranger, false}} {
		if got, ok := keys(test.key.ID()); ok != test.want || ok && !got.Equal(test.key) {
			t.Errorf("%s: %v, want %v", test.key, ok, test.want)
		}
	}
}

// What is read before a statement that does not hold stays, and the error says which it is.
func TestListError(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	c := NewChain(here)
	good := sign(t, key, c.Next(Statement{Time: noon, Action: Withhold, Digest: digest, Reason: "first"}))
	if err := c.Append(good, keysOf(key)); err != nil {
		t.Fatal(err)
	}
	bad := sign(t, stranger, c.Next(Statement{Time: noon, Action: Release, Digest: digest, Reason: "second"}))
	file, err := ParseFile(AppendFile(nil, []Signed{good, bad}))
	if err != nil || len(file) != 2 || file[1] != bad {
		t.Fatalf("%v, %v", file, err)
	}
	chain, err := Verify(here, keysOf(key), file)
	read, all, also := Read(here, keysOf(key), 10, func(string) (Page, error) { return Page{here, 2, file}, nil })
	for _, err := range []error{err, also} {
		var list *ListError
		var unknown *KeyError
		if !errors.As(err, &list) || list.Statement.Hash() != bad.Hash() || !errors.As(err, &unknown) || unknown.Sequence != 1 || unknown.KeyID != stranger.Public().ID() {
			t.Errorf("%v", err)
		}
	}
	if chain.Head() != good.Hash() || read.Head() != good.Hash() || len(all) != 1 {
		t.Errorf("%d statements, %s", len(all), chain.Head())
	}
	for _, text := range []string{"x", "{}\nx", strings.Repeat(" ", maxLine+1)} {
		if _, err := ParseFile([]byte(text)); err == nil {
			t.Errorf("%.10q is taken for a list", text)
		}
	}
}
