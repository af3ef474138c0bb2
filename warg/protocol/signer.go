package protocol

import (
	"errors"
	"fmt"
)

// Signer signs as a public key says: a [PrivateKey], or one that is kept elsewhere,
// such as in a key management service or behind a command.
type Signer interface {
	// Public returns the public key.
	Public() PublicKey
	// SignDigest signs a SHA-256 digest with ECDSA on P-256. It may take long, or fail,
	// for whoever keeps the key may say no.
	SignDigest(digest Hash) (Signature, error)
}

// SignDigest implements [Signer]. It does not fail.
func (k PrivateKey) SignDigest(digest Hash) (Signature, error) { return k.signDigest(digest), nil }

// ErrSigner says that what a [Signer] gave is no signature by its public key.
var ErrSigner = errors.New("the signer's signature is not one by its public key")

// SignWith encodes the record and has a signer sign it. The signature is verified: a
// signer that signs something else, or with another key, is [ErrSigner].
func (r *PackageRecord) SignWith(signer Signer) (Envelope, error) {
	return signEnvelopeWith(signer, PackageRecordSignature, r.Encode())
}

// SignWith is [PackageRecord.SignWith] for a record of the operator.
func (r *OperatorRecord) SignWith(signer Signer) (Envelope, error) {
	return signEnvelopeWith(signer, OperatorRecordSignature, r.Encode())
}

func signEnvelopeWith(signer Signer, prefix SignaturePrefix, content []byte) (Envelope, error) {
	id, signature, err := signWith(signer, prefix, content)
	if err != nil {
		return Envelope{}, fmt.Errorf("sign the record: %w", err)
	}
	return Envelope{Content: content, KeyID: id, Signature: signature}, nil
}

// SignWith has a signer sign the checkpoint. The signature is verified: a signer that
// signs something else, or with another key, is [ErrSigner].
func (c TimestampedCheckpoint) SignWith(signer Signer) (SignedCheckpoint, error) {
	id, signature, err := signWith(signer, CheckpointSignature, c.Encode())
	if err != nil {
		return SignedCheckpoint{}, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return SignedCheckpoint{Contents: c, KeyID: id, Signature: signature}, nil
}

// SignWith has a signer sign what is no message of the protocol, for which the prefix has to
// be another one than the protocol's. The signature is verified: a signer that signs
// something else, or with another key, is [ErrSigner].
func SignWith(signer Signer, prefix SignaturePrefix, content []byte) (KeyID, Signature, error) {
	return signWith(signer, prefix, content)
}

// signWith has a signer sign, and verifies the signature, but for those of a key in
// memory, which can not be wrong.
func signWith(signer Signer, prefix SignaturePrefix, content []byte) (KeyID, Signature, error) {
	digest := prefix.digest(content)
	signature, err := signer.SignDigest(digest)
	if err != nil {
		return "", Signature{}, err
	}
	key := signer.Public()
	if _, ours := signer.(PrivateKey); !ours && (key.IsZero() || !key.verifyDigest(digest, signature)) {
		return "", Signature{}, fmt.Errorf("%w, %s", ErrSigner, key.ID())
	}
	return key.ID(), signature, nil
}

// ParseSignatureDER parses a signature in ASN.1 DER, SEQUENCE { r INTEGER, s INTEGER }
// (RFC 3279 section 2.2.3), 8 to 72 bytes, as OpenSSL and key services give it.
func ParseSignatureDER(der []byte) (Signature, error) {
	sig, err := parseDER(der)
	if err != nil {
		return Signature{}, fmt.Errorf("signature in DER: %w", err)
	}
	return sig, nil
}
