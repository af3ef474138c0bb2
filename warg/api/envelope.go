package api

import (
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// appendEnvelopeMembers appends the members of an envelope without the braces:
// the API puts others beside them.
func appendEnvelopeMembers(b []byte, e protocol.Envelope) []byte {
	b = appendBase64(append(b, `"contentBytes":`...), e.Content)
	b = serde.AppendText(append(b, `,"keyId":`...), string(e.KeyID))
	return serde.AppendText(append(b, `,"signature":`...), e.Signature.String())
}

func readEnvelope(v serde.Value) (e protocol.Envelope, err error) {
	err = e.UnmarshalJSON(v)
	return e, err
}

func readPackageName(v serde.Value) (protocol.PackageName, error) {
	s, err := v.Text()
	if err != nil {
		return protocol.PackageName{}, err
	}
	return protocol.ParsePackageName(s)
}
