package api

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// appendText appends s as a JSON string, escaped as serde_json does: the quote,
// the backslash and control characters. (encoding/json also escapes U+2028 and
// U+2029.) Bytes that are not UTF-8 become U+FFFD, a run of them a single one.
func appendText(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\ufffd")
	b = append(b, '"')
	plain := 0 // where what is not copied yet begins
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = appendEscape(append(b, s[plain:i]...), c)
			plain = i + 1
		}
	}
	b = append(b, s[plain:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hexDigits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

func appendTextOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendText(b, *s)
}

func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

func appendBase64(b, data []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"')
}

// appendList appends a JSON list.
func appendList[T any](b []byte, list []T, element func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, e)
	}
	return append(b, ']')
}

// appendHashMap appends a JSON object with hashes as names.
func appendHashMap[V any](b []byte, m HashMap[V], val func([]byte, V) []byte) []byte {
	b = append(b, '{')
	for i, e := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHash(b, e.Hash)
		b = append(b, ':')
		b = val(b, e.Value)
	}
	return append(b, '}')
}

func appendHash(b []byte, h protocol.AnyHash) []byte { return appendText(b, string(h)) }

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }
