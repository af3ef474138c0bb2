package api

import "github.com/warg-trillian/warg-trillian/warg/protocol"

// appendEnvelopeMembers appends the members of an envelope without the braces:
// the API puts others beside them.
func appendEnvelopeMembers(b []byte, e protocol.Envelope) []byte {
	b = appendBase64(append(b, `"contentBytes":`...), e.Content)
	b = appendText(append(b, `,"keyId":`...), string(e.KeyID))
	return appendText(append(b, `,"signature":`...), e.Signature.String())
}

func (v value) envelope() (e protocol.Envelope, err error) {
	err = e.UnmarshalJSON(v)
	return e, err
}

func (v value) packageName() (protocol.PackageName, error) {
	s, err := v.text()
	if err != nil {
		return protocol.PackageName{}, err
	}
	return protocol.ParsePackageName(s)
}
