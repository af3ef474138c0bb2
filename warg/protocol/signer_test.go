package protocol

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

// elsewhere is a signer whose public key and whose signatures a test chooses.
type elsewhere struct {
	public PublicKey
	sign   func(Hash) (Signature, error)
}

func (s elsewhere) Public() PublicKey                    { return s.public }
func (s elsewhere) SignDigest(d Hash) (Signature, error) { return s.sign(d) }

func TestSignWith(t *testing.T) {
	var key, other PrivateKey
	for _, k := range []*PrivateKey{&key, &other} {
		var err error
		if *k, err = GeneratePrivateKey(); err != nil {
			t.Fatal(err)
		}
	}
	record := PackageRecord{Entries: []PackageEntry{{Type: EntryInit, Key: key.Public()}}}
	envelope, err := record.SignWith(key)
	if want := record.Sign(key); err != nil || envelope.Signature != want.Signature || envelope.KeyID != want.KeyID {
		t.Errorf("signed as %v, %v; want %v", envelope, err, want)
	}
	// What a service gives is read as DER, and is one of many valid signatures.
	der := elsewhere{key.Public(), func(d Hash) (Signature, error) {
		raw, err := key.key.Sign(rand.Reader, d[:], nil)
		if err != nil {
			return Signature{}, err
		}
		return ParseSignatureDER(raw)
	}}
	envelope, err = record.SignWith(der)
	if err != nil || !key.Public().Verify(PackageRecordSignature, envelope.Content, envelope.Signature) {
		t.Errorf("signed elsewhere: %v", err)
	}
	failure := errors.New("no hand on the token")
	for name, c := range map[string]struct {
		signer Signer
		want   error
	}{
		"another key":    {elsewhere{key.Public(), other.SignDigest}, ErrSigner},
		"another digest": {elsewhere{key.Public(), func(Hash) (Signature, error) { return key.SignDigest(Hash{}) }}, ErrSigner},
		"no key":         {elsewhere{PublicKey{}, key.SignDigest}, ErrSigner},
		"refusal":        {elsewhere{key.Public(), func(Hash) (Signature, error) { return Signature{}, failure }}, failure},
	} {
		if _, err := record.SignWith(c.signer); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if _, err := ParseSignatureDER(append(key.signDigest(Hash{}).DER(), 0)); err == nil {
		t.Error("DER with a byte behind it is read")
	}
}

func TestKeysInPEM(t *testing.T) {
	key, err := GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key.key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key.key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(large)
	if err != nil {
		t.Fatal(err)
	}
	otherPublic, err := x509.MarshalPKIXPublicKey(&large.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, data []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	parameters := block("EC PARAMETERS", []byte{6, 0})
	for _, text := range []string{block("PRIVATE KEY", pkcs8), block("EC PRIVATE KEY", sec1), parameters + block("EC PRIVATE KEY", sec1)} {
		if got, err := ParsePrivateKeyPEM([]byte(text)); err != nil || !got.Public().Equal(key.Public()) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	if got, err := ParsePublicKeyPEM([]byte(block("PUBLIC KEY", public))); err != nil || !got.Equal(key.Public()) {
		t.Errorf("public key: %v", err)
	}
	for text, want := range map[string]string{
		"":                                    "no whole block",
		parameters:                            "no whole block",
		block("PUBLIC KEY", public):           "not a PRIVATE KEY",
		block("PRIVATE KEY", sec1):            "not PKCS #8",
		block("EC PRIVATE KEY", pkcs8):        "SEC 1",
		block("PRIVATE KEY", other):           "P-256",
		block("ENCRYPTED PRIVATE KEY", pkcs8): "encrypted",
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}, Bytes: sec1})): "encrypted",
	} {
		if _, err := ParsePrivateKeyPEM([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		block("PRIVATE KEY", pkcs8):      "PUBLIC KEY",
		block("PUBLIC KEY", sec1):        "not a public key",
		block("PUBLIC KEY", otherPublic): "P-256",
	} {
		if _, err := ParsePublicKeyPEM([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
}
