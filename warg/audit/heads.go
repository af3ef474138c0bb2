package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/merkle/compact"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// suspectWait is for how long a round waits for a note that seems to be too old: a
// registry that was idle for long may have just gone on.
const suspectWait = 15 * time.Second

// maxBackwards is in how many bundles of the checkpoints log an entry is looked for that
// the records log reaches.
const maxBackwards = 256

// errNoNote says that a source has no note of a log.
var errNoNote = errors.New("no note is served")

// readHeads asks for what is newest, and opens the logs as far as they are consistent
// with what is remembered. The log is nil after it if there is nothing to replay.
func (r *round) readHeads(ctx context.Context) error {
	r.signed = slices.Clone(r.seen.Open)
	latest, err := r.readCheckpoint(ctx)
	if err != nil {
		return err
	}
	notes, err := r.readNotes(ctx, latest)
	if errors.Is(err, errNoNote) {
		if len(r.vkeys) > 0 || len(r.seen.Notes) > 0 {
			return fmt.Errorf("%s: %w: %w, though keys of notes are given or there was one before", r.source, ErrNoAnswer, err)
		}
		r.report.Mode = modeAPI
		r.unchecked("notes, tiles and cosignatures", "the registry serves no static files of its logs (%s)", tlog.Records.Path())
		r.unchecked("map roots in between", "there is no checkpoints log: only the map root of the latest checkpoint is compared")
		return r.openLedger(ctx, latest)
	}
	r.report.Mode = modeTiles
	if stop, err := r.step(ctx, err); stop || err != nil {
		return err
	}
	return r.openLogs(ctx, notes, latest)
}

// readCheckpoint asks for the latest checkpoint of the API; nil if there is none.
func (r *round) readCheckpoint(ctx context.Context) (*protocol.SignedCheckpoint, error) {
	e, err := ask(ctx, r.source, Request{Method: "GET", Path: api.FetchCheckpointPath, Fresh: true}, maxJSON)
	if err != nil {
		return nil, err
	}
	if !e.has() {
		r.unchecked("v1 API", "the source answers %s with the status %d", e, e.Status)
		if r.seen.API || r.seen.Latest != nil { // the rest is audited before it is told
			r.failures = append(r.failures, fmt.Errorf("%s: %s: %w: status %d, and there was a v1 API before; if it is gone for good, begin another state", r.source, e, ErrNoAnswer, e.Status))
		}
		return nil, nil
	}
	r.api, r.seen.API = true, true
	var signed protocol.SignedCheckpoint
	if err := signed.UnmarshalJSON(e.Answer); err != nil {
		return nil, fmt.Errorf("%s: %s: %w: it is no checkpoint: %w", r.source, e, ErrNoAnswer, err)
	}
	now := r.options.Now().Unix()
	s := sighting{Text: e.Answer, First: now}
	r.signed = slices.DeleteFunc(r.signed, func(open sighting) bool { // the same, signed again
		other, err := claim{Checkpoint: open.Text}.signedCheckpoint()
		same := err == nil && other.Contents.Checkpoint == signed.Contents.Checkpoint
		if same {
			s.First = min(s.First, open.First)
		}
		return same
	})
	if at := signed.Contents.Timestamp; at < uint64(s.First) {
		s.First = int64(at)
	}
	r.signed = append(r.signed, s)
	return &signed, nil
}

// notesNow are the notes of both logs as they are served.
type notesNow struct {
	text   map[tlog.Log][]byte
	logs   map[tlog.Log]*tiledLog
	covers uint64 // records that both logs reach
}

// readNotes reads the notes and opens both logs, and waits a while for them to reach the
// latest checkpoint.
func (r *round) readNotes(ctx context.Context, latest *protocol.SignedCheckpoint) (notesNow, error) {
	var waited time.Duration
	for {
		notes, err := r.openNotes(ctx)
		limit := r.options.NoteWait
		if err == nil && limit >= 0 && r.suspect(notes) {
			limit = max(limit, suspectWait)
		}
		if err != nil || latest == nil || notes.covers >= latest.Contents.LogLength || waited >= limit {
			return notes, err
		}
		const step = 500 * time.Millisecond
		waited += step
		if err := r.options.Pause(ctx, step); err != nil {
			return notes, err
		}
	}
}

