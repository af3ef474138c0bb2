package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// round is one call of [Auditor.Round] or [Auditor.Compare].
type round struct {
	*Auditor
	state  *overlay
	pos    position
	seen   sightings
	report *Report

	records     *compact.Range // of the records log, as far as it is audited
	checkpoints *compact.Range
	operator    protocol.OperatorLog
	start       uint64 // position at the beginning

	log    recordSource // the records log now; nil if there is none
	logged *tiledLog    // the checkpoints log now; nil if there is none
	api    bool         // the v1 API answers

	target uint64 // how far the replay goes: a length of the records log
	// The stop that is next: a length, and the entry of the checkpoints log with it.
	nextStop  uint64
	nextEntry *loggedCheckpoint
	entries   []loggedCheckpoint // read ahead, behind it

	heads    map[protocol.Hash]protocol.Hash  // new heads that the map has not
	mapAt    uint64                           // the length at which the map is
	previous map[protocol.Hash]*protocol.Hash // heads at the last good stop, of logs that have changed since
	packed   []byte                           // leaves since the last good stop
	lost     bool                             // there are too many of these, and both are empty

	undefined []func(ctx context.Context, at *stop) (facts, error) // lies that wait for the proofs of a stop

	signed      []sighting // checkpoints to judge; the one served in this round is the last
	before      []byte     // the newest checkpoint before this round
	denied      []servedItem
	old         []tlog.Log // logs whose notes were cosigned too long ago
	failures    []error    // why this round can not be complete
	uncommitted int        // records
	counts      map[Name]int

	statements statements // of the operator on content
}

func (a *Auditor) newRound(ctx context.Context) (*round, error) {
	r := &round{
		Auditor: a, state: a.state, report: &Report{}, counts: map[Name]int{},
		heads: map[protocol.Hash]protocol.Hash{}, previous: map[protocol.Hash]*protocol.Hash{},
	}
	a.state.drop()
	return r, r.load(ctx)
}

// Round audits from what is remembered to what is newest, and remembers that. An error
// says that the registry could not be audited, or not to the end; the report has what
// was found until then. What was committed stays: the next round goes on from there.
func (a *Auditor) Round(ctx context.Context) (*Report, error) {
	r, err := a.newRound(ctx)
	if err != nil {
		return r.report, err
	}
	if err = r.run(ctx); err != nil {
		a.state.drop()
	}
	r.report.Records, r.report.Checkpoints = r.pos.Records, r.pos.Checkpoints
	r.report.NewRecords = r.pos.Records - r.start
	return r.report, err
}

func (r *round) run(ctx context.Context) error {
	r.before = r.seen.Latest
	if err := r.readHeads(ctx); err != nil {
		return err
	}
	if r.log != nil {
		stop, err := r.step(ctx, r.replay(ctx))
		if err != nil {
			return err
		}
		if err := errors.Join(r.reportUndefined(ctx, nil), r.checkOperatorKey(ctx), r.judgeSigned(ctx)); err != nil {
			return err
		}
		if err := r.save(ctx); err != nil {
			return err
		}
		if !stop {
			if err := r.attempt(ctx, r.lookAgain, r.compareAPI); err != nil {
				return err
			}
		}
	}
	if err := r.attempt(ctx, r.judgeHeads); err != nil {
		return err
	}
	if r.log != nil {
		if err := r.attempt(ctx, r.checkStatements); err != nil {
			return err
		}
		if !r.options.Content {
			return errors.Join(append(r.failures, r.save(ctx))...)
		}
		if err := r.attempt(ctx, r.checkContents); err != nil {
			return err
		}
	}
	return errors.Join(append(r.failures, r.save(ctx))...)
}

// attempt makes parts of a round that do not need each other: what can not be done makes
// the round incomplete, and does not hide what the others find. It returns an error if
// the round was ended.
func (r *round) attempt(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		err := part(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.state.drop()
			r.failures = append(r.failures, err)
		}
	}
	return nil
}

// step turns a lie into a finding: stop says that what was being done did not get to its
// end.
func (r *round) step(ctx context.Context, err error) (stop bool, _ error) {
	var l *lie
	if errors.As(err, &l) {
		return true, r.found(ctx, l.facts)
	}
	return err != nil, err
}

// found judges facts and reports the finding that follows.
func (r *round) found(ctx context.Context, f facts) error {
	if s, ok := f.(stating); ok {
		r.tie(ctx, s)
	}
	finding, err := f.judge()
	if err != nil {
		return fmt.Errorf("%w: what the registry serves does not fit, and this does not prove it: %w", ErrNoAnswer, err)
	}
	return r.add(f, finding)
}

func (r *round) add(f facts, finding Finding) error {
	finding = finding.settled()
	if r.counts[finding.Name]++; r.counts[finding.Name] > r.most(finding.Name) {
		if r.report.Suppressed == nil {
			r.report.Suppressed = map[Name]int{}
		}
		r.report.Suppressed[finding.Name]++
		return nil
	}
	var err error
	if finding.Evidence, err = writeEvidence(r.source.String(), r.options.Now(), kindOf(f), f, finding); err != nil {
		return fmt.Errorf("write the evidence of %s: %w", finding, err)
	}
	r.report.Findings = append(r.report.Findings, finding)
	r.options.Found(finding)
	return nil
}

// most is how many findings of a name are kept. A registry that proves nothing right does
// so at each checkpoint, for one cause.
func (r *round) most(name Name) int {
	switch name {
	case BundleIncomplete, ProofDiffers, CheckpointNeverServed:
		return 1
	}
	return r.options.MaxFindings
}

// enough tells that there are so many findings of a name that no more are kept, so that
// none need be proved.
func (r *round) enough(name Name) bool {
	if r.counts[name] < r.most(name) {
		return false
	}
	if r.report.Suppressed == nil {
		r.report.Suppressed = map[Name]int{}
	}
	r.report.Suppressed[name]++
	return true
}

func (r *round) unchecked(what, format string, args ...any) {
	u := Unchecked{what, fmt.Sprintf(format, args...)}
	for _, known := range r.report.Unchecked {
		if known == u {
			return
		}
	}
	r.report.Unchecked = append(r.report.Unchecked, u)
}

// loggedClaim is an entry of the checkpoints log as a claim.
func (r *round) loggedClaim(ctx context.Context, index uint64) (l logged, err error) {
	err = r.logged.leaves(ctx, index, index+1, func(_ uint64, entry []byte) error {
		l = logged{Entry: entry, Index: index, Head: r.logged.claim}
		return nil
	})
	if err == nil {
		l.Path, err = nodePath(ctx, r.logged, 0, index, r.logged.head.Size)
	}
	return l, err
}

// checkpointClaim is a signed checkpoint as a claim, with the key that signed it if the
// operator log knows it and the signature holds.
func (r *round) checkpointClaim(text []byte) claim {
	c := claim{Checkpoint: text}
	signed, err := c.signedCheckpoint()
	if err != nil {
		return c
	}
	if key, ok := r.operator.PublicKey(signed.KeyID); ok && signed.Verify(key) == nil {
		c.Key = key.String()
	}
	return c
}

// noteClaim is a note as a claim.
func (r *round) noteClaim(log tlog.Log, note []byte) claim {
	by, _ := checkNote(log, note, r.vkeys[log])
	return claim{Note: note, VKeys: by}
}
