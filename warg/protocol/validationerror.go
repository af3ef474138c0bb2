package protocol

import "fmt"

// Rule names a rule of a log that a record broke. The names are those of the
// reference's ValidationError.
type Rule string

// The rules of logs. The reference knows one more, IncorrectHashAlgorithm, which
// can not be broken while there is only one algorithm.
const (
	FirstEntryIsNotInit        Rule = "FirstEntryIsNotInit"
	InitialRecordDoesNotInit   Rule = "InitialRecordDoesNotInit"
	KeyIDNotRecognized         Rule = "KeyIDNotRecognized"
	InitialEntryAfterBeginning Rule = "InitialEntryAfterBeginning"
	UnauthorizedAction         Rule = "UnauthorizedAction"
	PermissionNotFoundToRevoke Rule = "PermissionNotFoundToRevoke"
	ReleaseOfReleased          Rule = "ReleaseOfReleased"
	YankOfUnreleased           Rule = "YankOfUnreleased"
	YankOfYanked               Rule = "YankOfYanked"
	SignatureError             Rule = "SignatureError"
	RecordHashDoesNotMatch     Rule = "RecordHashDoesNotMatch"
	PreviousHashOnFirstRecord  Rule = "PreviousHashOnFirstRecord"
	NoPreviousHashAfterInit    Rule = "NoPreviousHashAfterInit"
	ProtocolVersionNotAllowed  Rule = "ProtocolVersionNotAllowed"
	TimestampLowerThanPrevious Rule = "TimestampLowerThanPrevious"
	InvalidNamespace           Rule = "InvalidNamespace"
	NamespaceAlreadyDefined    Rule = "NamespaceAlreadyDefined"
)

// ValidationError says which rule a record broke; its text is the reference's.
// Validate returns no other kind of error. A SignatureError wraps
// [ErrSignature].
type ValidationError struct {
	Rule Rule
	text string
}

// Error implements error.
func (e *ValidationError) Error() string { return e.text }

// Unwrap returns [ErrSignature] if the signature is what is wrong.
func (e *ValidationError) Unwrap() error {
	if e.Rule == SignatureError {
		return ErrSignature
	}
	return nil
}

func broken(rule Rule, format string, args ...any) *ValidationError {
	return &ValidationError{Rule: rule, text: fmt.Sprintf(format, args...)}
}
