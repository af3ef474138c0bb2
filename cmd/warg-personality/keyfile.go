package main

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/files"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

// readKeyFile reads a private key from a file; see parseKeys. Of several
// it is the first.
func readKeyFile(path string) (protocol.PrivateKey, error) {
	keys, err := readKeys(path, files.ReadOnce)
	if err != nil {
		return protocol.PrivateKey{}, err
	}
	return keys[0], nil
}

// readKeys reads the private keys of a file.
func readKeys(path string, read func(string, int64) ([]byte, error)) ([]protocol.PrivateKey, error) {
	data, err := read(path, files.SecretSize)
	if err != nil {
		return nil, fmt.Errorf("read operator key: %w", err)
	}
	return parseKeys(string(data), path)
}

// parseKeys parses private keys that came from source: "ecdsa-p256:<base64>", or PEM
// as OpenSSL writes it, one or several. White space around them is ignored. Its
// errors do not quote the text.
func parseKeys(text, source string) ([]protocol.PrivateKey, error) {
	keys, err := signer.ParseKeys(text)
	if err != nil {
		return nil, settingError{fmt.Errorf("%s does not hold a private key of the form ecdsa-p256:<base64>, nor one for P-256 in PEM: %w", source, err)}
	}
	return keys, nil
}