// suspect tells that a note has cosignatures that are too old, if it is behind.
func (r *round) suspect(notes notesNow) bool {
	for _, text := range notes.text {
		if at, ok := r.quorumTime(text); ok && r.options.Now().Sub(at) > r.options.MaxNoteAge {
			return true
		}
	}
	return false
}

func (r *round) quorumTime(note []byte) (time.Time, bool) {
	if r.policy == nil {
		return time.Time{}, false
	}
	cosigned, err := r.policy.Cosignatures(note)
	if err != nil {
		return time.Time{}, false
	}
	return r.policy.QuorumTime(cosigned.Cosignatures)
}

func (r *round) openNotes(ctx context.Context) (n notesNow, err error) {
	n = notesNow{text: map[tlog.Log][]byte{}, logs: map[tlog.Log]*tiledLog{}}
	for _, log := range []tlog.Log{tlog.Checkpoints, tlog.Records} { // the records log is not behind then
		if n.text[log], err = readNote(ctx, r.source, log); err != nil {
			return n, err
		}
		if n.logs[log], err = r.openNote(ctx, r.source, log, n.text[log]); err != nil {
			return n, err
		}
	}
	size := n.logs[tlog.Checkpoints].head.Size
	if size == 0 {
		return n, nil
	}
	err = n.logs[tlog.Checkpoints].leaves(ctx, size-1, size, func(_ uint64, entry []byte) error {
		if c, err := parseCheckpointEntry(entry); err == nil {
			n.covers = min(c.LogLength, n.logs[tlog.Records].head.Size)
		}
		return nil
	})
	return n, err
}

func readNote(ctx context.Context, s Source, log tlog.Log) ([]byte, error) {
	e, err := ask(ctx, s, Request{Method: "GET", Path: log.Path() + "/" + tlog.CheckpointPath, Fresh: true}, tlog.MaxNote)
	if err == nil && !e.has() {
		err = fmt.Errorf("%w: %s has the status %d", errNoNote, e, e.Status)
	}
	return e.Answer, err
}

// openNote verifies a note and opens its log.
func (r *round) openNote(ctx context.Context, s Source, log tlog.Log, note []byte) (*tiledLog, error) {
	if err := r.sameRegistry(s, log, note); err != nil {
		return nil, err
	}
	by, err := checkNote(log, note, r.vkeys[log])
	if err != nil {
		return nil, &lie{&noteFacts{Log: log, Note: note, VKeys: r.vkeys[log]}}
	}
	return openTiledLog(ctx, s, claim{Note: note, VKeys: by})
}

// openLogs judges the notes and takes the logs that are consistent with what is
// remembered.
func (r *round) openLogs(ctx context.Context, notes notesNow, latest *protocol.SignedCheckpoint) error {
	records, checkpoints := notes.logs[tlog.Records], notes.logs[tlog.Checkpoints]
	for _, log := range tlog.Logs {
		if len(r.vkeys[log]) == 0 {
			r.unchecked("signature of notes", "no public key is given for the notes of the %s log", log)
		}
	}
	if err := r.judgeCosignatures(ctx, notes); err != nil {
		return err
	}
	stop, err := r.step(ctx, r.continues(ctx, checkpoints, r.checkpoints))
	if err != nil {
		return err
	}
	if !stop {
		r.logged = checkpoints
		r.sawNote(tlog.Checkpoints, notes.text[tlog.Checkpoints])
	}
	stop, err = r.step(ctx, r.continues(ctx, records, r.records))
	if err != nil || stop {
		return err
	}
	r.sawNote(tlog.Records, notes.text[tlog.Records])
	if r.pos.Records > records.head.Size {
		r.unchecked("records", "the note has %d leaves, and %d were audited without it before", records.head.Size, r.pos.Records)
		return nil
	}
	r.log = &tiledRecords{tiledLog: records}
	r.target, err = r.findTarget(ctx, latest)
	r.target = max(r.target, r.pos.Records)
	return err
}

