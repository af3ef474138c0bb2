package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Error is why something could not be fetched.
type Error struct {
	text string
	err  error // nil: text says all
}

func failure(text string) *Error { return &Error{text: text} }

// Error says all that is known, for the operator.
func (e *Error) Error() string {
	if e.err == nil {
		return e.text
	}
	return e.text + ": " + e.err.Error()
}

func (e *Error) Unwrap() error { return e.err }

// Public is what whoever named the URL is told: nothing that tells of this network. A
// name that does not exist, one whose address is not public, and a host that does not
// answer are one.
func (e *Error) Public() string { return e.text }

// Unreached reports whether there was no connection at all: nothing is there, or nothing
// that may be reached.
func (e *Error) Unreached() bool { return e.text == unreachedText || e.text == notPublicText }

const (
	unreachedText = "its host cannot be reached"
	notPublicText = unreachedText + " at a public address"
)

var (
	errNotPublic = errors.New("not a public address and port")
	errIdle      = errors.New("nothing came for too long")
	errSlow      = errors.New("it came too slowly")
)

// failed says why a request failed, in words that do not repeat its URL, in whose query
// there may be what gives access.
func failed(ctx context.Context, err error) *Error {
	var known *Error
	if errors.As(err, &known) && context.Cause(ctx) == nil {
		return known
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errIdle):
		return &Error{"its host sent nothing for too long", errIdle}
	case errors.Is(cause, errSlow):
		return &Error{"its host sent it too slowly", errSlow}
	case errors.Is(cause, context.DeadlineExceeded):
		return &Error{"to fetch it took too long", cause}
	case cause != nil:
		return &Error{"fetching it was interrupted", cause}
	}
	var dns *net.DNSError
	var dial *net.OpError
	if errors.Is(err, errNotPublic) || errors.As(err, &dns) || errors.As(err, &dial) && dial.Op == "dial" {
		return &Error{notPublicText, err}
	}
	return &Error{"its host failed", fmt.Errorf("%w", err)}
}
