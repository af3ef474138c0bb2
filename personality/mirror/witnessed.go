package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// maxUncosigned is how long witnesses may be behind the upstream without anything new that
// they have cosigned.
const maxUncosigned = 15 * time.Second

// notePath is the signed tree head of the records log (c2sp.org/tlog-tiles).
var notePath = tlog.Records.Path() + "/" + tlog.CheckpointPath

// errUncosigned says that witnesses have not cosigned the upstream's newest checkpoint yet.
var errUncosigned = errors.New("witnesses have not cosigned it yet")

// cosigned returns the tree head of the upstream's records log that a quorum of witnesses has
// cosigned; nil if nobody has to. Package client demands that of the operator log alone, and
// records of packages come behind it.
func (m *Mirror) cosigned(ctx context.Context) (*tlog.TreeHead, error) {
	policy := m.options.Registry.Witnesses
	if policy == nil {
		return nil, nil
	}
	note, err := m.up.get(ctx, notePath, tlog.MaxNote)
	if err != nil {
		return nil, err
	}
	head, err := policy.CheckLog(note)
	if err == nil {
		_, err = policy.Check(note)
	}
	if errors.Is(err, witness.ErrNoQuorum) {
		return nil, fmt.Errorf("%w: %w", errUncosigned, err)
	} else if err != nil {
		return nil, &publisher.UntrueError{Claim: string(client.ClaimWitnesses), Err: err}
	}
	return &head, nil
}

// covered demands that the log of a checkpoint is that of a cosigned tree head, or its
// beginning; nil is for where nobody has to cosign.
func (m *Mirror) covered(ctx context.Context, head *tlog.TreeHead, at protocol.Checkpoint) error {
	if head == nil {
		return nil
	}
	switch from, to := (follow.Root{Size: at.LogLength, Hash: at.LogRoot}), (follow.Root{Size: head.Size, Hash: head.Root}); {
	case head.Size < at.LogLength:
		return fmt.Errorf("%w: they have cosigned %d records, and the checkpoint has %d", errUncosigned, head.Size, at.LogLength)
	case from == to:
		return nil
	case head.Size == at.LogLength:
		return &publisher.UntrueError{Claim: string(client.ClaimWitnesses), Err: fmt.Errorf("the checkpoint of length %d has the log root %s, and the tree head that witnesses have cosigned %s: the log is forked", at.LogLength, at.LogRoot, head.Root)}
	default:
		return m.up.consistent(ctx, from, to)
	}
}

// awaited is what a round came to: for a while, witnesses may be behind.
func (m *Mirror) awaited(err error, progress bool) error {
	if !errors.Is(err, errUncosigned) || progress {
		m.uncosigned = time.Time{}
	}
	if !errors.Is(err, errUncosigned) {
		return err
	}
	now := m.options.Now()
	if m.uncosigned.IsZero() {
		m.uncosigned = now
	}
	if now.Sub(m.uncosigned) < maxUncosigned {
		return errBehind
	}
	return &publisher.UntrueError{Claim: string(client.ClaimWitnesses), Err: err}
}
