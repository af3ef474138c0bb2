package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Claim is what a registry has to prove.
type Claim string

// The claims.
const (
	ClaimOperatorKey Claim = "operator key"          // the operator log begins with the key that is expected
	ClaimOperatorLog Claim = "operator log"          // its records are valid and continue what is remembered
	ClaimPackageLog  Claim = "package log"           // likewise, and its namespace is this registry's
	ClaimSignature   Claim = "checkpoint signature"  // by a key that may sign checkpoints
	ClaimAge         Claim = "age of the checkpoint" // see [Options.MaxCheckpointAge]
	ClaimConsistency Claim = "consistency"           // with the checkpoint that is remembered
	ClaimInclusion   Claim = "inclusion"             // of the logs' heads in the checkpoint's log
	ClaimHead        Claim = "head"                  // that the heads are the heads: inclusion in the checkpoint's map
	ClaimWitnesses   Claim = "witnesses"             // see [Options.Witnesses]
	ClaimName        Claim = "package name"          // a log's id is that of the name
	ClaimContent     Claim = "content"               // the bytes have the digest
	ClaimWithheld    Claim = "withheld content"      // the list of what the operator withholds
	ClaimRecord      Claim = "record"                // what is said of a record that was posted
)

// VerificationError says that a registry did not prove what it said. It lies, or
// somebody between does, or it lost something: nothing of what it answered was
// used or remembered.
type VerificationError struct {
	Registry string // its URL
	Claim    Claim  // what does not hold
	Err      error  // why; with errors of packages protocol and proof below it
}

func (e *VerificationError) Error() string {
	return fmt.Sprintf("registry %s can not be trusted in this: %s: %v", e.Registry, e.Claim, e.Err)
}

// Unwrap returns Err.
func (e *VerificationError) Unwrap() error { return e.Err }

// unproven makes a *VerificationError.
func (c *Client) unproven(claim Claim, err error) error {
	return &VerificationError{Registry: c.URL(), Claim: claim, Err: err}
}

// refuted makes a [*VerificationError] of an error, or of a success that is no answer of
// the API, that the registry gave for what it must be able to prove. Others stay as they are.
func (c *Client) refuted(claim Claim, err error) error {
	if errors.Is(err, ErrMalformed) {
		return c.unproven(claim, err)
	}
	var refusal *APIError
	if errors.As(err, &refusal) {
		switch refusal.Status {
		case 400, 404, 409, 410, 422, 501:
			return c.unproven(claim, err)
		}
	}
	return err
}

// APIError is an answer with an HTTP status that is not a success.
type APIError struct {
	Method, URL string // of the request; without the query, which may be secret
	Status      int
	// RetryAfter is when the registry asks to be asked again; 0: it does not say.
	RetryAfter time.Duration
	// Hint is the header warg-registry-hint, "<namespace>=<registry>", of a log
	// that was not found; "" without one. Nobody vouches for it.
	Hint string
	// Body is the error body; an [*api.MessageError] with what was sent instead
	// if it is none.
	Body api.Error
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %v", e.Method, e.URL, e.Status, e.Body)
}

// Unwrap returns Body.
func (e *APIError) Unwrap() error { return e.Body }

// TransportError says that a request got no answer, or one that can not be read.
type TransportError struct {
	Method, URL string // of the request; without the query, which may be secret
	Err         error
}

func (e *TransportError) Error() string { return fmt.Sprintf("%s %s: %v", e.Method, e.URL, e.Err) }

// Unwrap returns Err.
func (e *TransportError) Unwrap() error { return e.Err }

// Reasons of a [TransportError] for which no request is made again.
var (
	ErrTooLarge  = errors.New("the answer is larger than allowed")
	ErrMalformed = errors.New("the answer is not one of the warg API")
)

// NotFoundError says that the registry has no log of a package. That can not be
// proved; for a package that is remembered it is a [*VerificationError].
type NotFoundError struct {
	Name protocol.PackageName
	// UndefinedNamespace: the operator log does not define the namespace at all.
	UndefinedNamespace bool
	Hint               string // see [APIError.Hint]
}

func (e *NotFoundError) Error() string {
	if e.UndefinedNamespace {
		return fmt.Sprintf("package %s is not in the registry, which does not define the namespace %s", e.Name, e.Name.Namespace())
	}
	return fmt.Sprintf("package %s is not in the registry", e.Name)
}

// ImportedNamespaceError says that the packages of a namespace are in another
// registry: ask there. The operator log, which was verified, says so.
type ImportedNamespaceError struct {
	Namespace string
	Registry  string // the domain of that registry
}

func (e *ImportedNamespaceError) Error() string {
	return fmt.Sprintf("namespace %s is imported from the registry %s; ask that one", e.Namespace, e.Registry)
}

// NoReleaseError says that no release that was not yanked fits a requirement.
type NoReleaseError struct {
	Name        protocol.PackageName
	Requirement string
}

func (e *NoReleaseError) Error() string {
	return fmt.Sprintf("package %s has no release that fits %q", e.Name, e.Requirement)
}

// ConflictError says that a record can not be published because another one
// took its place. Draft it again on the new head.
type ConflictError struct {
	Name protocol.PackageName
	// Other is the record that stands there, published or about to be.
	Other protocol.AnyHash
	Err   error // what the registry said
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("record of %s: the log goes on with record %s instead; read it again and sign a new record: %v", e.Name, e.Other, e.Err)
}

// Unwrap returns Err.
func (e *ConflictError) Unwrap() error { return e.Err }

// RejectedError says that a registry will never publish a record.
type RejectedError struct {
	Name     protocol.PackageName
	RecordID protocol.Hash
	Reason   string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("record %s of %s was rejected: %s", e.RecordID, e.Name, e.Reason)
}

// MissingContentError says that a record waits for content that was not given,
// or that the registry gave no place for it that is known here.
type MissingContentError struct {
	Name   protocol.PackageName
	Digest protocol.AnyHash
	Reason string
}

func (e *MissingContentError) Error() string {
	return fmt.Sprintf("the record of %s waits for content %s: %s", e.Name, e.Digest, e.Reason)
}

// StoreError says that a [Store] failed or that what it holds can not be read.
type StoreError struct {
	Name string // of the value
	Err  error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("remembered %s of the registry: %v", e.Name, e.Err)
}

// Unwrap returns Err.
func (e *StoreError) Unwrap() error { return e.Err }
