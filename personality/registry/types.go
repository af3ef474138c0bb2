// Package registry holds what the parts of the registry and its API have in
// common: where a record stands, and the errors that callers act on. The parts
// are packages admission, publisher and reader.
package registry

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// State is where a record stands.
type State uint8

// The states of a record, in the order in which it goes through them.
// A record ends as published or rejected.
const (
	Sourcing   State = iota // it waits for content
	Processing              // nothing of it is missing; not in a checkpoint yet
	Published               // covered by a signed checkpoint
	Rejected                // will never be published
)

// RecordStatus is what a client may know of one record.
type RecordStatus struct {
	RecordID      protocol.Hash
	State         State
	Missing       []protocol.Hash // Sourcing: digests of the missing content
	RegistryIndex uint64          // Published: leaf index in the records log
	Reason        string          // Rejected: why
	// Failures say of missing contents why they could not be fetched from where the
	// record's author said that they are.
	Failures map[protocol.Hash]string
}

// Errors that readers and publishers act on. Those with a value are types
// below; each is wrapped with more words where that helps.
var (
	// ErrRecordNotSourcing: content was posted for a record that needs none.
	ErrRecordNotSourcing = errors.New("the record is not currently sourcing content")
	// ErrOverloaded: too many records wait to be published; try again later.
	ErrOverloaded = errors.New("the registry is overloaded; try again later")
)

type (
	// CheckpointNotFoundError: no checkpoint has that log length.
	CheckpointNotFoundError struct{ LogLength uint64 }
	// LogNotFoundError: no such log.
	LogNotFoundError struct{ LogID protocol.Hash }
	// RecordNotFoundError: the log has no such record.
	RecordNotFoundError struct{ RecordID protocol.Hash }
	// FetchTokenNotFoundError: the log has no published record with that token.
	FetchTokenNotFoundError struct{ Token string }
	// LeafNotFoundError: the log of that length has no such leaf.
	LeafNotFoundError struct{ Index uint64 }
	// ContentNotFoundError: no content with that digest is kept here.
	ContentNotFoundError struct{ Digest protocol.Hash }
	// NoNoteError: there is no note of a log yet; Cosigned says that a quorum of
	// witnesses is missing.
	NoNoteError struct {
		Log      string
		Cosigned bool
	}
	// LogFileNotFoundError: a log has no such tile or bundle, or is not so long.
	LogFileNotFoundError struct{ Log, Path string }
	// ReleaseNotFoundError: no such release is in the records log of that length.
	ReleaseNotFoundError struct {
		Name      protocol.PackageName
		Version   string
		LogLength uint64
	}
	// NamespaceNotDefinedError: the operator log does not define the namespace.
	NamespaceNotDefinedError struct{ Namespace string }
	// NamespaceImportedError: the namespace belongs to another registry.
	NamespaceImportedError struct{ Namespace string }
	// ConflictPendingPublishError: the record stands beside one that was
	// accepted and is not published yet.
	ConflictPendingPublishError struct{ RecordID protocol.Hash }
	// IncorrectProofError: the package index at that length has another root
	// than the leaf that was asked for leads to: it is not the head of its log.
	IncorrectProofError struct{ Root, Found protocol.Hash }
	// BundleError: no proof bundle answers the question.
	BundleError struct{ Reason string }
	// UnauthorizedError: the key or signature does not allow it.
	UnauthorizedError struct{ Reason string }
	// TooLargeError: the content is larger than this registry takes.
	TooLargeError struct{ Reason string }
	// WaitingError: too many records of a package or a key wait for content, or in
	// all.
	WaitingError struct {
		Reason string
		All    bool // in all: whoever posts has no part in it
	}
	// InvalidError: the request or the record breaks a rule.
	InvalidError struct{ Reason string }
	// RejectionError: a policy of this registry refuses it.
	RejectionError struct{ Reason string }
)

func (e *CheckpointNotFoundError) Error() string {
	return fmt.Sprintf("checkpoint log length `%d` was not found", e.LogLength)
}
func (e *LogNotFoundError) Error() string { return fmt.Sprintf("log `%s` was not found", e.LogID) }
func (e *RecordNotFoundError) Error() string {
	return fmt.Sprintf("record `%s` was not found", e.RecordID)
}
func (e *FetchTokenNotFoundError) Error() string {
	return fmt.Sprintf("fetch token `%s` was not found", e.Token)
}
func (e *LeafNotFoundError) Error() string { return fmt.Sprintf("log leaf `%d` not found", e.Index) }
func (e *NoNoteError) Error() string {
	if e.Cosigned {
		return fmt.Sprintf("no checkpoint of the %s log has been cosigned by the quorum of witnesses that this registry asks for", e.Log)
	}
	return fmt.Sprintf("there is no checkpoint of the %s log yet", e.Log)
}
func (e *LogFileNotFoundError) Error() string {
	return fmt.Sprintf("the log %q has no file `%s`, or has not grown so far", e.Log, e.Path)
}
func (e *ReleaseNotFoundError) Error() string {
	return fmt.Sprintf("release `%s` of package `%s` is not in the records log as of its newest signed checkpoint, of %d records; ask again if it was published a moment ago", e.Version, e.Name, e.LogLength)
}
func (e *ContentNotFoundError) Error() string {
	return fmt.Sprintf("content digest `%s` was not found", e.Digest)
}
func (e *NamespaceNotDefinedError) Error() string {
	return fmt.Sprintf("namespace `%s` is not defined on the registry", e.Namespace)
}
func (e *NamespaceImportedError) Error() string {
	return fmt.Sprintf("namespace `%s` is an imported namespace from another registry", e.Namespace)
}
func (e *ConflictPendingPublishError) Error() string {
	return fmt.Sprintf("the package conflicts with pending publish of record `%s`", e.RecordID)
}
func (e *IncorrectProofError) Error() string {
	return fmt.Sprintf("failed to prove inclusion: found root `%s` but was given root `%s`", e.Found, e.Root)
}
func (e *BundleError) Error() string       { return "failed to bundle proofs: " + e.Reason }
func (e *UnauthorizedError) Error() string { return e.Reason }
func (e *WaitingError) Error() string      { return e.Reason }
func (e *InvalidError) Error() string      { return e.Reason }
func (e *TooLargeError) Error() string     { return e.Reason }
func (e *RejectionError) Error() string    { return e.Reason }
