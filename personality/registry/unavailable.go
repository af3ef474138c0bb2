package registry

import "fmt"

// UnavailableError: a part that the registry needs does not answer or does not
// work at the moment. Trying again later helps.
type UnavailableError struct {
	Part   string // for people: "the database", "Trillian", "the content store"
	Reason string // for clients, without addresses, paths and secrets; may be empty
	Err    error  // for the operator's log; may be nil
}

// StorageFullError: a part that the registry needs has no room to store more.
type StorageFullError struct {
	Part string // as in [UnavailableError]
	Err  error  // for the operator's log; may be nil
}

// ReadOnlyError: what would change a registry was asked of one that only answers for it.
type ReadOnlyError struct{ Domain, URL string }

func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("registry `%s` is served here for reading only; publish to it at %s", e.Domain, e.URL)
}

// UpstreamError: another registry, for which this one answers, did not prove what it said.
// What is known of it from before stays.
type UpstreamError struct {
	Domain string // of the other registry
	Reason string // for clients
	Err    error  // for the operator's log; may be nil
}

// Public is what a client may read.
func (e *UpstreamError) Public() string {
	return fmt.Sprintf("registry `%s` did not prove what it answered, so that this registry does not pass it on: %s", e.Domain, e.Reason)
}

func (e *UpstreamError) Error() string { return withCause(e.Public(), e.Err) }

// Unwrap returns the cause.
func (e *UpstreamError) Unwrap() error { return e.Err }

// LoopError: another registry, for which this one answers, is asked by way of registries that
// name each other in a circle. One of them has said so; asking again does not help.
type LoopError struct {
	Domain string // of the other registry
	Err    error  // for the operator's log; may be nil
}

// Public is what a client may read.
func (e *LoopError) Public() string {
	return fmt.Sprintf("registry `%s` is asked by way of registries that name each other in a circle, which their operators have to break", e.Domain)
}

func (e *LoopError) Error() string { return withCause(e.Public(), e.Err) }

// Unwrap returns the cause.
func (e *LoopError) Unwrap() error { return e.Err }

// Public is what a client may read.
func (e *UnavailableError) Public() string {
	if e.Reason == "" {
		return e.Part + " is not available at the moment; try again later"
	}
	return fmt.Sprintf("%s is not available at the moment (%s); try again later", e.Part, e.Reason)
}

// Public is what a client may read.
func (e *StorageFullError) Public() string {
	return e.Part + " of this registry is full; its operator has to make room"
}

func (e *UnavailableError) Error() string { return withCause(e.Public(), e.Err) }
func (e *StorageFullError) Error() string { return withCause(e.Public(), e.Err) }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Unwrap returns the cause.
func (e *StorageFullError) Unwrap() error { return e.Err }

func withCause(text string, cause error) string {
	if cause == nil {
		return text
	}
	return text + ": " + cause.Error()
}
