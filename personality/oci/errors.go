package oci

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"cuelabs.dev/go/oci/ociregistry"
)

// refuse returns an error of the protocol with the code of another one.
func refuse(as ociregistry.Error, format string, args ...any) error {
	return ociregistry.NewError(fmt.Sprintf(format, args...), as.Code(), nil)
}

// Problem is what an error means to a client (OCI distribution specification, "Error
// Codes").
type Problem struct {
	Status        int // HTTP status
	Code, Message string
}

// ProblemOf returns what an error of [Registry.Answer] or [Registry.Blob] means, if it is
// one of the protocol; ok is false for those of the reading part.
func ProblemOf(err error) (p Problem, ok bool) {
	_, coded := errors.AsType[ociregistry.Error](err)
	_, status := errors.AsType[ociregistry.HTTPError](err)
	if !coded && !status {
		return p, false
	}
	body, code := ociregistry.MarshalError(err)
	var wire ociregistry.WireErrors
	if json.Unmarshal(body, &wire) != nil || len(wire.Errors) == 0 {
		return p, false
	}
	p = Problem{Status: code, Code: wire.Errors[0].Code_, Message: wire.Errors[0].Message}
	if !coded {
		p.Code = CodeOf(code)
	}
	return p, true
}

// codes are those of errors that have come about outside of the protocol, by HTTP status.
var codes = map[int]string{
	http.StatusUnauthorized:                 ociregistry.ErrUnauthorized.Code(),
	http.StatusForbidden:                    ociregistry.ErrDenied.Code(),
	http.StatusUnavailableForLegalReasons:   ociregistry.ErrDenied.Code(),
	http.StatusMethodNotAllowed:             ociregistry.ErrUnsupported.Code(),
	http.StatusRequestEntityTooLarge:        ociregistry.ErrSizeInvalid.Code(),
	http.StatusRequestedRangeNotSatisfiable: ociregistry.ErrRangeInvalid.Code(),
	http.StatusTooManyRequests:              ociregistry.ErrTooManyRequests.Code(),
}

// CodeOf returns the code of an error that has no other. The specification has none for
// the troubles of a registry; UNKNOWN is what others say.
func CodeOf(status int) string { return cmp.Or(codes[status], "UNKNOWN") }
