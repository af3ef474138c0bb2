package protocol

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"fmt"
)

// SignaturePrefix says as what something is signed, so that a signature of one
// kind of message is none of another. The signed bytes are the prefix, a colon
// and the content.
type SignaturePrefix string

// What is signed in the protocol.
const (
	PackageRecordSignature  SignaturePrefix = "WARG-PACKAGE-RECORD-SIGNATURE-V0"
	OperatorRecordSignature SignaturePrefix = "WARG-OPERATOR-RECORD-SIGNATURE-V0"
	CheckpointSignature     SignaturePrefix = "WARG-CHECKPOINT-SIGNATURE-V0"
)

func (p SignaturePrefix) digest(content []byte) Hash {
	return HashOf([]byte(p), []byte{':'}, content)
}

// ErrSignature says that a signature does not hold.
var ErrSignature = errors.New("signature error")

// Signature is an ECDSA signature on P-256: r and s, both at least 1 and below
// the group order n. Values are comparable; the zero value is not valid.
type Signature struct {
	r, s [scalarSize]byte // big endian
}

// ParseSignature parses "ecdsa-p256:<base64>" of a DER-encoded signature.
func ParseSignature(text string) (Signature, error) {
	der, err := parseKeyText(text)
	if err != nil {
		return Signature{}, err
	}
	sig, err := parseDER(der)
	if err != nil {
		return Signature{}, fmt.Errorf("signature could not be constructed from bytes: %w", err)
	}
	return sig, nil
}

// String returns "ecdsa-p256:<base64>" of the DER encoding.
func (s Signature) String() string { return formatKeyText(s.DER()) }

// MarshalText implements [encoding.TextMarshaler].
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseSignature].
func (s *Signature) UnmarshalText(text []byte) error {
	parsed, err := ParseSignature(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// ASN.1 tags of an Ecdsa-Sig-Value (RFC 3279 section 2.2.3). It takes at most 72
// bytes, so that all lengths are one byte.
const (
	tagInteger  = 0x02
	tagSequence = 0x30
)

// DER returns the ASN.1 DER encoding, SEQUENCE { r INTEGER, s INTEGER }, 8 to 72
// bytes.
func (s Signature) DER() []byte {
	der := make([]byte, 2, 2+2*(3+scalarSize))
	der = appendInteger(der, s.r)
	der = appendInteger(der, s.s)
	der[0], der[1] = tagSequence, byte(len(der)-2)
	return der
}

func appendInteger(der []byte, value [scalarSize]byte) []byte {
	digits := bytes.TrimLeft(value[:], "\x00")
	if len(digits) == 0 || digits[0] >= 0x80 {
		// DER integers are signed, and zero takes one byte.
		der = append(der, tagInteger, byte(len(digits)+1), 0)
	} else {
		der = append(der, tagInteger, byte(len(digits)))
	}
	return append(der, digits...)
}

// parseDER reads the integers loosely and then demands the one encoding that DER
// has for them.
func parseDER(der []byte) (Signature, error) {
	var sig Signature
	if len(der) < 2 {
		return sig, errors.New("cut off")
	}
	rest, err := cutInteger(der[2:], &sig.r)
	if err != nil {
		return Signature{}, fmt.Errorf("r: %w", err)
	}
	if _, err = cutInteger(rest, &sig.s); err != nil {
		return Signature{}, fmt.Errorf("s: %w", err)
	}
	if !bytes.Equal(sig.DER(), der) {
		return Signature{}, errors.New("not DER")
	}
	return sig, nil
}

func cutInteger(der []byte, value *[scalarSize]byte) (rest []byte, err error) {
	if len(der) < 2 || len(der)-2 < int(der[1]) {
		return nil, errors.New("cut off")
	}
	end := 2 + int(der[1])
	digits := bytes.TrimLeft(der[2:end], "\x00")
	if len(digits) > scalarSize {
		return nil, errors.New("more than 256 bits")
	}
	copy(value[scalarSize-len(digits):], digits)
	order := elliptic.P256().Params().N.Bytes()
	if len(digits) == 0 || bytes.Compare(value[:], order) >= 0 {
		return nil, errors.New("not between 1 and the group order")
	}
	return der[end:], nil
}
