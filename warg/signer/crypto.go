package signer

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Crypto is a key behind a [crypto.Signer], such as one in a token (PKCS #11) or in a key
// management service.
type Crypto struct {
	signer crypto.Signer
	public protocol.PublicKey
}

// FromCrypto takes a signer whose public key is one of ECDSA on P-256.
func FromCrypto(signer crypto.Signer) (Crypto, error) {
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return Crypto{}, fmt.Errorf("the public key: %w", err)
	}
	public, err := protocol.ParsePublicKeyPEM(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		return Crypto{}, err
	}
	return Crypto{signer, public}, nil
}

// Public implements [protocol.Signer].
func (c Crypto) Public() protocol.PublicKey { return c.public }

// SignDigest implements [protocol.Signer].
func (c Crypto) SignDigest(digest protocol.Hash) (protocol.Signature, error) {
	der, err := c.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return protocol.Signature{}, err
	}
	return protocol.ParseSignatureDER(der)
}
