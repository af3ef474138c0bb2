package witness

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Types of keys, the first byte of a key in text (signed-note, "Signature types").
const (
	typeEd25519            = 0x01
	typeEd25519Cosignature = 0x04
	typeMLDSA44            = 0x06
)

// publicSizes are the lengths in bytes of public keys, by their types.
var publicSizes = map[byte]int{
	typeEd25519:            32,
	typeEd25519Cosignature: 32,
	typeMLDSA44:            mldsa.MLDSA44PublicKeySize,
}

// maxKeyName is the length in bytes of the longest name of a key, and of the longest
// origin: the message that an ML-DSA key signs has one byte for each length
// (tlog-cosignature, "ML-DSA-44 signed message").
const maxKeyName = 255

// vkey is a public key, as its text says.
type vkey struct {
	name   string
	kind   byte
	public string // the key itself; two keys are the same if this is
	// hash is SHA-256 of name, newline, type and key. Its first four bytes are the
	// key id that signature lines begin with.
	hash protocol.Hash
}

// parseVKey reads "<name>+<key id>+<base64 of type and key>" (signed-note, "Verifier
// keys"). The readers of other modules do not all compare the id, and take base64
// with bits that say nothing.
func parseVKey(text string) (vkey, error) {
	name, rest, _ := strings.Cut(text, "+")
	id, encoded, found := strings.Cut(rest, "+")
	if !found {
		return vkey{}, errors.New("the key is not of the form name+id+base64")
	}
	if err := checkKeyName(name); err != nil {
		return vkey{}, err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return vkey{}, errors.New("the last part of the key is not standard base64")
	}
	size, known := publicSizes[key[0]]
	switch {
	case !known:
		return vkey{}, fmt.Errorf("the key is of the unknown type 0x%02x", key[0])
	case len(key) != 1+size:
		return vkey{}, fmt.Errorf("the key has %d bytes; a key of type 0x%02x has %d", len(key)-1, key[0], size)
	}
	k := vkey{name: name, kind: key[0], public: string(key[1:]), hash: sha256.Sum256([]byte(name + "\n" + string(key)))}
	given, err := strconv.ParseUint(id, 16, 32)
	if err != nil || len(id) != 8 || uint32(given) != k.id() {
		return vkey{}, fmt.Errorf("the id of the key is %08x by its name and bytes, not %q: the key was altered or cut", k.id(), id)
	}
	return k, nil
}

// id is what signature lines name the key by, besides its name.
func (k vkey) id() uint32 { return binary.BigEndian.Uint32(k.hash[:4]) }

// checkKeyName demands what signed-note says of names of keys.
func checkKeyName(name string) error {
	switch {
	case name == "":
		return errors.New("the key has no name")
	case len(name) > maxKeyName:
		return fmt.Errorf("the name of the key has %d bytes; %d are allowed", len(name), maxKeyName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsSpace):
		return fmt.Errorf("the name of the key, %q, is not UTF-8 without spaces", name)
	}
	return nil
}
