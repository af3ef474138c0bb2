package protocol

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// AnyHash is a hash as the protocol accepts it inside records and checkpoints:
// "sha256:" and any even number of lower-case hex digits, none included. Whether
// there are 64 of them is asked later, by [AnyHash.Hash]. The empty AnyHash is
// not a hash; it stands for one that is absent.
type AnyHash string

// ParseAnyHash checks text as warg-crypto's AnyHash does, with its error texts.
func ParseAnyHash(text string) (AnyHash, error) {
	algorithm, digits, ok := strings.Cut(text, ":")
	if !ok {
		return "", errors.New("expected two parts for hash; found 1")
	}
	if strings.ContainsAny(digits, "ABCDEF") {
		return "", errors.New("hash contained uppercase hex values")
	}
	if err := checkHashAlgorithm(algorithm); err != nil {
		return "", fmt.Errorf("unable to parse hash algorithm: %w", err)
	}
	if len(digits)%2 != 0 {
		return "", errors.New("hexadecimal decode failed: Odd number of digits")
	}
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("hexadecimal decode failed: Invalid character %q at position %d", rune(c), i)
		}
	}
	return AnyHash(text), nil
}

// Hash returns h as a SHA-256 digest, or an error if it has another length.
func (h AnyHash) Hash() (Hash, error) {
	digits, ok := strings.CutPrefix(string(h), hashPrefix)
	if !ok {
		return Hash{}, fmt.Errorf("hash %q does not begin with %q", string(h), hashPrefix)
	}
	if len(digits) != 2*HashSize {
		return Hash{}, fmt.Errorf("expected %d bytes for hash algorithm sha256, got %d", HashSize, len(digits)/2)
	}
	var sum Hash
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return Hash{}, fmt.Errorf("hash %q: %w", string(h), err)
	}
	return sum, nil
}

// Any returns h in the wider type.
func (h Hash) Any() AnyHash { return AnyHash(h.String()) }

// checkHashAlgorithm refuses all algorithms but the protocol's only one, with the
// reference's text.
func checkHashAlgorithm(name string) error {
	if name != hashAlgorithm {
		return fmt.Errorf("Illegal hash algorithm '%s'", name)
	}
	return nil
}

const hashAlgorithm = "sha256"
