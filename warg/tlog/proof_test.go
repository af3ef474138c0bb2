package tlog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func TestProofs(t *testing.T) {
	left := protocol.Hash(rfc6962.DefaultHasher.HashLeaf([]byte("left")))
	right := protocol.Hash(rfc6962.DefaultHasher.HashLeaf([]byte("right")))
	head := TreeHead{"o", 2, protocol.Hash(rfc6962.DefaultHasher.HashChildren(left[:], right[:]))}
	note, err := newKey(t, "o", true).Sign(head)
	if err != nil {
		t.Fatal(err)
	}
	for _, extra := range [][]byte{nil, {}, []byte("extra"), bytes.Repeat([]byte("x"), 1<<20)} {
		p := Proof{Extra: extra, Index: 1, Path: []protocol.Hash{left}, Note: note}
		text := p.Encode()
		got, err := ParseProof(text)
		if err != nil || !bytes.Equal(got.Extra, extra) || (got.Extra == nil) != (extra == nil) || got.Index != 1 || !bytes.Equal(got.Note, note) {
			t.Fatalf("extra of %d bytes: %v", len(extra), err)
		}
		if err := got.VerifyEntry([]byte("right"), head); err != nil {
			t.Error(err)
		}
		if got.VerifyEntry([]byte("left"), head) == nil || (Proof{Index: 0, Path: got.Path}).VerifyEntry([]byte("right"), head) == nil {
			t.Error("another entry is proved")
		}
		var theirs proof.TLogProof
		if err := theirs.Unmarshal(text); len(extra) < 1000 && (err != nil || theirs.Index != 1 || !bytes.Equal(theirs.Checkpoint, note)) {
			t.Errorf("package formats: %v", err)
		}
	}
	text := string(Proof{Extra: []byte("e"), Index: 1, Path: []protocol.Hash{left}, Note: note}.Encode())
	for what, bad := range map[string]string{
		"nothing": "", "a header alone": proofHeader + "\n", "another header": strings.Replace(text, "v1", "v2", 1), "no index": strings.Replace(text, "index 1\n", "", 1),
		"index with zero": strings.Replace(text, "index 1", "index 01", 1), "cut off": text[:len(text)-len(note)-1], "a hash too short": strings.Replace(text, "=\n", "\n", 1),
		"carriage returns": strings.ReplaceAll(text, "\n", "\r\n"), "extra behind the index": strings.Replace(text, "index 1\n", "index 1\nextra AA==\n", 1),
		"65 hashes": strings.Replace(text, "index 1\n", "index 1\n"+strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64), 1),
	} {
		if _, err := ParseProof([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a proof", what)
		}
	}
	longest := Proof{Extra: []byte{}, Path: make([]protocol.Hash, 64), Note: note}
	if _, err := ParseProof(longest.Encode()); err != nil {
		t.Errorf("64 hashes: %v", err)
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(Proof{Extra: []byte("e"), Index: 1, Path: make([]protocol.Hash, 2), Note: []byte("o\n1\n")}.Encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := ParseProof(text); err == nil && !bytes.Equal(p.Encode(), text) {
			t.Errorf("%q is written back otherwise", text)
		}
	})
}
