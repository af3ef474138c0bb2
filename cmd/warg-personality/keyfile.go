package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// readKeyFile reads a private key from a file; see parseKey.
func readKeyFile(path string) (protocol.PrivateKey, error) {
	data, err := files.ReadOnce(path, files.SecretSize)
	if err != nil {
		return protocol.PrivateKey{}, fmt.Errorf("read operator key: %w", err)
	}
	return parseKey(string(data), path)
}

// parseKey parses a private key that came from source: "ecdsa-p256:<base64>",
// or PEM as OpenSSL writes it. White space around it is ignored. Its errors do
// not quote the text.
func parseKey(text, source string) (protocol.PrivateKey, error) {
	text = strings.TrimSpace(text)
	var key protocol.PrivateKey
	var err error
	switch {
	case text == "":
		err = errors.New("it is empty")
	case strings.Contains(text, "-----BEGIN "):
		key, err = parsePEM([]byte(text))
	case strings.ContainsAny(text, "\r\n"):
		err = errors.New("it holds more than one line")
	default:
		key, err = protocol.ParsePrivateKey(text)
		if err != nil && isPublicKey(text) {
			err = errors.New("it holds a public key")
		}
	}
	if err != nil {
		return protocol.PrivateKey{}, settingError{fmt.Errorf("%s does not hold a private key of the form ecdsa-p256:<base64>, nor one for P-256 in PEM: %w", source, err)}
	}
	return key, nil
}

func isPublicKey(text string) bool {
	_, err := protocol.ParsePublicKey(text)
	return err == nil
}

// parsePEM takes the first private key, in PKCS #8 ("PRIVATE KEY") or SEC 1
// ("EC PRIVATE KEY", which OpenSSL may put behind the curve's parameters).
func parsePEM(data []byte) (protocol.PrivateKey, error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return protocol.PrivateKey{}, errors.New("there is no whole block of PEM in it")
		}
		switch block.Type {
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return protocol.PrivateKey{}, errors.New("its PEM block is not PKCS #8")
			}
			return fromECDSA(parsed)
		case "EC PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return protocol.PrivateKey{}, errEncrypted
			}
			parsed, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return protocol.PrivateKey{}, errors.New("its PEM block is not an elliptic-curve key as in SEC 1")
			}
			return fromECDSA(parsed)
		case "EC PARAMETERS":
			data = rest
		case "ENCRYPTED PRIVATE KEY":
			return protocol.PrivateKey{}, errEncrypted
		default:
			return protocol.PrivateKey{}, fmt.Errorf("its PEM block is a %q, not a PRIVATE KEY", block.Type)
		}
	}
}

var errEncrypted = errors.New("it is encrypted; decrypt it with `openssl pkcs8` first")

func fromECDSA(parsed any) (protocol.PrivateKey, error) {
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return protocol.PrivateKey{}, errors.New("it is for another algorithm; the protocol signs with ECDSA on P-256")
	}
	scalar, err := key.Bytes()
	if err != nil {
		return protocol.PrivateKey{}, errors.New("it is not a valid key for P-256")
	}
	return protocol.ParsePrivateKey("ecdsa-p256:" + base64.StdEncoding.EncodeToString(scalar))
}
