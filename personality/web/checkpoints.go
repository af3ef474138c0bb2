package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

type checkpointsView struct {
	Signed *protocol.SignedCheckpoint // nil before the first
	Time   time.Time
	Chart  *chart
	Notes  [2]noteView
}

// noteView is the newest note of a log.
type noteView struct {
	Log       tlog.Log
	Head      tlog.TreeHead
	Text      string // ""; there is none
	Witnesses []witnessView
	Quorum    string // what the policy asks for; "" without a policy
	Met       bool   // the quorum
}

// witnessView is a witness, and what it says of a note.
type witnessView struct {
	Name   string
	Signed bool
	Time   time.Time
	Age    string
}

const maxWitnesses = 40

// checkpoints is how far the log is, who says so, and how it grew.
func (s *Site) checkpoints(r *http.Request, _ *visit) (page, error) {
	view := checkpointsView{}
	signed, err := s.Log.LatestCheckpoint(r.Context())
	switch _, none := errors.AsType[*registry.CheckpointNotFoundError](err); {
	case none:
	case err != nil:
		return page{}, err
	default:
		view.Signed, view.Time = &signed, time.Unix(int64(signed.Contents.Timestamp), 0)
		if view.Chart, err = s.growthChart(r.Context(), signed.Contents); err != nil {
			return page{}, err
		}
	}
	if view.Notes, err = s.notes(r.Context()); err != nil {
		return page{}, err
	}
	return page{template: "checkpoints", title: "Checkpoints and witnesses", data: view}, nil
}

// latest is the newest checkpoint; nil before the first.
func (s *Site) latest(ctx context.Context) (*protocol.TimestampedCheckpoint, error) {
	signed, err := s.Log.LatestCheckpoint(ctx)
	if _, none := errors.AsType[*registry.CheckpointNotFoundError](err); none {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &signed.Contents, nil
}

// notes are the newest notes of both logs, the records log's first.
func (s *Site) notes(ctx context.Context) (notes [2]noteView, err error) {
	for i, log := range []tlog.Log{tlog.Records, tlog.Checkpoints} {
		if notes[i], err = s.note(ctx, log); err != nil {
			return notes, err
		}
	}
	return notes, nil
}

func (s *Site) note(ctx context.Context, log tlog.Log) (noteView, error) {
	view := noteView{Log: log}
	text, err := s.Log.LogNote(ctx, log)
	if _, none := errors.AsType[*registry.NoNoteError](err); err != nil && !none {
		return view, err
	}
	if len(text) > 0 {
		view.Text = string(text)
		if view.Head, err = tlog.HeadOf(text); err != nil {
			return view, err
		}
	}
	if s.Policy == nil {
		return view, nil
	}
	policy := s.Policy()
	times := map[protocol.Hash]time.Time{}
	if len(text) > 0 {
		cosigned, err := policy.Cosignatures(text)
		if err != nil {
			return view, err
		}
		for _, c := range cosigned.Cosignatures {
			times[c.Key] = c.Time
		}
		view.Met = policy.Satisfied(cosigned.Cosignatures)
	}
	view.Quorum = policy.Quorum()
	for _, w := range policy.Witnesses() {
		if len(view.Witnesses) == maxWitnesses {
			break
		}
		at, ok := times[w.Key]
		view.Witnesses = append(view.Witnesses, witnessView{w.Name, ok, at, age(s.Now().Sub(at))})
	}
	return view, nil
}

// age is a time that has passed, for people.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "just now"
	case d < 2*time.Minute:
		return plural(int64(d/time.Second), "second") + " ago"
	case d < 2*time.Hour:
		return plural(int64(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int64(d/time.Hour), "hour") + " ago"
	}
	return plural(int64(d/(24*time.Hour)), "day") + " ago"
}
