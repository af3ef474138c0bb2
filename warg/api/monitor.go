package api

import (
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/internal/serde"
)

// VerificationState is a verdict on a part of a checkpoint.
type VerificationState string

// The verdicts.
const (
	Unverified VerificationState = "unverified" // not known: may be valid or invalid
	Verified   VerificationState = "verified"
	Invalid    VerificationState = "invalid"
)

// CheckpointVerificationResponse is what a registry thinks of a checkpoint.
type CheckpointVerificationResponse struct {
	Checkpoint VerificationState // length and roots
	Signature  VerificationState
	RetryAfter *uint16 // ask again after so many seconds
}

// AppendJSON implements [Body].
func (r CheckpointVerificationResponse) AppendJSON(b []byte) []byte {
	b = serde.AppendText(append(b, `{"checkpoint":`...), string(r.Checkpoint))
	b = serde.AppendText(append(b, `,"signature":`...), string(r.Signature))
	if r.RetryAfter != nil {
		b = appendUint(append(b, `,"retryAfter":`...), uint64(*r.RetryAfter))
	}
	return append(b, '}')
}

// MarshalJSON implements [Body].
func (r CheckpointVerificationResponse) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (r *CheckpointVerificationResponse) UnmarshalJSON(data []byte) error {
	*r = CheckpointVerificationResponse{}
	return unmarshal(data, func(v serde.Value) error {
		return v.Fields(
			serde.Required("checkpoint", &r.Checkpoint, readVerificationState),
			serde.Required("signature", &r.Signature, readVerificationState),
			serde.Optional("retryAfter", &r.RetryAfter, serde.Value.Uint16),
		)
	})
}

func readVerificationState(v serde.Value) (VerificationState, error) {
	text, err := v.Text()
	if err != nil {
		return "", err
	}
	switch state := VerificationState(text); state {
	case Unverified, Verified, Invalid:
		return state, nil
	}
	return "", fmt.Errorf("unknown variant `%s`, expected one of `unverified`, `verified`, `invalid`", text)
}
