package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/warg-trillian/warg-trillian/personality/discoveryapi"
	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/withheld"
)

// This file is the only place where errors become statuses and bodies.

// A translator makes an error body of one API of an error of the registry; nil
// means that the error is not one that a client can act on.
type translator func(error) api.Error

var internalError = &api.MessageError{Code: 500, Message: "an error occurred while processing the request"}

// writeError answers with what the error means to the client.
func (h *handler) writeError(w http.ResponseWriter, r *http.Request, translate translator, err error) {
	if refusal, ok := is[*limits.Refusal](err); ok {
		refusal.SetHeader(w.Header())
	} else if e, ok := is[*registry.NoNoteError](err); has[*registry.UnavailableError](err) || ok && e.Cosigned {
		w.Header().Set("Retry-After", "5") // seconds
	} else if has[*registry.WaitingError](err) || has[*registry.ContentLostError](err) {
		w.Header().Set("Retry-After", "60")
	} else if errors.Is(err, registry.ErrOverloaded) || errors.Is(err, context.DeadlineExceeded) {
		w.Header().Set("Retry-After", "1")
	}
	if e, ok := is[*hintedError](err); ok {
		w.Header().Set(api.RegistryHintHeader, e.hint)
	}
	if discoveryapi.IsUnavailable(err) {
		w.Header().Set("Retry-After", "5")
	}
	if e, ok := is[*registry.WithheldError](err); ok {
		w.Header().Set("Cache-Control", "no-store") // it may be released
		if e.Statement.Reference != "" {
			w.Header().Add("Link", "<"+e.Statement.Reference+`>; rel="blocked-by"`) // RFC 7725, section 4
		}
	}
	if has[*registry.LogFileNotFoundError](err) || has[*registry.NoNoteError](err) || has[*registry.ReleaseNotFoundError](err) {
		w.Header().Set("Cache-Control", "no-store") // it may be there in a moment
	}
	body := asAPIError(err)
	if body == nil {
		body = translate(err)
	}
	if body == nil {
		body = messageError(err)
	}
	if body == nil {
		body = internalError
		if r.Context().Err() == nil { // the client still waits, so it is not the reason
			h.Logger.ErrorContext(r.Context(), "unexpected error", "method", r.Method, "path", r.URL.Path, "error", err)
		}
	}
	if what, part := partTrouble(err); what != "" {
		h.trouble.Write(r.Context(), slog.LevelWarn, what+": "+part, what, "method", r.Method, "path", r.URL.Path, "error", err)
	}
	body = inFormOf(r.URL.Path, body)
	h.Observer.Refused(reason(err, observedStatus(r, body.Status())))
	if h.isPage(r) {
		h.writeProblem(w, r, body)
		return
	}
	writeBody(w, body.Status(), body)
}

// partTrouble is what the log says of a part of the registry that failed a
// request, and the part; empty if none did.
func partTrouble(err error) (what string, part string) {
	if e, ok := is[*registry.UnavailableError](err); ok {
		return "a part of the registry is away", e.Part
	}
	if e, ok := is[*registry.StorageFullError](err); ok {
		return "a part of the registry is full", e.Part
	}
	return "", ""
}

// asAPIError returns err if a handler has already put it into the form of the
// API.
func asAPIError(err error) api.Error {
	var body api.Error
	if errors.As(err, &body) {
		return body
	}
	return nil
}

