package agent

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry"

	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// writeError answers a request that failed: the only place where errors become those of
// OCI.
func (a *Agent) writeError(w http.ResponseWriter, r *http.Request, err error) {
	body, status := ociregistry.MarshalError(ociError(err))
	var withheld *client.WithheldError
	if errors.As(err, &withheld) { // OCI has no code for it, and a status for each code
		status = http.StatusUnavailableForLegalReasons
	}
	var outside *rangeError
	if errors.As(err, &outside) {
		w.Header().Set(outside.header, outside.value)
	}
	if a.options.Explain != nil {
		err = a.options.Explain(err)
	}
	said := a.log.With("method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	var lie *client.VerificationError
	switch {
	case errors.As(err, &lie):
		said.Error("the registry did not prove what it said: nothing of it is handed on")
	case status == http.StatusNotFound: // wkg looks whether a package is there
		said.Debug("there is no such thing")
	case status >= 500:
		said.Error("a request failed")
	default:
		said.Info("a request was refused")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		a.log.Debug("the answer could not be written", "error", err)
	}
}

// ociError returns the error that OCI has for an error. wkg shows the texts of those with a
// status below 500 and a code that OCI knows, and takes NAME_UNKNOWN, and no other, for a
// package that is not there yet.
func ociError(err error) error {
	var (
		known  ociregistry.Error
		answer ociregistry.HTTPError
		large  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &known), errors.As(err, &answer):
		return err
	case errors.As(err, &large):
		return refusal(ociregistry.ErrSizeInvalid, "the request is larger than %d bytes, which the agent takes at most", large.Limit)
	}
	var (
		lie       *client.VerificationError
		missing   *client.NotFoundError
		elsewhere *client.ImportedNamespaceError
		conflict  *client.ConflictError
		rejected  *client.RejectedError
		lacking   *client.MissingContentError
		invalid   *protocol.ValidationError
		api       *client.APIError
		withheld  *client.WithheldError
	)
	switch {
	case errors.As(err, &withheld):
		return refusal(ociregistry.ErrDenied, "%v", err)
	case errors.As(err, &lie):
		return refusal(ociregistry.ErrDenied, "VERIFICATION FAILED, nothing was handed on: %v", err)
	case errors.As(err, &missing), errors.As(err, &elsewhere):
		return refusal(ociregistry.ErrNameUnknown, "%v", err)
	case errors.As(err, &conflict), errors.As(err, &rejected), errors.As(err, &lacking), errors.As(err, &invalid):
		return refusal(ociregistry.ErrDenied, "the record is refused: %v", err)
	case errors.As(err, &api) && api.Status == http.StatusTooManyRequests:
		return refusal(ociregistry.ErrTooManyRequests, "%v", err)
	case errors.As(err, &api) && api.Status < 500:
		return refusal(ociregistry.ErrDenied, "the registry refuses: %v", err)
	}
	var damaged *client.StoreError
	if errors.As(err, &damaged) && !isLocal(err) {
		return localFault("what this machine remembers of the registry is damaged: the agent's log says which file, and what to do")
	}
	if isLocal(err) { // the log has the paths
		return localFault("the agent could not use its folder: its log says why")
	}
	status := http.StatusInternalServerError
	var transport *client.TransportError
	switch {
	case errors.As(err, &api), errors.As(err, &transport):
		status = http.StatusBadGateway
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status = http.StatusServiceUnavailable
	}
	return ociregistry.NewHTTPError(ociregistry.NewError(err.Error(), "UNKNOWN", nil), status, nil, nil)
}

// localFault is a fault of this machine.
func localFault(text string) error {
	return ociregistry.NewHTTPError(ociregistry.NewError(text, "UNKNOWN", nil), http.StatusInternalServerError, nil, nil)
}

// rangeError is a range that is not there, with the header that says what is: Range of an
// upload, as its status has it (OCI distribution specification, "Pushing a blob in chunks"),
// and Content-Range of a blob (RFC 9110, section 15.5.17).
type rangeError struct {
	refusal       ociregistry.Error
	header, value string
}

func (e *rangeError) Error() string { return e.refusal.Error() }

// Unwrap returns the error of OCI.
func (e *rangeError) Unwrap() error { return e.refusal }

// isLocal tells whether an error is one of this machine's files, and may name them.
func isLocal(err error) bool {
	var (
		path *fs.PathError
		link *os.LinkError
	)
	return errors.As(err, &path) || errors.As(err, &link)
}
