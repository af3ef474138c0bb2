package main

import (
	"errors"
	"fmt"
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
	Published  bool                 `json:"published"` // and proved; otherwise it is only accepted
	Entries    []entry              `json:"entries,omitempty"`
	Checkpoint uint64               `json:"logLength,omitempty"` // of the checkpoint that proves it
}

// maxConflicts is how often a record is signed anew because another one took its place.
const maxConflicts = 6

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
	record, entries, err := post(env, out, s, name, signer, entries, contents)
	if err != nil {
		return err
	}
	answer := published{Package: name, RecordID: record.ID, Entries: entries}
	if f.NoWait {
		out.say("published", answer, fmt.Sprintf("submitted record `%s` for publishing", record.ID))
		return nil
	}
	p, err := s.Client.Wait(env.context, record)
	if err != nil {
		return err
	}
	answer.Published, answer.Checkpoint = true, p.Checkpoint.Contents.LogLength
	var lines []string
	for _, e := range entries {
		lines = append(lines, e.done(name))
	}
	out.say("published", answer, lines...)
	return nil
}

// contentsOf opens what the entries release, which must be what it was when they were
// made.
func contentsOf(entries []entry) ([]client.Content, error) {
	var all []client.Content
	for _, e := range entries {
		if e.Type != "release" {
			continue
		}
		content, err := client.ContentOfFile(e.Path)
		if err != nil {
			return nil, usageError{err}
		}
		if e.Content == nil || content.Digest != *e.Content {
			return nil, usage("%s has changed since the release was prepared: it has the digest %s now, not %s", e.Path, content.Digest, e.Content)
		}
		all = append(all, content)
	}
	return all, nil
}

// post signs a record and has the registry accept it. While others publish records of the
// package, it signs anew on theirs.
func post(env *environment, out *output, s *session.Session, name protocol.PackageName, signer protocol.Signer, entries []entry, contents []client.Content) (*client.Record, []entry, error) {
	for attempt := 0; ; attempt++ {
		draft, err := s.Client.Draft(env.context, name)
		if err != nil {
			return nil, nil, err
		}
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
			return nil, nil, err
		}
		err = s.Client.Post(env.context, record, contents...)
		var conflict *client.ConflictError
		if !errors.As(err, &conflict) || attempt == maxConflicts {
			return record, all, err
		}
		out.remark("another record of %s came before: %s", name, conflict.Other)
		select { // until that one is published
		case <-env.context.Done():
			return nil, nil, errors.Join(err, env.context.Err())
		case <-time.After(100 * time.Millisecond << attempt):
		}
	}
}

// withInit puts an init before the entries of a package's first record, unless the user
// wants to say so.
func withInit(out *output, s *session.Session, draft *client.Draft, entries []entry) ([]entry, error) {
	begins := slices.ContainsFunc(entries, func(e entry) bool { return e.Type == "init" })
	switch {
	case !draft.Empty() && begins:
		return nil, fmt.Errorf("package %s is there already", draft.Name)
	case !draft.Empty() || begins:
		return entries, nil
	case s.Home.Config.DisableAutoInit:
		return nil, fmt.Errorf("package %s is not there: begin it with `warg publish init %s`", draft.Name, draft.Name)
	}
	out.remark("package %s is new: this record begins it", draft.Name)
	return append([]entry{{Type: "init"}}, entries...), nil
}
