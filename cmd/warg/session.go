package main

import (
	"net/http"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/progress"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
)

// withRegistry opens the registry of the flags and does something with it. Its
// errors are explained as the session does.
func (e *environment) withRegistry(out *output, flags session.Flags, do func(*session.Session) error) error {
	s, err := flags.Open(e.context, e.options(out))
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Explain(do(s))
}

// options are what surrounds a session: bars of progress on a terminal.
func (e *environment) options(out *output) session.Options {
	o := session.Options{Transport: http.DefaultTransport, MaxIdle: e.maxIdle}
	if out.json {
		return o
	}
	o.Remark = e.stderr
	if e.shows {
		o.Transport = progress.New(http.DefaultTransport, e.stderr)
	}
	return o
}
