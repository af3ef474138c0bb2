package main

import (
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/cmd/internal/plain"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/keys"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// Exit statuses. Scripts depend on them.
const (
	exitDone       = 0
	exitRefused    = 1 // refused, not found, or no answer
	exitUsage      = 2 // the command line, the configuration or a key can not be used
	exitUnverified = 3 // something was not proved, and must not be used
)

// usageError says that a command was used wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// unprovedError says that a file is not what it should be.
type unprovedError struct{ error }

func (e unprovedError) Unwrap() error { return e.error }

// failure is an error as JSON.
type failure struct {
	Status   int          `json:"status"` // that the program exits with
	Message  string       `json:"message"`
	Claim    client.Claim `json:"claim,omitempty"`    // what was not proved
	Evidence string       `json:"evidence,omitempty"` // file that shows it
	// Withheld is why the registry does not give a content.
	Withheld *withheldShown `json:"withheld,omitempty"`
}

// report tells of an error, and returns the exit status.
func (e *environment) report(out *output, err error) int {
	if err == nil {
		err = out.err
	}
	if err == nil {
		return exitDone
	}
	f := failure{Status: statusOf(err), Message: err.Error(), Withheld: withheldIn(err)}
	var unproven *client.VerificationError
	if errors.As(err, &unproven) {
		f.Claim = unproven.Claim
	}
	var kept *session.EvidenceError
	if errors.As(err, &kept) {
		f.Evidence = kept.File
	}
	if out.json {
		out.say("error", f)
	}
	heading := "warg:"
	if f.Status == exitUnverified {
		heading = "warg: VERIFICATION FAILED: do not use what was given:"
	}
	fmt.Fprintf(e.stderr, "%s %s\n", heading, plain.Error(err))
	var missing *client.NotFoundError
	if errors.As(err, &missing) && missing.Hint != "" {
		fmt.Fprintf(e.stderr, "the registry suggests another one (<namespace>=<registry>), which nobody vouches for: %s\n", plain.Text(missing.Hint))
	}
	return f.Status
}

func statusOf(err error) int {
	var unproven *client.VerificationError
	var unproved unprovedError
	if errors.As(err, &unproven) || errors.As(err, &unproved) {
		return exitUnverified
	}
	var wrong usageError
	var flags session.UsageError
	var key keys.UsageError
	var backend *home.BackendError
	if errors.As(err, &wrong) || errors.As(err, &flags) || errors.As(err, &key) || errors.As(err, &backend) {
		return exitUsage
	}
	return exitRefused
}
