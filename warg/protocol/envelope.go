package protocol

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/warg-trillian/warg-trillian/warg/internal/protoread"
	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
)

// Envelope is a signed record as it travels. Content is the record's protobuf
// message, kept exactly as received: the record's id and its signature are over
// these bytes. Nothing is checked but the form.
type Envelope struct {
	Content   []byte
	KeyID     KeyID // of the key that is said to have signed
	Signature Signature
}

func signEnvelope(key PrivateKey, prefix SignaturePrefix, content []byte) Envelope {
	return Envelope{Content: content, KeyID: key.Public().ID(), Signature: key.Sign(prefix, content)}
}

// Field numbers of the Envelope message (warg.proto).
const (
	envelopeContents  = 1
	envelopeKeyID     = 2
	envelopeSignature = 3
)

// MarshalProto returns the envelope as a protobuf message.
func (e Envelope) MarshalProto() []byte {
	b := make([]byte, 0, len(e.Content)+len(e.KeyID)+128)
	if len(e.Content) > 0 {
		b = appendMessage(b, envelopeContents, e.Content)
	}
	b = appendText(b, envelopeKeyID, string(e.KeyID))
	return appendText(b, envelopeSignature, e.Signature.String())
}

// UnmarshalEnvelopeProto decodes an Envelope message. The result does not alias
// b. Whether the content is a record is not checked.
func UnmarshalEnvelopeProto(b []byte) (Envelope, error) {
	var e Envelope
	var signature []byte
	r := protoread.New(b)
	for !r.Done() {
		f, err := r.Next()
		if err == nil {
			switch f.Number {
			case envelopeContents:
				e.Content, err = f.Bytes, f.Want(protowire.BytesType)
			case envelopeKeyID:
				var id []byte
				id, err = f.Text()
				e.KeyID = KeyID(id)
			case envelopeSignature:
				signature, err = f.Text()
			}
		}
		if err != nil {
			return Envelope{}, fmt.Errorf("failed to parse the outer envelope protobuf message: %w", err)
		}
	}
	var err error
	if e.Signature, err = ParseSignature(string(signature)); err != nil {
		return Envelope{}, fmt.Errorf("failed to parse envelope signature: %w", err)
	}
	e.Content = bytes.Clone(e.Content)
	return e, nil
}

// MarshalJSON returns {"contentBytes": <base64>, "keyId": ..., "signature": ...}
// as the HTTP API has it.
func (e Envelope) MarshalJSON() ([]byte, error) { return e.appendJSON(nil), nil }

func (e Envelope) appendJSON(b []byte) []byte {
	b = append(b, `{"contentBytes":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Content)
	b = append(b, `","keyId":`...)
	b = serde.AppendText(b, string(e.KeyID))
	b = append(b, `,"signature":`...)
	b = serde.AppendText(b, e.Signature.String())
	return append(b, '}')
}

// UnmarshalJSON reads what MarshalJSON writes, as strictly as the reference:
// names are case-sensitive, each member stands there once, none is null. The base64
// of the content is canonical but for padding, which may be missing. Unknown members are ignored. An array of the three values
// is accepted too (serde reads structs so).
func (e *Envelope) UnmarshalJSON(data []byte) error {
	var parsed Envelope
	err := serde.Unmarshal(data, func(v serde.Value) error {
		return v.Struct(
			serde.Required("contentBytes", &parsed.Content, serde.Parsed(decodeBase64AnyPadding)),
			serde.Required("keyId", &parsed.KeyID, readKeyID),
			serde.Required("signature", &parsed.Signature, serde.Parsed(ParseSignature)),
		)
	})
	if err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	*e = parsed
	return nil
}

func readKeyID(v serde.Value) (KeyID, error) {
	text, err := v.Text()
	return KeyID(text), err
}