// is returns the error of type T in err's tree.
func is[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// messageError translates what all APIs have in common. The ledger and the
// checkpoint verification API have nothing else.
func messageError(err error) api.Error {
	if e, ok := is[*limits.Refusal](err); ok {
		return &api.MessageError{Code: uint16(e.Status), Message: e.Message}
	}
	if e, ok := is[*registry.UnavailableError](err); ok {
		return &api.MessageError{Code: 503, Message: e.Public()}
	}
	if e, ok := is[*registry.StorageFullError](err); ok {
		return &api.MessageError{Code: 507, Message: e.Public()}
	}
	if e, ok := is[*registry.UpstreamError](err); ok {
		return &api.MessageError{Code: 502, Message: e.Public()}
	}
	if e, ok := is[*registry.LoopError](err); ok {
		return &api.MessageError{Code: http.StatusLoopDetected, Message: e.Public()}
	}
	if e, ok := is[*registry.ReadOnlyError](err); ok {
		return &api.MessageError{Code: 501, Message: e.Error()}
	}
	if e, ok := is[*registry.TooLargeError](err); ok {
		return &api.MessageError{Code: 413, Message: e.Error()}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &api.MessageError{Code: 503, Message: "the request took too long; try again later"}
	}
	if errors.Is(err, registry.ErrOverloaded) {
		return &api.MessageError{Code: 503, Message: registry.ErrOverloaded.Error()}
	}
	if e, ok := is[*registry.WaitingError](err); ok {
		if e.All {
			return &api.MessageError{Code: 503, Message: e.Error()}
		}
		return &api.MessageError{Code: 429, Message: e.Error()}
	}
	if e, ok := is[*registry.WithheldError](err); ok {
		return &api.MessageError{Code: http.StatusUnavailableForLegalReasons, Message: e.Error()}
	}
	if e, ok := is[*withheld.OrderError](err); ok {
		return &api.MessageError{Code: 409, Message: e.Error()}
	}
	if e, ok := is[*registry.UnauthorizedError](err); ok {
		return &api.MessageError{Code: 401, Message: e.Error()}
	}
	if e, ok := is[*registry.InvalidError](err); ok {
		return &api.MessageError{Code: 400, Message: e.Error()}
	}
	if e, ok := is[*web.Problem](err); ok {
		return &api.MessageError{Code: uint16(e.Status), Message: e.Message}
	}
	if e, ok := is[*registry.CheckpointNotFoundError](err); ok {
		return &api.MessageError{Code: 404, Message: e.Error()}
	}
	if e, ok := is[*registry.LogFileNotFoundError](err); ok {
		return &api.MessageError{Code: 404, Message: e.Error()}
	}
	if e, ok := is[*registry.ReleaseNotFoundError](err); ok {
		return &api.MessageError{Code: 404, Message: e.Error()}
	}
	if e, ok := is[*registry.NoNoteError](err); ok {
		if e.Cosigned { // it is expected to be there
			return &api.MessageError{Code: 503, Message: e.Error()}
		}
		return &api.MessageError{Code: 404, Message: e.Error()}
	}
	return nil
}

func fetchError(err error) api.Error {
	if e, ok := is[*registry.CheckpointNotFoundError](err); ok {
		return &api.FetchError{Variant: api.FetchCheckpointNotFound, LogLength: e.LogLength}
	}
	if e, ok := is[*registry.LogNotFoundError](err); ok {
		return &api.FetchError{Variant: api.FetchLogNotFound, LogID: e.LogID.Any()}
	}
	if e, ok := is[*registry.FetchTokenNotFoundError](err); ok {
		return &api.FetchError{Variant: api.FetchTokenNotFound, FetchToken: e.Token}
	}
	return nil
}

func packageError(err error) api.Error {
	if e, ok := is[*registry.ReadOnlyError](err); ok {
		return &api.PackageError{Variant: api.NotSupported, Message: e.Error()}
	}
	if errors.Is(err, registry.ErrRecordNotSourcing) {
		return &api.PackageError{Variant: api.RecordNotSourcing}
	}
	if e, ok := is[*registry.LogNotFoundError](err); ok {
		return &api.PackageError{Variant: api.PackageLogNotFound, LogID: e.LogID.Any()}
	}
	if e, ok := is[*registry.RecordNotFoundError](err); ok {
		return &api.PackageError{Variant: api.RecordNotFound, RecordID: e.RecordID.Any()}
	}
	if e, ok := is[*registry.NamespaceNotDefinedError](err); ok {
		return &api.PackageError{Variant: api.NamespaceNotDefined, Namespace: e.Namespace}
	}
	if e, ok := is[*registry.NamespaceImportedError](err); ok {
		return &api.PackageError{Variant: api.NamespaceImported, Namespace: e.Namespace}
	}
	if e, ok := is[*registry.ConflictPendingPublishError](err); ok {
		return &api.PackageError{Variant: api.ConflictPendingPublish, RecordID: e.RecordID.Any()}
	}
	if e, ok := is[*registry.UnauthorizedError](err); ok {
		return &api.PackageError{Variant: api.Unauthorized, Message: e.Reason}
	}
	if e, ok := is[*registry.RejectionError](err); ok {
		return &api.PackageError{Variant: api.Rejection, Message: e.Reason}
	}
	return nil
}

// contentError: content that was published and is lost is not said to be missing,
// which clients and caches might remember, and which they would take for the
// author's fault.
func contentError(err error) api.Error {
	if e, ok := is[*registry.ContentLostError](err); ok {
		return &api.MessageError{Code: 503, Message: e.Error()}
	}
	if e, ok := is[*registry.ContentNotFoundError](err); ok {
		return &api.ContentError{Variant: api.ContentDigestNotFound, Digest: e.Digest.Any()}
	}
	return nil
}

func proofError(err error) api.Error {
	if e, ok := is[*registry.CheckpointNotFoundError](err); ok {
		return &api.ProofError{Variant: api.ProofCheckpointNotFound, LogLength: e.LogLength}
	}
	if e, ok := is[*registry.LeafNotFoundError](err); ok {
		return &api.ProofError{Variant: api.LeafNotFound, LeafIndex: e.Index}
	}
	if e, ok := is[*registry.IncorrectProofError](err); ok {
		return &api.ProofError{Variant: api.IncorrectProof, Root: e.Root.Any(), Found: e.Found.Any()}
	}
	if e, ok := is[*registry.BundleError](err); ok {
		return &api.ProofError{Variant: api.BundleFailure, Message: e.Reason}
	}
	return nil
}
