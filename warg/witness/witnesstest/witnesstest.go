// Package witnesstest makes keys of logs and witnesses, notes and cosignatures, for
// tests. Its Ed25519 cosignatures are made by the letter of tlog-cosignature, by no
// code that verifies them.
package witnesstest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	formats "github.com/transparency-dev/formats/note"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Key is the key of a witness.
type Key struct {
	Name string // of the key
	VKey string

	ed25519 ed25519.PrivateKey     // or
	mldsa   *formats.SubtreeSigner // ML-DSA-44
}

// NewKey returns a key for Ed25519 cosignatures. The same name gives the same key.
func NewKey(name string) *Key {
	seed := sha256.Sum256([]byte("key of the witness " + name))
	k := &Key{Name: name, ed25519: ed25519.NewKeyFromSeed(seed[:])}
	k.VKey = VKey(name, 0x04, k.ed25519.Public().(ed25519.PublicKey))
	return k
}

// NewMLDSAKey returns a new key for ML-DSA-44 cosignatures.
func NewMLDSAKey(t testing.TB, name string) *Key {
	t.Helper()
	skey, vkey, err := formats.GenerateMLDSAKey(name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := formats.NewMLDSASigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{Name: name, VKey: vkey, mldsa: signer}
}

// VKey returns the text of a public key of a type, with the id that it has.
func VKey(name string, kind byte, public []byte) string {
	key := append([]byte{kind}, public...)
	id := sha256.Sum256([]byte(name + "\n" + string(key)))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(key))
}

// Public is the public key in bytes, without its type.
func (k *Key) Public() []byte { return k.typed()[1:] }

// typed is the public key with its type before it.
func (k *Key) typed() []byte {
	// Base64 may have plus signs, too: only the first two separate.
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(k.VKey, "+", 3)[2])
	if err != nil {
		panic(err) // NewKey or NewMLDSAKey has written it
	}
	return key
}

// Cosign returns the witness's signature line for a note, with a time in seconds since
// 1970.
func (k *Key) Cosign(t testing.TB, signed []byte, seconds uint64) string {
	t.Helper()
	body, _, found := strings.Cut(string(signed), "\n\n")
	if !found {
		t.Fatalf("%q is no note", signed)
	}
	body += "\n"
	id := sha256.Sum256([]byte(k.Name + "\n" + string(k.typed())))
	sig := id[:4]
	if k.mldsa != nil {
		head, err := tlog.ParseTreeHead([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		timed, err := k.mldsa.SignSubtree(seconds, head.Origin, 0, head.Size, head.Root[:])
		if err != nil {
			t.Fatal(err)
		}
		sig = append(sig, timed...)
	} else {
		sig = binary.BigEndian.AppendUint64(sig, seconds)
		sig = append(sig, ed25519.Sign(k.ed25519, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, body))...)
	}
	return fmt.Sprintf("— %s %s\n", k.Name, base64.StdEncoding.EncodeToString(sig))
}

// Log is a log that only signs.
type Log struct {
	Origin string
	key    *tlog.NoteKey
}

// NewLog returns a log with new keys, Ed25519 and, if it is asked for, ML-DSA-44.
func NewLog(t testing.TB, origin string, withMLDSA bool) *Log {
	t.Helper()
	text, err := tlog.GenerateNoteKey(origin, withMLDSA)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseNoteKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Log{origin, key}
}

// VKeys are the log's public keys in text.
func (l *Log) VKeys() []string { return l.key.VKeys() }

// Note returns a signed note of a tree with a size and a root that is SHA-256 of some
// text.
func (l *Log) Note(t testing.TB, size uint64, root string) []byte {
	t.Helper()
	return l.Sign(t, size, sha256.Sum256([]byte(root)))
}

// Sign returns a signed note of a tree.
func (l *Log) Sign(t testing.TB, size uint64, root protocol.Hash) []byte {
	t.Helper()
	signed, err := l.key.Sign(tlog.TreeHead{Origin: l.Origin, Size: size, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
