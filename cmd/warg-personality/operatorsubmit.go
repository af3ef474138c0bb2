package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/signing"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Others may write to the operator log at the same time: then a record is made anew on
// theirs, once that is published.
const (
	operatorConflicts = 60
	operatorPause     = 300 * time.Millisecond // about how long until then
	operatorPublished = 10 * time.Minute       // that a record may take from acceptance to a checkpoint
)

// draft makes the entries of a record for the operator log as it stands; none if it has
// all of it already.
type draft func(*client.Operator) ([]protocol.OperatorEntry, error)

// submitted is a record that was submitted, as JSON.
type submitted struct {
	RecordID  *protocol.Hash `json:"recordId"` // null: there was nothing to do
	By        protocol.KeyID `json:"by,omitempty"`
	Entries   []operatorShow `json:"entries"`
	LogLength uint64         `json:"logLength"` // of the checkpoint that proves it
}

// submit signs a record, posts it, and waits until it is published and proved.
func (f operatorSignFlags) submit(std streams, make draft) error {
	s, keys, stop, err := f.openSigning(std)
	if err != nil {
		return err
	}
	defer stop()
	for attempt := 0; ; attempt++ {
		err := s.submitOnce(keys, make)
		var conflict *client.OperatorConflictError
		if !errors.As(err, &conflict) || attempt == operatorConflicts {
			return inWords(err)
		}
		s.say("another record of the operator came first, %s; reading the log again", conflict.Other)
		select {
		case <-s.ctx.Done():
			return errors.Join(err, s.ctx.Err())
		case <-time.After(operatorPause/2 + rand.N(operatorPause)):
		}
	}
}

func (s *operatorSession) submitOnce(keys *signing.Keys, make draft) error {
	operator, err := s.client.Operator(s.ctx)
	if err != nil {
		return err
	}
	entries, err := make(operator)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return s.show(submitted{Entries: []operatorShow{}, LogLength: operator.Checkpoint.Contents.LogLength}, "the operator log has this already; nothing was done")
	}
	needed := protocol.OperatorPermissionsFor(entries)
	key, ok := keys.Newest(operator.Permits(needed...))
	if !ok {
		return fmt.Errorf("this takes a key with the permissions %v; the operator log gives them to %v, and not to %v", needed, operator.Permits(needed...), keys.IDs())
	}
	record, err := operator.Sign(key, protocol.TimeOf(time.Now()), entries...)
	if err != nil {
		return err
	}
	if err := s.client.PostOperator(s.ctx, record); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(s.ctx, operatorPublished)
	defer stop()
	after, err := s.client.WaitOperator(ctx, record)
	if err != nil {
		return fmt.Errorf("record %s was accepted, and it is not known to be published: %w", record.ID, err)
	}
	shown := showEntries(entries)
	lines := []string{fmt.Sprintf("published record %s, signed by %s", record.ID, key.Public().ID())}
	for _, e := range shown {
		lines = append(lines, "  "+e.words())
	}
	return s.show(submitted{&record.ID, key.Public().ID(), shown, after.Checkpoint.Contents.LogLength}, lines...)
}

// inWords says what a refusal means here.
func inWords(err error) error {
	var refusal *client.APIError
	if !errors.As(err, &refusal) {
		return err
	}
	var body *api.PackageError
	switch {
	case errors.As(err, &body) && (body.Variant == api.Rejection || body.Variant == api.Unauthorized):
		return fmt.Errorf("the registry refuses the record: %s", body.Message)
	case refusal.Status == 404 && refusal.Method == "POST":
		return fmt.Errorf("this registry takes no operator records; it is an older one, or none of this kind: %w", err)
	}
	return err
}
