package proof

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Errors of this package; each comes wrapped with what was wrong and where.
var (
	// ErrRange: the lengths or indices asked for admit no proof: a leaf at or
	// beyond the length, a length of 0, from > to, or numbers beyond
	// [MaxLogLength]. The asker is wrong.
	ErrRange = errors.New("no such proof exists")
	// ErrNoProofs: a bundle of no proofs was asked for.
	ErrNoProofs = errors.New("a bundle can not be made from no proofs")
	// ErrPath: a proof path or the balanced roots, as the log gave them, do not
	// fit each other. The source of the paths is wrong, or two sources are at
	// different logs.
	ErrPath = errors.New("path and balanced roots do not fit")
	// ErrMalformed: bytes are not a bundle, or a bundle breaks a rule of its form.
	ErrMalformed = errors.New("malformed proof bundle")
	// ErrProofCount: a bundle does not hold exactly the proofs that were asked for.
	ErrProofCount = errors.New("proof bundle does not hold the proofs asked for")
	// ErrMissingHash: a bundle lacks a hash that one of its proofs needs.
	ErrMissingHash = errors.New("proof bundle lacks a hash")
)

// RootMismatchError reports a proof that leads to another root than the one
// that it was checked against: what was to be proven is not so.
type RootMismatchError struct {
	Proof string // which proof, for people
	Got   protocol.Hash
	Want  protocol.Hash
}

func (e *RootMismatchError) Error() string {
	return fmt.Sprintf("%s leads to root %s, want %s", e.Proof, e.Got, e.Want)
}
