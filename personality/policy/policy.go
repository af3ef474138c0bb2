// Package policy decides what this registry takes beyond what the protocol
// allows: [AuthorizedKeys] says who may publish where, and [Admit] refuses
// records that are valid and yet no record of an honest author. Both are pure:
// the same record gets the same answer.
//
// A policy may only refuse. What the protocol calls invalid stays invalid, as
// every client and auditor would see it.
package policy

// UnauthorizedError says that the key may not publish this.
type UnauthorizedError struct{ Reason string }

func (e *UnauthorizedError) Error() string { return e.Reason }

// RejectionError says that nobody may publish this here.
type RejectionError struct{ Reason string }

func (e *RejectionError) Error() string { return e.Reason }
