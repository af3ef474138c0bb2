package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// Compare asks another vantage point of the same registry for its latest checkpoint and
// notes, and judges them against what is remembered: the logs must be the same. Call it
// after a round. A checkpoint that is further than what is remembered is kept, and judged
// in the round that gets there.
func (a *Auditor) Compare(ctx context.Context, also Source) (*Report, error) {
	r, err := a.newRound(ctx)
	if err != nil {
		return r.report, err
	}
	if err = r.compare(ctx, also); err != nil {
		a.state.drop()
	}
	r.report.Records, r.report.Checkpoints = r.pos.Records, r.pos.Checkpoints
	return r.report, err
}

func (r *round) compare(ctx context.Context, also Source) error {
	for _, log := range tlog.Logs {
		ours, ok := r.seen.Notes[log]
		if !ok {
			continue
		}
		note, err := readNote(ctx, also, log)
		if errors.Is(err, errNoNote) {
			r.unchecked("notes", "%s: %v", also, err)
			continue
		}
		if err != nil {
			return err
		}
		if err := r.sameRegistry(also, log, note); err != nil {
			return err
		}
		if _, err := r.step(ctx, r.compareNote(ctx, also, log, ours.Text, note)); err != nil {
			return err
		}
	}
	r.signed = r.seen.Open
	other := &round{Auditor: r.Auditor, state: r.state, report: r.report, counts: r.counts, operator: r.operator}
	other.Auditor = &Auditor{source: also, state: r.state, options: r.options, policy: r.policy, vkeys: r.vkeys}
	if err := r.compareStatements(ctx, also); err != nil {
		return err
	}
	latest, err := other.readCheckpoint(ctx)
	if err != nil {
		return err
	}
	if latest == nil {
		return r.save(ctx)
	}
	s := other.signed[0]
	if err := r.compareCheckpoint(ctx, s.Text, latest); err != nil {
		return err
	}
	if keep, err := r.worthKeeping(ctx, s.Text, latest); err != nil || !keep {
		return errors.Join(err, r.save(ctx))
	}
	r.seen.Open = append(r.seen.Open, s)
	return r.save(ctx)
}

// worthKeeping tells that a checkpoint of another place is for a later round to judge: it
// is further, or not as it must be, and not kept yet.
func (r *round) worthKeeping(ctx context.Context, text []byte, latest *protocol.SignedCheckpoint) (bool, error) {
	for _, open := range r.seen.Open {
		other, err := claim{Checkpoint: open.Text}.signedCheckpoint()
		if err == nil && other.Contents.Checkpoint == latest.Contents.Checkpoint && other.KeyID == latest.KeyID {
			return false, nil
		}
	}
	known, ok, err := r.roots(ctx, latest.Contents.LogLength)
	right := ok && known == latest.Contents.Checkpoint && r.checkpointClaim(text).Key != ""
	return len(r.seen.Open) < maxOpen && !right, err
}

// compareNote returns a *lie if a note of another vantage point is not one of the log.
func (r *round) compareNote(ctx context.Context, also Source, log tlog.Log, ours, theirs []byte) error {
	by, err := checkNote(log, theirs, r.vkeys[log])
	if err != nil {
		return &lie{&noteFacts{Log: log, Note: theirs, VKeys: r.vkeys[log]}}
	}
	a, b := r.noteClaim(log, ours), claim{Note: theirs, VKeys: by}
	us, err := a.read()
	if err != nil {
		return err
	}
	them, err := b.read()
	if err != nil {
		return err
	}
	if them.Size == us.Size {
		if them.Root == us.Root {
			return nil
		}
		return &lie{&forkFacts{Shorter: a, Longer: b}}
	}
	if them.Size < us.Size {
		t, err := openTiledLog(ctx, r.source, a)
		if err != nil {
			return err
		}
		return forked(ctx, t, b, them)
	}
	t, err := openTiledLog(ctx, also, b)
	if err != nil {
		return err
	}
	return forked(ctx, t, a, us)
}

// compareCheckpoint judges the checkpoint of another vantage point, as far as the length
// was audited.
func (r *round) compareCheckpoint(ctx context.Context, text []byte, latest *protocol.SignedCheckpoint) error {
	known, ok, err := r.roots(ctx, latest.Contents.LogLength)
	if err != nil || !ok || known == latest.Contents.Checkpoint {
		return err
	}
	c := r.checkpointClaim(text)
	if r.seen.Latest != nil {
		ours := r.checkpointClaim(r.seen.Latest)
		if f := (&forkFacts{Shorter: c, Longer: ours}); sameLength(c, ours) {
			return r.found(ctx, f)
		}
	}
	ours, ok := r.seen.Notes[tlog.Records]
	if !ok || known.LogRoot == latest.Contents.LogRoot {
		return nil // the next round, which reads the log, judges it
	}
	t, err := openTiledLog(ctx, r.source, r.noteClaim(tlog.Records, ours.Text))
	if err != nil {
		_, err = r.step(ctx, err)
		return err
	}
	said, err := c.read()
	if err != nil {
		return fmt.Errorf("the checkpoint of another place can not be read: %w", err)
	}
	_, err = r.step(ctx, forked(ctx, t, c, said))
	return err
}

func sameLength(a, b claim) bool {
	x, err := a.read()
	if err != nil {
		return false
	}
	y, err := b.read()
	return err == nil && x.Size == y.Size
}