// findTarget is how far the records are replayed: to the last entry of the checkpoints
// log that the records log reaches. Beyond it there may be checkpoints that are not
// there yet, and would be missed.
func (r *round) findTarget(ctx context.Context, latest *protocol.SignedCheckpoint) (target uint64, err error) {
	_, head := r.log.stated()
	if r.logged != nil {
		end := r.logged.head.Size
		for looked := 0; end > 0 && target == 0 && looked < maxBackwards; looked++ {
			from := (end - 1) / tlog.TileWidth * tlog.TileWidth
			err := r.logged.leaves(ctx, from, end, func(_ uint64, entry []byte) error {
				if c, err := parseCheckpointEntry(entry); err == nil && c.LogLength <= head.Size {
					target = max(target, c.LogLength)
				}
				return nil
			})
			if err != nil {
				return 0, err
			}
			end = from
		}
	}
	late := r.logged == nil
	for _, s := range r.signed {
		late = late || r.options.Now().Sub(time.Unix(s.First, 0)) > r.options.MaxUnlogged
	}
	switch {
	case !late:
	case latest != nil && latest.Contents.LogLength <= head.Size:
		target = max(target, latest.Contents.LogLength)
	case latest == nil:
		target = head.Size
	}
	return target, nil
}

// continues demands that a log begins with what is remembered of it. A *lie if not.
func (r *round) continues(ctx context.Context, t *tiledLog, known *compact.Range) error {
	log := t.head.Log
	before, remembered := r.seen.Notes[log]
	old := r.noteClaim(log, before.Text)
	if remembered {
		was, err := old.read()
		if err != nil {
			return fmt.Errorf("the note in the store can not be read: %w", err)
		}
		if was.Size > t.head.Size {
			return &lie{&rewindFacts{Before: old, After: t.claim}}
		}
		if err := forked(ctx, t, old, was); err != nil {
			return err
		}
	}
	if known.End() > t.head.Size {
		return nil
	}
	at, err := rangeAt(ctx, t, known.End())
	if err != nil {
		return err
	}
	if rangeRoot(at) == rangeRoot(known) {
		return nil
	}
	if c := r.checkpointClaim(r.seen.Latest); r.seen.Latest != nil && log == tlog.Records {
		if was, err := c.read(); err == nil && was.Size <= t.head.Size {
			if err := forked(ctx, t, c, was); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%s: %w: the %s log does not begin with the %d leaves that are remembered, and no tree head was kept that proves it", r.source, ErrNoAnswer, log, known.End())
}

// forked returns a *lie if an older tree head is not one of a log.
func forked(ctx context.Context, t *tiledLog, old claim, was treeClaim) error {
	at, err := rangeAt(ctx, t, was.Size)
	if err != nil {
		return err
	}
	root := rangeRoot(at)
	if root == was.Root {
		return nil
	}
	f := &forkFacts{Shorter: old, Longer: t.claim}
	if was.Size < t.head.Size {
		f.Root = &root
		if f.Path, err = consistencyPath(ctx, t, was.Size, t.head.Size); err != nil {
			return err
		}
	}
	return &lie{f}
}

// sawNote remembers the newest note.
func (r *round) sawNote(log tlog.Log, text []byte) {
	s := sighting{Text: text, First: r.options.Now().Unix()}
	if before, ok := r.seen.Notes[log]; ok && string(noteBody(before.Text)) == string(noteBody(text)) {
		s.First = before.First
	}
	r.seen.Notes[log] = s
}

// judgeCosignatures judges those on both notes.
func (r *round) judgeCosignatures(ctx context.Context, notes notesNow) error {
	if r.policy == nil {
		r.unchecked("cosignatures", "no policy of witnesses is given")
		return nil
	}
	for _, log := range tlog.Logs {
		f := &cosignatureFacts{
			Note: notes.text[log], Policy: r.options.Policy, Now: r.options.Now().Unix(), Limit: int64(r.options.ClockTolerance / time.Second),
		}
		for _, other := range tlog.Logs {
			if other != log {
				f.Others = append(f.Others, notes.text[other])
			}
		}
		all, err := f.judgeAll()
		if err != nil {
			return fmt.Errorf("%s: %w: note of the %s log: %w", r.source, ErrNoAnswer, log, err)
		}
		names := map[Name]bool{}
		for _, finding := range all {
			if names[finding.Name] {
				continue // the evidence of the first has them all
			}
			names[finding.Name] = true
			if err := r.add(f, finding); err != nil {
				return err
			}
		}
		old := &oldNoteFacts{
			Note: r.noteClaim(log, notes.text[log]), Policy: r.options.Policy, Now: f.Now, Limit: int64(r.options.MaxNoteAge / time.Second),
		}
		if _, err := old.judge(); err != nil {
			continue // it is new enough
		}
		r.old = append(r.old, log)
		if err := r.found(ctx, old); err != nil {
			return err
		}
	}
	return nil
}
