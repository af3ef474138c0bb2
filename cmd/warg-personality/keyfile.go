package main

import (
	"fmt"

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
	key, err := protocol.ParsePrivateKeyText(text)
	if err != nil {
		return protocol.PrivateKey{}, settingError{fmt.Errorf("%s does not hold a private key of the form ecdsa-p256:<base64>, nor one for P-256 in PEM: %w", source, err)}
	}
	return key, nil
}
