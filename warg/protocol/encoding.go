package protocol

import "encoding/binary"

// AppendString appends s as the protocol's encodings hold text: the length of
// its UTF-8 form in bytes as unsigned LEB128 (which is what [encoding/binary]
// calls a uvarint), then those bytes. Source: warg-crypto, prefix.rs.
func AppendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendHash appends a hash as text, which is how all encodings hold hashes.
func appendHash(b []byte, h Hash) []byte {
	return AppendString(b, h.String())
}
