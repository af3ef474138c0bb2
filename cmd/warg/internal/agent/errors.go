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
	if a.options.OnError != nil {
		a.options.OnError(err)
	}
	body, status := ociregistry.MarshalError(ociError(err))
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
	)
	switch {
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
	if isLocal(err) { // the log has the paths
		return ociregistry.NewHTTPError(ociregistry.NewError("the agent could not use its folder: its log says why", "UNKNOWN", nil), http.StatusInternalServerError, nil, nil)
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

// isLocal tells whether an error is one of this machine's files, and may name them.
func isLocal(err error) bool {
	var (
		path *fs.PathError
		link *os.LinkError
	)
	return errors.As(err, &path) || errors.As(err, &link)
}
