package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/progress"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
)

// withRegistry opens the registry of the flags and does something with it. Evidence of
// what the registry did not prove is kept.
func (e *environment) withRegistry(out *output, flags session.Flags, do func(*session.Session) error) error {
	s, err := flags.Open(e.context, e.options(out))
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Explain(explainStore(s, do(s)))
}

// explainStore adds to an error of what is remembered which file it is, and what to do.
func explainStore(s *session.Session, err error) error {
	var damaged *client.StoreError
	if !errors.As(err, &damaged) {
		return err
	}
	file := filepath.Join(s.VerifiedDir(), filepath.FromSlash(damaged.Name)+".json")
	return fmt.Errorf("%w\nthis is a fault of the file %s on this machine, not of the registry: restore it, or `warg reset` forgets all that was verified, and the next contact is the first one", err, file)
}

// options are what surrounds a session: bars of progress on a terminal.
func (e *environment) options(out *output) session.Options {
	o := session.Options{Transport: http.DefaultTransport}
	if out.json {
		return o
	}
	o.Remark = e.stderr
	if e.shows {
		o.Transport = progress.New(http.DefaultTransport, e.stderr)
	}
	return o
}
