package api

import "fmt"

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
	b = appendText(append(b, `{"checkpoint":`...), string(r.Checkpoint))
	b = appendText(append(b, `,"signature":`...), string(r.Signature))
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
	return unmarshal(data, func(v value) error {
		return v.fields(
			required("checkpoint", &r.Checkpoint, value.verificationState),
			required("signature", &r.Signature, value.verificationState),
			optional("retryAfter", &r.RetryAfter, value.uint16),
		)
	})
}

func (v value) verificationState() (VerificationState, error) {
	text, err := v.text()
	if err != nil {
		return "", err
	}
	switch state := VerificationState(text); state {
	case Unverified, Verified, Invalid:
		return state, nil
	}
	return "", fmt.Errorf("unknown variant `%s`, expected one of `unverified`, `verified`, `invalid`", text)
}
