package withheld

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Signature is as what statements are signed.
const Signature protocol.SignaturePrefix = "WARG-TRILLIAN-WITHHELD-SIGNATURE-V1"

// Bounds of the texts of a statement in bytes.
const (
	MaxReason    = 500
	MaxReference = 500
)

// Action is what a statement does.
type Action string

// The actions.
const (
	Withhold Action = "withhold" // the bytes are not handed out from here on
	Release  Action = "release"  // they are again
)

// Statement says that a content is withheld, or released again.
type Statement struct {
	// Origin is the registry: the record id of the first record of its operator log.
	Origin protocol.Hash `json:"origin"`
	// Sequence is the statement's number, from 0; Previous is the hash of the one before
	// it ([Statement.Hash]), zero in the first.
	Sequence  uint64        `json:"sequence"`
	Previous  protocol.Hash `json:"previous"`
	Time      time.Time     `json:"time"` // UTC, of whole seconds
	Action    Action        `json:"action"`
	Digest    protocol.Hash `json:"digest"` // of the content
	Reason    string        `json:"reason"`
	Reference string        `json:"reference,omitempty"` // URL of who demands it, or why; "" for none
}

// Signed is a statement with its signature.
type Signed struct {
	Statement
	KeyID     protocol.KeyID     `json:"keyId"`
	Signature protocol.Signature `json:"signature"`
}

// Encode returns what is signed and hashed: each member as text with its length before it
// ([protocol.AppendString]), in the order of the type, the time in seconds since 1970.
func (s Statement) Encode() []byte {
	var b []byte
	for _, text := range []string{
		s.Origin.String(), strconv.FormatUint(s.Sequence, 10), s.Previous.String(), strconv.FormatInt(s.Time.Unix(), 10),
		string(s.Action), s.Digest.String(), s.Reason, s.Reference,
	} {
		b = protocol.AppendString(b, text)
	}
	return b
}

// Hash is what the next statement has as its Previous.
func (s Statement) Hash() protocol.Hash { return protocol.HashOf(s.Encode()) }

// Check returns why a statement is not well formed.
func (s Statement) Check() error {
	switch {
	case s.Action != Withhold && s.Action != Release:
		return fmt.Errorf("the action %.20q is neither withhold nor release", string(s.Action))
	case s.Time.Nanosecond() != 0 || s.Time.Location() != time.UTC || s.Time.Year() < 1970 || s.Time.Year() > 9999:
		return errors.New("the time is not one of whole seconds in UTC")
	}
	if err := CheckReason(s.Reason); err != nil {
		return err
	}
	return CheckReference(s.Reference)
}

// CheckReason returns why a text can not be a reason.
func CheckReason(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("the reason is empty")
	case len(text) > MaxReason:
		return fmt.Errorf("the reason has %d bytes, more than %d", len(text), MaxReason)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, isStray):
		return errors.New("the reason has control characters, line breaks, or what is not UTF-8")
	}
	return nil
}

// isStray tells of what would hide or change the text around it: control characters, and
// those of format, such as marks of direction.
func isStray(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// CheckReference returns why a text can not be a reference; "" can.
func CheckReference(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > MaxReference {
		return fmt.Errorf("the reference has %d bytes, more than %d", len(text), MaxReference)
	}
	notURL := errors.New("the reference is not an http or https URL, written with ASCII characters alone")
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"\^{|}`+"`", r) }) {
		return notURL
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return notURL
	}
	return nil
}

// Sign checks a statement and has a signer sign it.
func (s Statement) Sign(signer protocol.Signer) (Signed, error) {
	if err := s.Check(); err != nil {
		return Signed{}, err
	}
	id, signature, err := protocol.SignWith(signer, Signature, s.Encode())
	if err != nil {
		return Signed{}, fmt.Errorf("sign the statement: %w", err)
	}
	return Signed{s, id, signature}, nil
}

// Verify returns an error if a statement is not well formed, or not signed by a key.
func (s Signed) Verify(key protocol.PublicKey) error {
	if err := s.Check(); err != nil {
		return err
	}
	if key.ID() != s.KeyID || !key.Verify(Signature, s.Encode(), s.Signature) {
		return fmt.Errorf("the signature is not one by key %s", s.KeyID)
	}
	return nil
}
