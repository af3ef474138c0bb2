package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/registry"
)

// Observer is told what the API answers, for metrics. Its methods are called by
// all requests at the same time and must return at once.
type Observer interface {
	// Answered says that a request is over. The route is the pattern that it
	// matched, such as "POST /v1/package/{log}/record", or "none" for a request
	// that was answered before routing; so there are few of them, whatever
	// clients send. A client that did not wait for its answer has status 499.
	Answered(route string, status int, took time.Duration)
	// Refused says that a request was answered with an error, for one of the
	// reasons that [Reasons] lists.
	Refused(reason string)
	// ContentReceived and ContentServed count bytes of package content.
	ContentReceived(bytes int64)
	ContentServed(bytes int64)
}

type unobserved struct{}

func (unobserved) Answered(string, int, time.Duration) {}
func (unobserved) Refused(string)                      {}
func (unobserved) ContentReceived(int64)               {}
func (unobserved) ContentServed(int64)                 {}

// The reasons for which requests are refused.
const (
	reasonClientGone          = "client_gone"
	reasonConflict            = "conflict"
	reasonInternal            = "internal"
	reasonInvalid             = "invalid"
	reasonNamespaceImported   = "namespace_imported"
	reasonNamespaceNotDefined = "namespace_not_defined"
	reasonNoProof             = "no_proof"
	reasonNotFound            = "not_found"
	reasonNotSourcing         = "not_sourcing"
	reasonOverloaded          = "overloaded"
	reasonRateLimited         = "rate_limited"
	reasonRejected            = "rejected"
	reasonStorageFull         = "storage_full"
	reasonTooLarge            = "too_large"
	reasonTooSlow             = "too_slow"
	reasonUnauthorized        = "unauthorized"
	reasonUnavailable         = "unavailable"
	reasonUnsupported         = "unsupported"
	reasonUpstream            = "upstream"
)

// Reasons returns all reasons that an [Observer] may be given.
func Reasons() []string {
	return []string{
		reasonClientGone, reasonConflict, reasonInternal, reasonInvalid, reasonNamespaceImported, reasonNamespaceNotDefined, reasonNoProof,
		reasonNotFound, reasonNotSourcing, reasonOverloaded, reasonRateLimited, reasonRejected, reasonStorageFull, reasonTooLarge, reasonTooSlow, reasonUnauthorized, reasonUnavailable, reasonUnsupported, reasonUpstream,
	}
}

// reason names why a request was refused: by the error where it says more than
// the status that it is answered with.
func reason(err error, status int) string {
	switch {
	case errors.Is(err, registry.ErrRecordNotSourcing):
		return reasonNotSourcing
	case has[*registry.ConflictPendingPublishError](err):
		return reasonConflict
	case has[*registry.NamespaceNotDefinedError](err):
		return reasonNamespaceNotDefined
	case has[*registry.NamespaceImportedError](err):
		return reasonNamespaceImported
	case has[*registry.RejectionError](err):
		return reasonRejected
	case has[*registry.UnavailableError](err), discoveryapi.IsUnavailable(err):
		return reasonUnavailable
	case has[*registry.StorageFullError](err):
		return reasonStorageFull
	case has[*registry.UpstreamError](err), has[*registry.LoopError](err):
		return reasonUpstream
	case has[*registry.IncorrectProofError](err), has[*registry.BundleError](err):
		return reasonNoProof
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return reasonUnauthorized
	case http.StatusNotFound:
		return reasonNotFound
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return reasonUnsupported
	case http.StatusRequestEntityTooLarge:
		return reasonTooLarge
	case http.StatusRequestTimeout:
		return reasonTooSlow
	case http.StatusTooManyRequests:
		return reasonRateLimited
	case http.StatusServiceUnavailable:
		return reasonOverloaded
	case statusClientGone:
		return reasonClientGone
	}
	if status >= 500 {
		return reasonInternal
	}
	return reasonInvalid
}

func has[T error](err error) bool {
	_, ok := is[T](err)
	return ok
}

// statusClientGone stands for the answer that nobody waited for; nginx has given
// the number that meaning.
const statusClientGone = 499

// observedStatus is the status of an answer for metrics. That the client went
// away ends calls of the registry with an error, which is none of the registry.
func observedStatus(r *http.Request, status int) int {
	switch {
	case status == http.StatusInternalServerError && r.Context().Err() != nil:
		return statusClientGone
	case status == 0:
		return http.StatusOK // what net/http answers for a handler that does not
	}
	return status
}

// route is the pattern that a request matched.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}
