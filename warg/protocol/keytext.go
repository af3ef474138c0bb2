package protocol

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// signatureAlgorithm is the protocol's only one: ECDSA over P-256 with SHA-256.
const signatureAlgorithm = "ecdsa-p256"

var (
	strictBase64    = base64.StdEncoding.Strict()
	strictRawBase64 = base64.RawStdEncoding.Strict()
)

// formatKeyText returns "ecdsa-p256:<base64>", the text form of keys and
// signatures.
func formatKeyText(data []byte) string {
	const prefix = signatureAlgorithm + ":"
	b := make([]byte, 0, len(prefix)+base64.StdEncoding.EncodedLen(len(data)))
	return string(base64.StdEncoding.AppendEncode(append(b, prefix...), data))
}

// parseKeyText returns the bytes in a public key's or signature's text.
func parseKeyText(text string) ([]byte, error) {
	if parts := strings.Count(text, ":") + 1; parts != 2 {
		return nil, fmt.Errorf("expected 2 parts, found %d", parts)
	}
	algorithm, data, _ := strings.Cut(text, ":")
	return decodeKeyText(algorithm, data)
}

func decodeKeyText(algorithm, data string) ([]byte, error) {
	if algorithm != signatureAlgorithm {
		return nil, fmt.Errorf("unable to parse signature algorithm: %q is not a valid algorithm choice", algorithm)
	}
	decoded, err := decodeBase64(data)
	if err != nil {
		return nil, fmt.Errorf("base64 decode failed: %w", err)
	}
	return decoded, nil
}

// decodeBase64 decodes the standard alphabet with padding. Go's decoder, even
// the strict one, skips line ends; the reference refuses them.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("a line end is not base64")
	}
	return strictBase64.DecodeString(text)
}

// decodeBase64AnyPadding is decodeBase64, except that padding may be left off, in
// part too: so the reference reads record contents in JSON (serde_with, whose
// padding is "indifferent").
func decodeBase64AnyPadding(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("a line end is not base64")
	}
	digits := strings.TrimRight(text, "=")
	if padding := len(text) - len(digits); padding > (4-len(digits)%4)%4 {
		return nil, errors.New("too much padding")
	}
	return strictRawBase64.DecodeString(digits)
}
