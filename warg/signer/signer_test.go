package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/signer"
)

func generate(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func sec1(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	return string(parameters) + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// A text may hold several keys, in any of their forms.
func TestParseKeys(t *testing.T) {
	one, two := generate(t, elliptic.P256()), generate(t, elliptic.P256())
	line, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := signer.FromCrypto(one)
	b, errB := signer.FromCrypto(two)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"lines first": line.Text() + "\n\n" + pkcs8(t, one) + sec1(t, two),
		"blocks":      "Bag Attributes\n" + pkcs8(t, one) + "\n" + line.Text() + "\r\n" + sec1(t, two),
	} {
		keys, err := signer.ParseKeys(text)
		if err != nil || len(keys) != 3 {
			t.Fatalf("%s: %d keys, %v", what, len(keys), err)
		}
		found := map[protocol.KeyID]bool{}
		for _, k := range keys {
			found[k.Public().ID()] = true
		}
		if !found[a.Public().ID()] || !found[b.Public().ID()] || !found[line.Public().ID()] {
			t.Errorf("%s: other keys: %v", what, found)
		}
	}
	for what, text := range map[string]string{
		"empty": " \n", "no key": "ecdsa-p256:AAAA", "another curve": pkcs8(t, generate(t, elliptic.P384())),
		"second is none": line.Text() + "\nfoo", "cut off": pkcs8(t, one)[:100], "public": line.Public().String(),
	} {
		if keys, err := signer.ParseKeys(text); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %d keys, %v", what, len(keys), err)
		}
	}
}

// Whatever signs, the record and the checkpoint verify; a signer that lies is refused.
func TestSigners(t *testing.T) {
	key := generate(t, elliptic.P256())
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte(pkcs8(t, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	inCode, err := signer.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is missing: apt-get install openssl")
	}
	command := signer.Command{Line: "openssl pkeyutl -sign -inkey '" + file + "'", Key: inCode.Public()}
	for what, s := range map[string]protocol.Signer{"crypto.Signer": inCode, "command": command} {
		signed, err := protocol.TimestampedCheckpoint{Timestamp: 1}.SignWith(s)
		if err != nil || signed.Verify(inCode.Public()) != nil || signed.KeyID != inCode.Public().ID() {
			t.Errorf("%s: checkpoint %v, %v", what, signed, err)
		}
		record := protocol.OperatorRecord{Entries: []protocol.OperatorEntry{{Type: protocol.EntryDefineNamespace, Namespace: "a"}}}
		envelope, err := record.SignWith(s)
		if err != nil || !inCode.Public().Verify(protocol.OperatorRecordSignature, envelope.Content, envelope.Signature) {
			t.Errorf("%s: record %v", what, err)
		}
	}
	other, err := protocol.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	command.Key = other.Public()
	if _, err := (protocol.TimestampedCheckpoint{}).SignWith(command); !errors.Is(err, protocol.ErrSigner) {
		t.Errorf("another key signs: %v", err)
	}
	for line, want := range map[string]string{
		"exit 3": "exit status 3", "echo no >&2; exit 1": "no", "echo nothing": "no ECDSA signature", "yes": "more than 65536 bytes",
	} {
		if _, err := (signer.Command{Line: line, Key: inCode.Public()}).SignDigest(protocol.Hash{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := (signer.Command{Line: "sleep 60", Key: inCode.Public(), Timeout: 50 * time.Millisecond}).SignDigest(protocol.Hash{}); err == nil || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("a command that hangs: %v", err)
	}
	if _, err := signer.FromCrypto(generate(t, elliptic.P384())); err == nil {
		t.Error("a key on another curve is taken")
	}
}
