package protocol

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"
)

// KeyID names a public key: the hash of its text, "sha256:<hex>". The protocol
// never checks the form of an id that a record or envelope claims, so a KeyID
// may be any text, the empty one included; such an id merely names no key.
type KeyID string

// PublicKey is a point of the curve P-256 that is not the point at infinity.
// The zero value is no key: it verifies nothing. Compare keys with
// [PublicKey.Equal]. A PublicKey may be used concurrently.
type PublicKey struct {
	point [compressedSize]byte // SEC 1, compressed
	// parsed is nil in keys that were read back from a log's stored state, where
	// most keys are never used to verify anything: decompression takes a square
	// root.
	parsed *ecdsa.PublicKey
}

// Lengths and tags of SEC 1 section 2.3.3 and, for the compact form,
// draft-jivsov-ecc-compact.
const (
	compressedSize   = 33
	uncompressedSize = 65

	tagEven         = 2
	tagOdd          = 3
	tagUncompressed = 4
	tagCompact      = 5
)

// ParsePublicKey parses "ecdsa-p256:<base64>" of a point in SEC 1 compressed or
// uncompressed form, or in compact form (tag 5: only x; y is the smaller of
// the two candidates).
func ParsePublicKey(text string) (PublicKey, error) {
	data, err := parseKeyText(text)
	if err != nil {
		return PublicKey{}, err
	}
	key, err := parsePoint(data)
	if err != nil {
		return PublicKey{}, fmt.Errorf("public key could not be constructed from bytes: %w", err)
	}
	return newPublicKey(key)
}

func parsePoint(data []byte) (*ecdsa.PublicKey, error) {
	switch {
	case len(data) == uncompressedSize && data[0] == tagUncompressed:
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), data)
	case len(data) == compressedSize && (data[0] == tagEven || data[0] == tagOdd):
		return decompress(data, false)
	case len(data) == compressedSize && data[0] == tagCompact:
		even := append([]byte{tagEven}, data[1:]...)
		return decompress(even, true)
	}
	return nil, fmt.Errorf("%d bytes are no encoding of a point", len(data))
}

// decompress returns the point with the given x and parity of y, or, if compact,
// with the smaller y.
func decompress(compressed []byte, compact bool) (*ecdsa.PublicKey, error) {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), compressed)
	if x == nil {
		return nil, errors.New("no point of the curve has this x")
	}
	if other := new(big.Int).Sub(elliptic.P256().Params().P, y); compact && other.Cmp(y) < 0 {
		y = other
	}
	var b [uncompressedSize]byte
	b[0] = tagUncompressed
	x.FillBytes(b[1:compressedSize])
	y.FillBytes(b[compressedSize:])
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b[:])
}

func newPublicKey(key *ecdsa.PublicKey) (PublicKey, error) {
	b, err := key.Bytes()
	if err != nil {
		return PublicKey{}, fmt.Errorf("encode public key: %w", err)
	}
	k := PublicKey{parsed: key}
	copy(k.point[:], b)
	k.point[0] = tagEven | b[uncompressedSize-1]&1
	return k, nil
}

// IsZero reports whether k is the zero value.
func (k PublicKey) IsZero() bool { return k.point[0] == 0 }

// Equal reports whether k and other are the same key.
func (k PublicKey) Equal(other PublicKey) bool { return k.point == other.point }

// String returns "ecdsa-p256:<base64>" of the compressed point.
func (k PublicKey) String() string { return formatKeyText(k.point[:]) }

// ID returns the key's id.
func (k PublicKey) ID() KeyID { return KeyID(HashOf([]byte(k.String())).String()) }

// MarshalText implements [encoding.TextMarshaler].
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParsePublicKey].
func (k *PublicKey) UnmarshalText(text []byte) error {
	parsed, err := ParsePublicKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Verify reports whether sig is a signature of content, signed as a prefix
// message, by this key. The twin of a signature with s replaced by n-s holds
// too.
func (k PublicKey) Verify(prefix SignaturePrefix, content []byte, sig Signature) bool {
	return k.verifyDigest(prefix.digest(content), sig)
}

func (k PublicKey) verifyDigest(digest Hash, sig Signature) bool {
	key := k.parsed
	if key == nil {
		var err error
		if key, err = parsePoint(k.point[:]); err != nil {
			return false
		}
	}
	return ecdsa.VerifyASN1(key, digest[:], sig.DER())
}
