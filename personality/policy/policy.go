// Package policy decides what this registry takes beyond what the protocol
// allows: [AuthorizedKeys] says who may publish where, [OpenRecord] and [Admit]
// refuse records that are valid and yet no record of an honest author, and
// [NotAhead] refuses dates in the future. All are pure: the same arguments get the
// same answer.
//
// A policy may only refuse. What the protocol calls invalid stays invalid, as
// every client and auditor would see it.
package policy

import "fmt"

// UnauthorizedError says that the key may not publish this.
type UnauthorizedError struct{ Reason string }

func (e *UnauthorizedError) Error() string { return e.Reason }

// RejectionError says that nobody may publish this here.
type RejectionError struct{ Reason string }

func (e *RejectionError) Error() string { return e.Reason }

func rejection(format string, args ...any) error {
	return &RejectionError{fmt.Sprintf(format, args...)}
}
