package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"filippo.io/mldsa"
	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Types of keys, the first byte of a key in text (signed-note, "Signature types").
const (
	typeEd25519 = 0x01
	typeMLDSA44 = 0x06
)

// NoteKey signs the notes of one log: with an Ed25519 key, which the witness network
// demands, and perhaps with an ML-DSA-44 key as well. Its methods are safe for
// concurrent use.
type NoteKey struct {
	signers []note.Signer
	vkeys   []string
}

// GenerateNoteKey returns the text of a new key with a name, which is the origin of a
// log: a line "PRIVATE+KEY+<name>+<hash>+<base64>" for Ed25519 and, if it is asked for,
// another for ML-DSA-44.
func GenerateNoteKey(name string, withMLDSA bool) (string, error) {
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil || !withMLDSA {
		return skey + "\n", err
	}
	second, _, err := formats.GenerateMLDSAKey(name)
	return skey + "\n" + second + "\n", err
}

// ParseNoteKey reads what [GenerateNoteKey] writes. Its errors do not quote the text.
func ParseNoteKey(text string) (*NoteKey, error) {
	k := new(NoteKey)
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if err := k.add(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d of the note key: %w", len(k.signers)+1, err)
		}
	}
	if len(k.signers) == 0 {
		return nil, errors.New("the note key is empty")
	}
	return k, nil
}

func (k *NoteKey) add(skey string) error {
	parts := strings.SplitN(skey, "+", 5)
	if len(parts) != 5 || parts[0] != "PRIVATE" || parts[1] != "KEY" {
		return errors.New("it does not begin with PRIVATE+KEY+")
	}
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(key) < 2 {
		return errors.New("its last part is not a key in base64")
	}
	name, wanted := parts[2], byte(typeEd25519)
	if len(k.signers) > 0 {
		wanted = typeMLDSA44
	}
	switch {
	case len(k.signers) == 2:
		return errors.New("there are more than two keys")
	case key[0] != wanted:
		return errors.New("the first key must be for Ed25519, a second one for ML-DSA-44")
	case len(k.signers) > 0 && name != k.Name():
		return fmt.Errorf("it is named %q, and the first one %q", name, k.Name())
	}
	signer, vkey, err := openKey(skey, name, key)
	if err != nil {
		return err
	}
	k.signers, k.vkeys = append(k.signers, signer), append(k.vkeys, vkey)
	return nil
}

// openKey returns the signer of a key, and the text of its public key.
func openKey(skey, name string, key []byte) (note.Signer, string, error) {
	bad := errors.New("it is not a private key, or damaged")
	if key[0] == typeEd25519 {
		signer, err := note.NewSigner(skey)
		if err != nil || len(key) != 1+ed25519.SeedSize {
			return nil, "", bad
		}
		public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
		vkey, err := note.NewEd25519VerifierKey(name, public)
		return signer, vkey, err
	}
	signer, err := formats.NewMLDSASigner(skey)
	if err != nil {
		return nil, "", bad
	}
	private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), key[1:])
	if err != nil {
		return nil, "", bad
	}
	public := append([]byte{typeMLDSA44}, private.PublicKey().Bytes()...)
	vkey := fmt.Sprintf("%s+%08x+%s", name, signer.KeyHash(), base64.StdEncoding.EncodeToString(public))
	return signer, vkey, nil
}

// Name is the name of the key, the origin of its log.
func (k *NoteKey) Name() string { return k.signers[0].Name() }

// VKeys are the public keys in text, "<name>+<hash>+<base64>": the Ed25519 one first.
func (k *NoteKey) VKeys() []string { return k.vkeys }

// Sign returns the signed note of a tree head, whose origin must be the name of the
// key.
func (k *NoteKey) Sign(head TreeHead) ([]byte, error) {
	if head.Origin != k.Name() {
		return nil, fmt.Errorf("the note key %q can not sign for the log %q", k.Name(), head.Origin)
	}
	signed, err := note.Sign(&note.Note{Text: string(head.Body())}, k.signers...)
	if err != nil {
		return nil, fmt.Errorf("sign a note for %s: %w", head.Origin, err)
	}
	return signed, nil
}

// NewVerifier returns the verifier of a log's public key in text: Ed25519, or ML-DSA-44.
func NewVerifier(vkey string) (note.Verifier, error) {
	vkey = strings.TrimSpace(vkey)
	_, rest, _ := strings.Cut(vkey, "+")
	_, key64, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if err == nil && bytes.HasPrefix(key, []byte{typeMLDSA44}) {
		v, err := formats.NewMLDSAVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("%q is not a public note key: %w", vkey, err)
		}
		return v, nil
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%q is not a public note key of the form name+hash+base64: %w", vkey, err)
	}
	return v, nil
}
