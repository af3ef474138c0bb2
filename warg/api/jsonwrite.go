package api

import (
	"encoding/base64"
	"strconv"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

func appendTextOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return serde.AppendText(b, *s)
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

func appendHash(b []byte, h protocol.AnyHash) []byte { return serde.AppendText(b, string(h)) }

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }
