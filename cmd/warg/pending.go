package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/home"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// pendingRecord is a record that is put together before it is signed: one at a time of
// each registry, as the official client has it.
type pendingRecord struct {
	Package protocol.PackageName `json:"package"`
	Entries []entry              `json:"entries"`
}

func pendingPath(s *session.Session) string {
	return filepath.Join(s.Home.RegistryDir(s.Registry), "pending-publish.json")
}

// readPending reads the record that was begun; nil if there is none.
func readPending(s *session.Session) (*pendingRecord, error) {
	text, err := os.ReadFile(pendingPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	p := new(pendingRecord)
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err != nil {
		return nil, fmt.Errorf("pending record %s: %w", pendingPath(s), err)
	}
	return p, nil
}

func (p *pendingRecord) write(s *session.Session) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return home.WriteFile(pendingPath(s), append(text, '\n'), 0o600)
}

// add adds an entry.
func (p *pendingRecord) add(s *session.Session, name protocol.PackageName, e entry) error {
	if p.Package != name {
		return fmt.Errorf("the pending record is of package %s: `warg publish submit` or `warg publish abort` it first", p.Package)
	}
	if e.Path != "" {
		path, err := filepath.Abs(e.Path)
		if err != nil {
			return err
		}
		e.Path = path
	}
	p.Entries = append(p.Entries, e)
	return p.write(s)
}

// offline opens the registry's folder and does something with the pending record; nil if
// there is none.
func offline(env *environment, out *output, flags session.Flags, do func(*session.Session, *pendingRecord) error) error {
	s, err := flags.OpenOffline(env.options(out))
	if err != nil {
		return err
	}
	p, err := readPending(s)
	if err != nil {
		return err
	}
	return do(s, p)
}

var errNoPending = errors.New("there is no pending record; `warg publish start` begins one")

type publishStart struct {
	Name packageName `arg:"" name:"package" help:"Package, such as example:hello."`
	session.Flags
}

// Run begins a record.
func (c publishStart) Run(env *environment, out *output) error {
	return offline(env, out, c.Flags, func(s *session.Session, p *pendingRecord) error {
		if p != nil {
			return fmt.Errorf("a record of package %s is pending already: `warg publish submit` or `warg publish abort` it first", p.Package)
		}
		p = &pendingRecord{Package: c.Name.PackageName, Entries: []entry{}}
		if err := p.write(s); err != nil {
			return err
		}
		out.say("pending", p, fmt.Sprintf("started new pending record of package `%s`", c.Name))
		return nil
	})
}

type publishList struct{ session.Flags }

// Run shows the pending record.
func (c publishList) Run(env *environment, out *output) error {
	return offline(env, out, c.Flags, func(s *session.Session, p *pendingRecord) error {
		if p == nil {
			return errNoPending
		}
		lines := []string{fmt.Sprintf("pending record of package `%s` with %d entries", p.Package, len(p.Entries))}
		for i, e := range p.Entries {
			lines = append(lines, fmt.Sprintf("  %d: %s", i, e.words()))
		}
		out.say("pending", p, lines...)
		return nil
	})
}

type publishAbort struct{ session.Flags }

// Run drops the pending record.
func (c publishAbort) Run(env *environment, out *output) error {
	return offline(env, out, c.Flags, func(s *session.Session, p *pendingRecord) error {
		if p == nil {
			return errNoPending
		}
		if err := os.Remove(pendingPath(s)); err != nil {
			return err
		}
		out.say("aborted", p, fmt.Sprintf("dropped the pending record of package `%s`", p.Package))
		return nil
	})
}

type publishSubmit struct{ signFlags }

// Run publishes the pending record.
func (c publishSubmit) Run(env *environment, out *output) error {
	return env.withRegistry(out, c.Flags, func(s *session.Session) error {
		p, err := readPending(s)
		switch {
		case err != nil:
			return err
		case p == nil:
			return errNoPending
		case len(p.Entries) == 0:
			return fmt.Errorf("the pending record of %s has no entries yet", p.Package)
		}
		if err := c.publish(env, out, s, p.Package, p.Entries); err != nil {
			return err
		}
		return os.Remove(pendingPath(s))
	})
}
