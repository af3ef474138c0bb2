package audit

import (
	"context"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// tie adds to signed checkpoints, where other statements stand beside them, what shows
// that their keys are those of the log. Where it can not be shown they stay as they are,
// and the finding is not signed.
func (r *round) tie(ctx context.Context, s stating) {
	checkpoints := mixed(s.statements())
	if len(checkpoints) == 0 {
		return
	}
	log := r.noteLog(ctx)
	if log == nil {
		return
	}
	for _, c := range checkpoints {
		if t, err := r.tieOf(ctx, log, *c); err == nil {
			c.Tie = t
		}
	}
}

// noteLog is the records log below a note; nil if there is none.
func (r *round) noteLog(ctx context.Context) *tiledLog {
	if tiled, ok := r.log.(*tiledRecords); ok {
		return tiled.tiledLog
	}
	seen, ok := r.seen.Notes[tlog.Records]
	if !ok {
		return nil
	}
	log, err := openTiledLog(ctx, r.source, r.noteClaim(tlog.Records, seen.Text))
	if err != nil {
		return nil
	}
	return log
}

// tieOf ties the key of a checkpoint to a log by the operator records of its length.
func (r *round) tieOf(ctx context.Context, log *tiledLog, c claim) (*operatorTie, error) {
	signed, err := c.signedCheckpoint()
	if err != nil {
		return nil, err
	}
	operators, err := r.operatorRecords(ctx, r.pos.Operators)
	if err != nil {
		return nil, err
	}
	t := &operatorTie{Head: log.claim}
	for _, o := range operators {
		if o.index >= signed.Contents.LogLength || o.index >= log.head.Size {
			break
		}
		path, err := nodePath(ctx, log, 0, o.index, log.head.Size)
		if err != nil {
			return nil, err
		}
		t.Records = append(t.Records, provenRecord{Index: o.index, Envelope: o.raw, Path: path})
	}
	key, err := protocol.ParsePublicKey(c.Key)
	if err == nil {
		_, err = t.verify(key)
	}
	return t, err
}
