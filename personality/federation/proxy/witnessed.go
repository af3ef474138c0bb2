package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// Pauses between questions for the tree head that witnesses have cosigned.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// notePath is the signed tree head of the records log (c2sp.org/tlog-tiles).
var notePath = tlog.Records.Path() + "/" + tlog.CheckpointPath

// errBehind says that witnesses have not cosigned all of a log yet.
var errBehind = errors.New("the witnesses have not seen it yet")

// witnessed returns next if a quorum has cosigned its log to the end, or if nobody has to.
// Package client demands that of the operator log alone, and records of packages come behind
// it. Witnesses are a while behind, for up to [Options.MaxWait]: for so long the state before is
// the newest, and next is kept, so that it is asked for again also when the log has grown; if
// there is none before, this waits. It is called in turn.
func (p *Proxy) witnessed(ctx context.Context, next, before *state) (*state, error) {
	if p.options.Registry.Witnesses == nil {
		return next, nil
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := p.checkWitnesses(ctx, next.checkpoint.Contents.Checkpoint)
		if err == nil {
			p.waiting = nil
			return next, nil
		}
		if !errors.Is(err, errBehind) && !errors.Is(err, witness.ErrNoQuorum) {
			return nil, err
		}
		p.waiting = next
		now := p.options.Now()
		if now.Sub(next.asked) >= p.options.MaxWait {
			return nil, err
		}
		if before != nil {
			again := *before
			again.asked = now
			return &again, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// checkWitnesses demands that the log of a checkpoint is the one, or the beginning of the one,
// whose tree head a quorum of witnesses has cosigned.
func (p *Proxy) checkWitnesses(ctx context.Context, at protocol.Checkpoint) error {
	signed, err := p.up.call(ctx, http.MethodGet, notePath, nil, new(api.MessageError))
	if err != nil {
		return p.refuted(client.ClaimWitnesses, err)
	}
	head, err := p.options.Registry.Witnesses.CheckLog(signed)
	if err == nil {
		_, err = p.options.Registry.Witnesses.Check(signed)
	}
	switch {
	case err != nil:
		return p.unproven(client.ClaimWitnesses, err)
	case head.Size < at.LogLength:
		return p.unproven(client.ClaimWitnesses, fmt.Errorf("%w: they have cosigned %d records, and the checkpoint has %d", errBehind, head.Size, at.LogLength))
	case head.Size == at.LogLength && head.Root != at.LogRoot:
		return p.unproven(client.ClaimWitnesses, fmt.Errorf("the checkpoint of length %d has the log root %s, and the tree head that witnesses have cosigned %s: the log is forked", at.LogLength, at.LogRoot, head.Root))
	case head.Size == at.LogLength:
		return nil
	}
	bundle, _, err := p.consistency(ctx, at.LogLength, head.Size)
	if err != nil {
		return err
	}
	if err := bundle.VerifyConsistency(at.LogLength, head.Size, at.LogRoot, head.Root); err != nil {
		return p.unproven(client.ClaimConsistency, err)
	}
	return nil
}
