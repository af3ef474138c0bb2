package protocol

import (
	"testing"

	"github.com/warg-trillian/warg-trillian/integration/vectortest"
)

func TestVectorSigning(t *testing.T) {
	vectortest.Run(t, "signing.json", map[string]vectortest.Handler{
		"private_key":   vectortest.Check(checkPrivateKey),
		"public_key":    vectortest.Check(checkPublicKey),
		"signature":     vectortest.Check(checkSignature),
		"key_id_string": vectortest.Check(checkKeyID),
		"sign":          vectortest.Check(checkSign),
		"verify":        vectortest.Check(checkVerify),
	})
}

// signaturePrefixes has what the vectors call the type of a signed message.
var signaturePrefixes = map[string]SignaturePrefix{
	"PackageRecord":         PackageRecordSignature,
	"OperatorRecord":        OperatorRecordSignature,
	"TimestampedCheckpoint": CheckpointSignature,
}

func checkPrivateKey(t *testing.T, c struct {
	Input     string
	OK        bool
	Printed   string
	Scalar    hexBytes `json:"scalar_hex"`
	PublicKey string   `json:"public_key"`
	Point     hexBytes `json:"public_key_bytes_hex"`
	KeyID     KeyID    `json:"key_id"`
	Error     string
}) {
	k, err := ParsePrivateKey(c.Input)
	if !accepted(t, err, c.OK, c.Error) {
		return
	}
	equal(t, "text", k.Text(), c.Printed)
	equal(t, "scalar", k.Text(), formatKeyText(c.Scalar))
	equal(t, "public key", k.Public().String(), c.PublicKey)
	point := k.Public().point
	equalBytes(t, "point", point[:], c.Point)
	equal(t, "key id", k.Public().ID(), c.KeyID)
}

func checkPublicKey(t *testing.T, c struct {
	Input   string
	OK      bool
	Printed string
	KeyID   KeyID `json:"key_id"`
	Error   string
}) {
	k, err := ParsePublicKey(c.Input)
	if !accepted(t, err, c.OK, c.Error) {
		return
	}
	equal(t, "printed", k.String(), c.Printed)
	equal(t, "key id", k.ID(), c.KeyID)
}

func checkSignature(t *testing.T, c struct {
	Input   string
	OK      bool
	Printed string
	DER     hexBytes `json:"der_hex"`
	R       hexBytes `json:"r_hex"`
	S       hexBytes `json:"s_hex"`
	Error   string
}) {
	sig, err := ParseSignature(c.Input)
	if !accepted(t, err, c.OK, c.Error) {
		return
	}
	equal(t, "printed", sig.String(), c.Printed)
	equalBytes(t, "DER", sig.DER(), c.DER)
	equalBytes(t, "r", sig.r[:], c.R)
	equalBytes(t, "s", sig.s[:], c.S)
}

func checkKeyID(t *testing.T, c struct {
	Input, Printed string
	OK             bool
}) {
	// A key id may be any text: it comes through an envelope as it is.
	key := testKey(t)
	env := signEnvelope(key, PackageRecordSignature, []byte{1})
	env.KeyID = KeyID(c.Input)
	text, err := env.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Envelope
	if !accepted(t, back.UnmarshalJSON(text), c.OK, "") {
		return
	}
	equal(t, "key id", string(back.KeyID), c.Printed)
	fromProto, err := UnmarshalEnvelopeProto(env.MarshalProto())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "key id", string(fromProto.KeyID), c.Printed)
}

func testKey(t testing.TB) PrivateKey {
	t.Helper()
	key, err := GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func checkSign(t *testing.T, c struct {
	Type       string
	PrivateKey string `json:"private_key"`
	PublicKey  string `json:"public_key"`
	KeyID      KeyID  `json:"key_id"`
	Prefix     SignaturePrefix
	Content    hexBytes `json:"content_hex"`
	Preimage   hexBytes `json:"preimage_hex"`
	Signature  string
	DER        hexBytes `json:"signature_der_hex"`
}) {
	k, err := ParsePrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "public key", k.Public().String(), c.PublicKey)
	equal(t, "key id", k.Public().ID(), c.KeyID)
	sig := k.signDigest(HashOf(c.Preimage))
	if c.Type != "raw" { // raw is no message of the protocol, and has no prefix
		equal(t, "prefix", signaturePrefixes[c.Type], c.Prefix)
		equal(t, "signature of content", k.Sign(c.Prefix, c.Content), sig)
	}
	equal(t, "signature", sig.String(), c.Signature)
	equalBytes(t, "DER", sig.DER(), c.DER)
}

func checkVerify(t *testing.T, c struct {
	Type      string
	PublicKey string   `json:"public_key"`
	Content   hexBytes `json:"content_hex"`
	Signature string
	Valid     bool
}) {
	k, err := ParsePublicKey(c.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := ParseSignature(c.Signature)
	if err != nil {
		t.Fatal(err)
	}
	if c.Type == "raw" {
		equal(t, "verdict", k.verifyDigest(HashOf(c.Content), sig), c.Valid)
		return
	}
	prefix, ok := signaturePrefixes[c.Type]
	if !ok {
		t.Fatalf("unknown type %q", c.Type)
	}
	equal(t, "verdict", k.Verify(prefix, c.Content, sig), c.Valid)
	// A key read back from a stored state verifies as well.
	equal(t, "verdict of unparsed key", PublicKey{point: k.point}.Verify(prefix, c.Content, sig), c.Valid)
}
