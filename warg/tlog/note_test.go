package tlog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func newKey(t *testing.T, name string, mldsa bool) *NoteKey {
	t.Helper()
	text, err := GenerateNoteKey(name, mldsa)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNotes(t *testing.T) {
	origin := Records.Origin("registry.example.com")
	head := TreeHead{origin, 1234, protocol.HashOf([]byte("root"))}
	key := newKey(t, origin, true)
	signed, err := key.Sign(head)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(signed), "\n— "+origin+" "); lines != 2 {
		t.Errorf("%d signatures:\n%s", lines, signed)
	}
	if len(key.VKeys()) != 2 || key.Name() != origin {
		t.Fatal(key.Name(), key.VKeys())
	}
	for _, vkey := range key.VKeys() {
		v, err := NewVerifier(vkey + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(signed, origin, v); err != nil || got != head {
			t.Errorf("%+v, %v", got, err)
		}
		if theirs, _, _, err := log.ParseCheckpoint(signed, origin, v); err != nil || theirs.Size != 1234 || !bytes.Equal(theirs.Hash, head.Root[:]) {
			t.Errorf("package formats: %+v, %v", theirs, err)
		}
		if _, err := Open(signed, Checkpoints.Origin("registry.example.com"), v); err == nil {
			t.Error("a note of another log is taken")
		}
		for _, changed := range []string{"1235", "registry.example.org", "1234\n"} {
			forged := bytes.Replace(signed, []byte(changed[:4]), []byte(changed), 1)
			if bytes.Equal(forged, signed) {
				forged = bytes.Replace(signed, []byte("1234"), []byte(changed), 1)
			}
			if _, err := Open(forged, origin, v); err == nil && !bytes.Equal(forged, signed) {
				t.Errorf("a forged note is taken:\n%s", forged)
			}
		}
	}
	stranger, _ := NewVerifier(newKey(t, origin, false).VKeys()[0])
	if _, err := Open(signed, origin, stranger); err == nil {
		t.Error("a note by a stranger is taken")
	}
	if _, err := key.Sign(TreeHead{Origin: "else"}); err == nil {
		t.Error("signed for another log")
	}
}

func TestTreeHeadBodies(t *testing.T) {
	head := TreeHead{"o", 7, protocol.HashOf([]byte("r"))}
	body := string(head.Body())
	for _, good := range []string{body, body + "extension\n"} {
		if got, err := ParseTreeHead([]byte(good)); err != nil || got != head {
			t.Errorf("%q: %+v, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "o\n7\n", strings.Replace(body, "7", "07", 1), strings.Replace(body, "7", "+7", 1), strings.Replace(body, "=", "", 1),
		"o\n7\nAAAA\n", strings.Replace(body, "7\n", "7\r\n", 1), "\n" + body, strings.TrimSuffix(body, "\n")} {
		if got, err := ParseTreeHead([]byte(bad)); err == nil {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
}

func TestNoteKeys(t *testing.T) {
	one, _ := GenerateNoteKey("a", false)
	two, _ := GenerateNoteKey("a", true)
	other, _ := GenerateNoteKey("b", true)
	second := strings.SplitAfter(other, "\n")[1]
	for what, text := range map[string]string{
		"nothing": "", "two of a kind": one + one, "three": two + second, "another name": one + second, "ML-DSA alone": second,
		"cut off": strings.TrimSpace(one)[:len(one)-5], "a public key": newKey(t, "a", false).VKeys()[0], "garbage": "x", "no key": "PRIVATE+KEY+a+00000000+",
		"wrong hash": strings.Replace(one, one[14:22], "00000000", 1),
	} {
		_, err := ParseNoteKey(text)
		if err == nil {
			t.Errorf("%s is taken for a key", what)
		} else if len(text) > 60 && strings.Contains(err.Error(), strings.TrimSpace(text)[40:50]) {
			t.Errorf("%s: the error quotes the key", what)
		}
	}
	for _, vkey := range []string{"", "a", "a+00000000+AAAA", one, "a b+12345678+AQ=="} {
		if _, err := NewVerifier(vkey); err == nil {
			t.Errorf("%q is taken for a public key", vkey)
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, good := range []string{"registry.example.com", "example.com/warg", "localhost:8090", "warg-1234"} {
		if err := CheckOrigin(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "https://a", "a b", "a+b", "a\n", "/a", "a/", "é", strings.Repeat("a", 201), "-", "a.", "a/../b", "a//b", "a?b", "a/.", "a:b", "a/b/", "a#b", "a%20b"} {
		if CheckOrigin(bad) == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
}
