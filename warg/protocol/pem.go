package protocol

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ParsePrivateKeyPEM takes the first private key of a text in PEM, in PKCS #8
// ("PRIVATE KEY") or SEC 1 ("EC PRIVATE KEY", which OpenSSL may put behind the curve's
// parameters). It must be one for P-256, and not encrypted. Its errors do not quote the
// text.
func ParsePrivateKeyPEM(text []byte) (PrivateKey, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return PrivateKey{}, errors.New("there is no whole block of PEM in it")
		}
		switch block.Type {
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return PrivateKey{}, errors.New("its PEM block is not PKCS #8, or for another algorithm; the protocol signs with ECDSA on P-256")
			}
			return privateKeyOf(parsed)
		case "EC PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return PrivateKey{}, errEncrypted
			}
			parsed, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return PrivateKey{}, errors.New("its PEM block is not an elliptic-curve key as in SEC 1")
			}
			return privateKeyOf(parsed)
		case "EC PARAMETERS":
			text = rest
		case "ENCRYPTED PRIVATE KEY":
			return PrivateKey{}, errEncrypted
		default:
			return PrivateKey{}, fmt.Errorf("its PEM block is a %q, not a PRIVATE KEY", block.Type)
		}
	}
}

var errEncrypted = errors.New("it is encrypted; decrypt it with `openssl pkcs8` first")

func privateKeyOf(parsed any) (PrivateKey, error) {
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return PrivateKey{}, errors.New("it is for another algorithm; the protocol signs with ECDSA on P-256")
	}
	return newPrivateKey(key)
}

// ParsePublicKeyPEM takes a public key in PEM ("PUBLIC KEY", RFC 5280's
// SubjectPublicKeyInfo), as `openssl pkey -pubout` writes it. It must be one for P-256.
func ParsePublicKeyPEM(text []byte) (PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New("it has no PEM block of a PUBLIC KEY")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, errors.New("its PEM block is not a public key")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return PublicKey{}, errors.New("it is for another algorithm; the protocol signs with ECDSA on P-256")
	}
	return newPublicKey(key)
}

// ParsePrivateKeyText parses what a file with a private key holds: one line
// "ecdsa-p256:<base64>" of the scalar, or PEM ([ParsePrivateKeyPEM]), with white space
// around it. Errors do not quote the text.
func ParsePrivateKeyText(text string) (PrivateKey, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return PrivateKey{}, errors.New("it is empty")
	case strings.Contains(text, "-----BEGIN "):
		return ParsePrivateKeyPEM([]byte(text))
	case strings.ContainsAny(text, "\r\n"):
		return PrivateKey{}, errors.New("it holds more than one line")
	}
	key, err := ParsePrivateKey(text)
	if _, public := ParsePublicKey(text); err != nil && public == nil {
		err = errors.New("it holds a public key")
	}
	return key, err
}
