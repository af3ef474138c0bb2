package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/keys"
	"github.com/warg-trillian/warg-trillian/cmd/warg/internal/session"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// published is a record as JSON.
type published struct {
	Package    protocol.PackageName `json:"package"`
	RecordID   protocol.Hash        `json:"recordId"`
	Published  bool                 `json:"published"`         // and proved; otherwise it is only accepted
	Already    bool                 `json:"already,omitempty"` // before: nothing was published now
	Entries    []entry              `json:"entries,omitempty"`
	Checkpoint uint64               `json:"logLength,omitempty"` // of the checkpoint that proves it
}

// While others publish records of the package, a record is signed anew on theirs.
const (
	maxConflicts = 60                     // how often
	firstPause   = 100 * time.Millisecond // about how long after the first time; doubled each time
	longestPause = 2 * time.Second
)

// pauseAfter is a random time, so that several who wait do not come at once again.
func pauseAfter(attempt int) time.Duration {
	pause := min(firstPause<<min(attempt, 10), longestPause)
	return pause/2 + rand.N(pause)
}

// publish signs a record with entries, and publishes it.
func (f signFlags) publish(env *environment, out *output, s *session.Session, name protocol.PackageName, entries []entry) error {
	signer, err := f.Keys.Load(env.context, keys.Source{Home: s.Home, Registry: s.Registry, Named: s.Named()})
	if err != nil {
		return err
	}
	contents, err := contentsOf(entries)
	if err != nil {
		return err
	}
	var answer *published
	var lines []string
	for attempt := 0; ; attempt++ {
		answer, lines, err = f.try(env, out, s, name, signer, entries, contents)
		var conflict *client.ConflictError
		if !errors.As(err, &conflict) || attempt == maxConflicts {
			break
		}
		out.remark("another record of %s came before: %s", name, conflict.Other)
		select { // until that one is published
		case <-env.context.Done():
			return errors.Join(err, env.context.Err())
		case <-time.After(pauseAfter(attempt)):
		}
	}
	if err != nil {
		return err
	}
	out.say("published", answer, lines...)
	return nil
}

// try signs a record on the log as it is, unless the package is as it asks for already, and
// publishes it. It returns the answer and what to say.
func (f signFlags) try(env *environment, out *output, s *session.Session, name protocol.PackageName, signer protocol.Signer, entries []entry, contents []client.Content) (*published, []string, error) {
	draft, err := s.Client.Draft(env.context, name)
	if err != nil {
		return nil, nil, err
	}
	if answer, lines, err := already(env.context, s, draft, signer.Public(), entries, contents); answer != nil || err != nil {
		return answer, lines, err
	}
	record, all, err := post(env, out, s, draft, signer, entries, contents)
	if err != nil {
		return nil, nil, err
	}
	answer := &published{Package: name, RecordID: record.ID, Entries: all}
	if f.NoWait {
		return answer, []string{fmt.Sprintf("submitted record `%s` for publishing", record.ID)}, nil
	}
	p, err := waitFor(env.context, s, record)
	if err != nil {
		return nil, nil, err
	}
	answer.Published, answer.Checkpoint = true, p.Checkpoint.Contents.LogLength
	var lines []string
	for _, e := range all {
		lines = append(lines, e.done(name))
	}
	return answer, lines, nil
}

// post signs a record and has the registry accept it. It returns the entries, too, with the
// init that it may have added.
func post(env *environment, out *output, s *session.Session, draft *client.Draft, signer protocol.Signer, entries []entry, contents []client.Content) (*client.Record, []entry, error) {
	all, err := withInit(out, s, draft, entries)
	if err != nil {
		return nil, nil, err
	}
	signed := make([]protocol.PackageEntry, len(all))
	for i, e := range all {
		if signed[i], err = e.signed(signer); err != nil {
			return nil, nil, err
		}
	}
	record, err := draft.Sign(signer, signed...)
	if err != nil {
		return nil, nil, explainInvalid(err, draft, signer.Public(), entries)
	}
	err = postContents(env, out, s, record, contents)
	var lost *client.TransportError
	if errors.As(err, &lost) {
		err = fmt.Errorf("%w\nthe registry may have accepted record %s all the same; `warg publish wait %s %s` says so", err, record.ID, draft.Name, record.ID)
	}
	return record, all, err
}

// waitFor waits until an accepted record is published, at most maxPublishing.
func waitFor(ctx context.Context, s *session.Session, record *client.Record) (*client.Package, error) {
	bounded, stop := context.WithTimeout(ctx, maxPublishing)
	defer stop()
	p, err := s.Client.Wait(bounded, record)
	return p, stillAccepted(err, record.Name, record.ID)
}

// maxPublishing is how long a record may take from its acceptance to a checkpoint.
const maxPublishing = 10 * time.Minute

// stillAccepted adds to the error of a wait how to go on, if the record may be published
// yet.
func stillAccepted(err error, name protocol.PackageName, id protocol.Hash) error {
	var conflict *client.ConflictError
	var rejected *client.RejectedError
	var lie *client.VerificationError
	if err == nil || errors.As(err, &conflict) || errors.As(err, &rejected) || errors.As(err, &lie) {
		return err
	}
	return fmt.Errorf("%w\nrecord %s was accepted, and may be published yet: `warg publish wait %s %s` waits on", err, id, name, id)
}

// withInit puts an init before the entries of a package's first record, unless the user
// wants to say so.
func withInit(out *output, s *session.Session, draft *client.Draft, entries []entry) ([]entry, error) {
	begins := slices.ContainsFunc(entries, func(e entry) bool { return e.Type == "init" })
	switch {
	case !draft.Empty() && begins:
		return nil, fmt.Errorf("package %s is there already: leave out the initialization; `warg info %s` shows who may publish to it", draft.Name, draft.Name)
	case !draft.Empty() || begins:
		return entries, nil
	case s.Home.Config.DisableAutoInit:
		return nil, fmt.Errorf("package %s is not there: begin it with `warg publish init %s`", draft.Name, draft.Name)
	}
	out.remark("package %s is new: this record begins it", draft.Name)
	return append([]entry{{Type: "init"}}, entries...), nil
}
