package protocol

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// PrivateKey signs. It prints as a description that names only its public key,
// whatever the formatting verb; [PrivateKey.Text] gives the secret. The zero
// value is not a key. A PrivateKey may be used concurrently.
type PrivateKey struct {
	key    *ecdsa.PrivateKey
	public PublicKey
}

const (
	scalarSize = 32
	// minScalarSize is the shortest scalar that the reference pads with zeros
	// on the left (elliptic-curve 0.13, SecretKey::from_slice).
	minScalarSize = 24
)

// GeneratePrivateKey makes a new key from the system's randomness.
func GeneratePrivateKey() (PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generate private key: %w", err)
	}
	return newPrivateKey(key)
}

// ParsePrivateKey parses "ecdsa-p256:<base64>" of a scalar, 24 to 32 bytes, big
// endian. Its errors do not quote the text.
func ParsePrivateKey(text string) (PrivateKey, error) {
	algorithm, data, ok := strings.Cut(text, ":")
	if !ok {
		return PrivateKey{}, errors.New("expected algorithm followed by colon")
	}
	if algorithm != signatureAlgorithm {
		return PrivateKey{}, errors.New("unable to parse signature algorithm: want " + signatureAlgorithm)
	}
	short, err := decodeBase64(data)
	if err != nil {
		return PrivateKey{}, errors.New("base64 decode failed")
	}
	if len(short) < minScalarSize || len(short) > scalarSize {
		return PrivateKey{}, fmt.Errorf("private key could not be constructed from bytes: %d bytes, want %d", len(short), scalarSize)
	}
	var scalar [scalarSize]byte
	copy(scalar[scalarSize-len(short):], short)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return PrivateKey{}, fmt.Errorf("private key could not be constructed from bytes: %w", err)
	}
	return newPrivateKey(key)
}

func newPrivateKey(key *ecdsa.PrivateKey) (PrivateKey, error) {
	public, err := newPublicKey(&key.PublicKey)
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{key: key, public: public}, nil
}

// Public returns the public key.
func (k PrivateKey) Public() PublicKey { return k.public }

// Text returns the secret, "ecdsa-p256:<base64>" of the 32-byte scalar, as key
// files hold it.
func (k PrivateKey) Text() string {
	scalar, err := k.key.Bytes()
	if err != nil {
		panic(fmt.Sprintf("protocol: encode private key: %v", err)) // made by newPrivateKey, on P-256
	}
	return formatKeyText(scalar)
}

// Format implements [fmt.Formatter]: it prints no secret.
func (k PrivateKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.describe()) }

// LogValue implements [slog.LogValuer]: it shows no secret.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.describe()) }

func (k PrivateKey) describe() string {
	if k.key == nil {
		return "[no private key]"
	}
	return "[private key of " + string(k.public.ID()) + "]"
}

// Sign signs content as a prefix message. Signatures are deterministic (RFC 6979
// with SHA-256): the same content gives the same signature.
func (k PrivateKey) Sign(prefix SignaturePrefix, content []byte) Signature {
	return k.signDigest(prefix.digest(content))
}

func (k PrivateKey) signDigest(digest Hash) Signature {
	// Without a source of randomness, crypto/ecdsa signs as in RFC 6979.
	der, err := k.key.Sign(nil, digest[:], crypto.SHA256)
	if err == nil {
		var sig Signature
		if sig, err = parseDER(der); err == nil {
			return sig
		}
	}
	// A valid key and a digest of the right length always sign.
	panic(fmt.Sprintf("protocol: sign: %v", err))
}
