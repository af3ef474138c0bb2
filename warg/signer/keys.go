package signer

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ParseKeys parses a text with one private key or several: a line "ecdsa-p256:<base64>"
// each, or a block of PEM each (see [protocol.ParsePrivateKeyPEM]). Errors do not quote
// the text.
func ParseKeys(text string) ([]protocol.PrivateKey, error) {
	var keys []protocol.PrivateKey
	for rest := strings.TrimSpace(text); rest != ""; {
		var one string
		var err error
		if one, rest, err = cutKey(rest); err != nil {
			return nil, err
		}
		key, err := protocol.ParsePrivateKeyText(one)
		if err != nil && (rest != "" || len(keys) > 0) {
			err = fmt.Errorf("key %d in it: %w", len(keys)+1, err)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		rest = strings.TrimSpace(rest)
	}
	if len(keys) == 0 {
		return nil, errors.New("it is empty")
	}
	return keys, nil
}

// cutKey cuts off the first key: up to the end of a block of PEM that holds one, with what
// stands before it, or else a line.
func cutKey(text string) (key, rest string, err error) {
	line, rest, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(line, "ecdsa-p256:") || !strings.Contains(text, "-----BEGIN ") {
		return line, rest, nil
	}
	remaining := []byte(text)
	for {
		block, after := pem.Decode(remaining)
		if block == nil {
			return text, "", nil // for the parser to say what is wrong
		}
		remaining = after
		if block.Type != "EC PARAMETERS" {
			return text[:len(text)-len(after)], string(after), nil
		}
	}
}

// maxPublicKey is the size in bytes of the largest file with a public key that is read.
const maxPublicKey = 64 << 10

// ReadPublicKey parses a public key: "ecdsa-p256:<base64>", or the path of a file with that
// or with PEM.
func ReadPublicKey(text string) (key protocol.PublicKey, err error) {
	if strings.HasPrefix(text, "ecdsa-p256:") {
		if key, err = protocol.ParsePublicKey(text); err != nil {
			return key, fmt.Errorf("%q is not a public key: %w", text, err)
		}
		return key, nil
	}
	info, err := os.Stat(text)
	if err == nil && info.Size() > maxPublicKey {
		err = fmt.Errorf("it has more than %d bytes", maxPublicKey)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(text)
	}
	if err != nil {
		return key, fmt.Errorf("%q is neither a public key, ecdsa-p256:<base64>, nor a file with one: %w", text, err)
	}
	if strings.Contains(string(data), "-----BEGIN ") {
		key, err = protocol.ParsePublicKeyPEM(data)
	} else {
		key, err = protocol.ParsePublicKey(strings.TrimSpace(string(data)))
	}
	if err != nil {
		return key, fmt.Errorf("%s does not hold a public key, ecdsa-p256:<base64> or one for P-256 in PEM: %w", text, err)
	}
	return key, nil
}
