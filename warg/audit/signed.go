package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// wrongRoots reports a checkpoint whose roots are not those that were computed. asNext
// tells that the map is not changed since the last stop.
func (r *round) wrongRoots(ctx context.Context, c claim, known protocol.Checkpoint, asNext bool) error {
	said, err := c.read()
	if err != nil {
		return err
	}
	if said.Root == known.LogRoot {
		if r.enough(MapRootDiffers) {
			return nil
		}
		f, err := r.wrongMap(ctx, c, said, asNext)
		if err != nil {
			return err
		}
		return r.found(ctx, f)
	}
	if r.enough(LogForked) {
		return nil
	}
	longer, head := r.log.stated()
	f := &forkFacts{Shorter: c, Longer: longer}
	if said.Size < head.Size {
		f.Root = &known.LogRoot
		if f.Path, err = consistencyPath(ctx, r.log, said.Size, head.Size); err != nil {
			return err
		}
	}
	return r.found(ctx, f)
}

// compareSigned compares the signed checkpoints of this length with the roots here, and
// says which of them are wrong. The map is that of the last stop still.
func (r *round) compareSigned(ctx context.Context, here protocol.Checkpoint) (wrong map[int]bool, err error) {
	wrong = map[int]bool{}
	for i, s := range r.signed {
		signed, err := claim{Checkpoint: s.Text}.signedCheckpoint()
		if err != nil || s.Judged || signed.Contents.LogLength != here.LogLength || signed.Contents.Checkpoint == here {
			continue
		}
		wrong[i] = true
		if err := r.wrongRoots(ctx, r.checkpointClaim(s.Text), here, true); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// judgeSignedHere judges the signatures of the checkpoints of this length: the operator
// log is as of them. It returns a stop if one is right in all.
func (r *round) judgeSignedHere(ctx context.Context, here protocol.Checkpoint, wrong map[int]bool) (at *stop, err error) {
	for i := range r.signed {
		s := &r.signed[i]
		signed, err := claim{Checkpoint: s.Text}.signedCheckpoint()
		if err != nil || s.Judged || signed.Contents.LogLength != here.LogLength {
			continue
		}
		s.Judged = true
		good, err := r.judgeSignature(ctx, s.Text, &r.operator, r.pos.Operators, !wrong[i])
		if err != nil {
			return nil, err
		}
		if good && !wrong[i] {
			r.accept(signed, s.Text)
			at = &stop{claim: r.checkpointClaim(s.Text), good: goodStop{Length: here.LogLength, Checkpoint: s.Text}}
		}
	}
	return at, nil
}

// accept remembers the newest checkpoint that was found right.
func (r *round) accept(signed protocol.SignedCheckpoint, text []byte) {
	known, err := claim{Checkpoint: r.seen.Latest}.signedCheckpoint()
	if r.seen.Latest != nil && err == nil && (known.Contents.LogLength > signed.Contents.LogLength ||
		known.Contents.LogLength == signed.Contents.LogLength && known.Contents.Timestamp > signed.Contents.Timestamp) {
		return
	}
	r.seen.Latest = text
	r.report.Checkpoint = &signed
}

// judgeSignature judges the signature of a checkpoint by the operator log as of it,
// which has count records. proved tells that the map of the checkpoint is the one here.
func (r *round) judgeSignature(ctx context.Context, text []byte, operator *protocol.OperatorLog, count uint64, proved bool) (good bool, err error) {
	signed, err := claim{Checkpoint: text}.signedCheckpoint()
	if err != nil {
		return false, err
	}
	if key, ok := operator.PublicKey(signed.KeyID); ok && operator.HasPermission(signed.KeyID, protocol.PermissionCommit) && signed.Verify(key) == nil {
		return true, nil
	}
	if r.pos.OperatorBroken != nil {
		r.unchecked("checkpoint signatures", "the operator log has an invalid record at index %d", *r.pos.OperatorBroken)
		return false, nil
	}
	f := &signatureFacts{Checkpoint: text}
	operators, err := r.operatorRecords(ctx, count)
	if err != nil {
		return false, err
	}
	for _, o := range operators {
		f.Operator = append(f.Operator, o.raw)
	}
	if proved && count > 0 {
		if f.Proof, err = r.mapProof(ctx, protocol.OperatorLogID()); err != nil {
			return false, err
		}
	}
	return false, r.found(ctx, f)
}

// judgeSigned judges the checkpoints that no stop has judged, and whether they are in the
// checkpoints log. Those that are not yet stay open.
func (r *round) judgeSigned(ctx context.Context) error {
	r.seen.Open = nil
	for _, s := range r.signed {
		signed, err := claim{Checkpoint: s.Text}.signedCheckpoint()
		if err != nil {
			return err
		}
		length := signed.Contents.LogLength
		if !s.Judged && length <= r.pos.Records {
			if err := r.judgePassed(ctx, signed, s.Text); err != nil {
				return err
			}
			s.Judged = true
		}
		if key, known := r.operator.PublicKey(signed.KeyID); !s.Judged && known && signed.Verify(key) != nil {
			// Nobody need wait for its records to see that.
			if _, err := r.judgeSignature(ctx, s.Text, &r.operator, r.pos.Operators, false); err != nil {
				return err
			}
			continue
		}
		open, err := r.checkLogged(ctx, signed, s)
		if err != nil {
			return err
		}
		if !s.Judged {
			r.unchecked("signed checkpoint", "that of length %d is further than the notes, at %d; it is kept for later", length, r.pos.Records)
		}
		if (open || !s.Judged) && len(r.seen.Open) < maxOpen {
			r.seen.Open = append(r.seen.Open, s)
		}
	}
	return nil
}

// judgePassed judges a checkpoint of a length that the replay had passed before.
func (r *round) judgePassed(ctx context.Context, signed protocol.SignedCheckpoint, text []byte) error {
	length := signed.Contents.LogLength
	var operator protocol.OperatorLog
	all, err := r.operatorRecords(ctx, r.pos.Operators)
	if err != nil {
		return err
	}
	count := uint64(0)
	for _, o := range all {
		if o.index < length {
			operatorVerdict(&operator, o.envelope)
			count++
		}
	}
	good, err := r.judgeSignature(ctx, text, &operator, count, false)
	if err != nil {
		return err
	}
	known, ok, err := r.roots(ctx, length)
	if err != nil {
		return err
	}
	if !ok {
		at, err := rangeAt(ctx, r.log, length)
		if err != nil {
			return err
		}
		known = protocol.Checkpoint{LogRoot: rangeRoot(at), LogLength: length, MapRoot: signed.Contents.MapRoot}
		r.unchecked("map root", "the signed checkpoint of length %d was seen after its records were read", length)
	}
	if known != signed.Contents.Checkpoint {
		return r.wrongRoots(ctx, r.checkpointClaim(text), known, false)
	}
	if good {
		r.accept(signed, text)
	}
	return nil
}

// checkLogged demands that a signed checkpoint is in the checkpoints log; open tells that
// it may come yet.
func (r *round) checkLogged(ctx context.Context, signed protocol.SignedCheckpoint, s sighting) (open bool, err error) {
	if r.logged == nil {
		return false, nil
	}
	c := r.checkpointClaim(s.Text)
	length := signed.Contents.LogLength
	low, high := uint64(0), r.logged.head.Size // the first entry that is not shorter
	var entry protocol.Checkpoint
	at := func(i uint64) error {
		return r.logged.leaves(ctx, i, i+1, func(_ uint64, raw []byte) error {
			entry, _ = parseCheckpointEntry(raw) // others are found elsewhere
			return nil
		})
	}
	for low < high {
		middle := low + (high-low)/2
		if err := at(middle); err != nil {
			return false, err
		}
		if entry.LogLength < length {
			low = middle + 1
		} else {
			high = middle
		}
	}
	f := &unloggedFacts{Checkpoint: c}
	add := func(i uint64) error {
		l, err := r.loggedClaim(ctx, i)
		f.Entries = append(f.Entries, l)
		return err
	}
	if low < r.logged.head.Size {
		if err := at(low); err != nil {
			return false, err
		}
		if entry == signed.Contents.Checkpoint || r.enough(CheckpointNotLogged) {
			return false, nil
		}
		if entry.LogLength > length && low > 0 {
			if err := add(low - 1); err != nil {
				return false, err
			}
		}
		if err := add(low); err != nil {
			return false, err
		}
		return false, r.found(ctx, f)
	}
	now := r.options.Now().Unix()
	if now-s.First <= int64(r.options.MaxUnlogged/time.Second) {
		return true, nil
	}
	f.Since, f.Now, f.Limit = s.First, now, int64(r.options.MaxUnlogged/time.Second)
	if low > 0 {
		err = add(low - 1)
	} else {
		f.Head = &r.logged.claim
	}
	if err != nil {
		return false, err
	}
	return true, r.found(ctx, f)
}

// judgeHeads judges the times and the order of what was served.
func (r *round) judgeHeads(ctx context.Context) error {
	if len(r.signed) == 0 || !r.api {
		return nil
	}
	text := r.signed[len(r.signed)-1].Text // the one that was served in this round
	c := r.checkpointClaim(text)
	signed, err := c.signedCheckpoint()
	if err != nil {
		return err
	}
	now, at := r.options.Now().Unix(), int64(min(signed.Contents.Timestamp, 1<<62))
	tolerance := int64(r.options.ClockTolerance / time.Second)
	if at > now+tolerance {
		if err := r.found(ctx, &timeFacts{What: CheckpointFuture, Checkpoint: c, Now: now, Limit: tolerance}); err != nil {
			return err
		}
	}
	if limit := int64(r.maxCheckpointAge() / time.Second); limit > 0 && at < now-limit {
		if err := r.found(ctx, &timeFacts{What: CheckpointStale, Checkpoint: c, Now: now, Limit: limit}); err != nil {
			return err
		}
	}
	if r.before != nil {
		if err := r.judgeOrder(ctx, c, signed); err != nil {
			return err
		}
	}
	return r.judgeNotes(ctx, c, signed)
}

// maxCheckpointAge is how old the latest checkpoint may be; 0: any age.
func (r *round) maxCheckpointAge() time.Duration {
	switch limit := r.options.MaxCheckpointAge; {
	case limit != 0:
		return max(limit, 0)
	case r.report.Mode == modeTiles:
		return 24 * time.Hour
	}
	return 0
}

// judgeOrder compares the checkpoint served in this round with the newest before it.
func (r *round) judgeOrder(ctx context.Context, c claim, signed protocol.SignedCheckpoint) error {
	before := r.checkpointClaim(r.before)
	was, err := before.signedCheckpoint()
	if err != nil {
		return fmt.Errorf("the checkpoint in the store can not be read: %w", err)
	}
	switch {
	case signed.Contents.LogLength < was.Contents.LogLength:
		return r.found(ctx, &rewindFacts{Before: before, After: c})
	case signed.Contents.Timestamp < was.Contents.Timestamp:
		return r.found(ctx, &timeFacts{What: TimestampBack, Checkpoint: c, Before: &before})
	}
	return nil
}

// judgeNotes demands that the notes do not stay behind the signed checkpoints.
func (r *round) judgeNotes(ctx context.Context, c claim, signed protocol.SignedCheckpoint) error {
	now := r.options.Now()
	for _, log := range tlog.Logs {
		seen, ok := r.seen.Notes[log]
		if !ok || log == tlog.Checkpoints && r.logged == nil || log == tlog.Records && r.log == nil || slices.Contains(r.old, log) {
			continue
		}
		since := time.Unix(seen.First, 0)
		if at, ok := r.quorumTime(seen.Text); ok && at.Before(since) {
			since = at
		}
		if now.Sub(since) <= r.options.MaxNoteAge {
			continue
		}
		f := &staleFacts{Note: r.noteClaim(log, seen.Text), Checkpoint: c, Since: since.Unix(), Now: now.Unix(), Limit: int64(r.options.MaxNoteAge / time.Second)}
		if log == tlog.Checkpoints && r.logged.head.Size > 0 {
			last, err := r.loggedClaim(ctx, r.logged.head.Size-1)
			if err != nil {
				return err
			}
			f.Last = &last
		}
		if _, err := f.judge(); err != nil {
			continue // it is not behind
		}
		if err := r.found(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
