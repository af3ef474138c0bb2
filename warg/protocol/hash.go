package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// HashSize is the length of a [Hash] in bytes.
const HashSize = sha256.Size

const hashPrefix = "sha256:"

// Hash is a SHA-256 digest: a log id, a record id, a content digest or a tree
// node. Its text, in JSON and inside the protocol's encodings alike, is the 71
// characters "sha256:<64 lower-case hex digits>".
type Hash [HashSize]byte

// HashOf returns the SHA-256 digest of the concatenation of parts.
func HashOf(parts ...[]byte) Hash {
	if len(parts) == 1 {
		return sha256.Sum256(parts[0])
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// ParseHash parses the text form of a SHA-256 digest. It refuses every other
// algorithm, upper-case digits and any other length; [AnyHash] is the form that
// the protocol accepts inside records.
func ParseHash(text string) (Hash, error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if !ok {
		return Hash{}, fmt.Errorf("hash %q does not begin with %q", text, hashPrefix)
	}
	if len(digits) != 2*HashSize {
		return Hash{}, fmt.Errorf("hash %q has %d digits, want %d", text, len(digits), 2*HashSize)
	}
	if strings.ContainsAny(digits, "ABCDEF") {
		return Hash{}, fmt.Errorf("hash %q has upper-case digits", text)
	}
	var h Hash
	if _, err := hex.Decode(h[:], []byte(digits)); err != nil {
		return Hash{}, fmt.Errorf("hash %q: %w", text, err)
	}
	return h, nil
}

// String returns "sha256:<hex>".
func (h Hash) String() string {
	var b [len(hashPrefix) + 2*HashSize]byte
	copy(b[:], hashPrefix)
	hex.Encode(b[len(hashPrefix):], h[:])
	return string(b[:])
}

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseHash].
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}
