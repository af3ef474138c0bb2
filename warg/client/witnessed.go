package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
	"github.com/warg-trillian/warg-trillian/warg/witness"
)

// notePath is the signed tree head of the records log (c2sp.org/tlog-tiles).
var notePath = tlog.Records.Path() + "/" + tlog.CheckpointPath

// lastNotePoll is the longest pause between questions for a tree head that witnesses
// have cosigned.
const lastNotePoll = 2 * time.Second

// errBehind says that the cosigned tree head does not have a record yet.
var errBehind = errors.New("the witnesses have not seen it yet")

// proveWitnessed demands of the heads of logs, and of the log of a checkpoint, what
// [Options.Witnesses] says.
func (c *Client) proveWitnessed(ctx context.Context, at protocol.Checkpoint, views []*logView) error {
	if c.options.Witnesses == nil {
		return nil
	}
	need := uint64(0)
	if c.options.WholeLogWitnessed {
		need = at.LogLength
	}
	for _, v := range views {
		need = max(need, v.index+1)
	}
	var waited time.Duration
	for pause := firstPause; ; pause = min(2*pause, lastNotePoll) {
		head, err := c.witnessedHead(ctx, need)
		if err == nil {
			return c.proveSameLog(ctx, head, at)
		}
		// What witnesses have not seen yet, they may see in a moment.
		young := errors.Is(err, errBehind) || errors.Is(err, witness.ErrNoQuorum)
		if waited += pause; !young || waited > c.options.MaxWait {
			return err
		}
		if ended := sleep(ctx, pause); ended != nil {
			return errors.Join(err, ended)
		}
	}
}

// witnessedHead returns the registry's tree head if it has at least need leaves, and a
// quorum has cosigned it.
func (c *Client) witnessedHead(ctx context.Context, need uint64) (tlog.TreeHead, error) {
	policy := c.options.Witnesses
	signed, err := c.getNote(ctx)
	if err != nil {
		return tlog.TreeHead{}, c.refuted(ClaimWitnesses, err)
	}
	head, err := policy.CheckLog(signed)
	if err != nil {
		return head, c.unproven(ClaimWitnesses, err)
	}
	cosigned, err := policy.Check(signed)
	if err != nil {
		return head, c.unproven(ClaimWitnesses, err)
	}
	if head.Size < need {
		return head, c.unproven(ClaimWitnesses, fmt.Errorf("%w: they have cosigned %d records, and the record is at index %d", errBehind, head.Size, need-1))
	}
	at, ok := policy.QuorumTime(cosigned.Cosignatures)
	if limit := c.options.MaxCheckpointAge; ok && limit > 0 && c.options.Now().Sub(at) > limit {
		return head, c.unproven(ClaimAge, fmt.Errorf("a quorum of witnesses has cosigned the log %v ago, more than %v", c.options.Now().Sub(at).Round(time.Second), limit))
	}
	return head, nil
}

// proveSameLog demands that a tree head and a checkpoint are of one log.
func (c *Client) proveSameLog(ctx context.Context, head tlog.TreeHead, at protocol.Checkpoint) error {
	witnessed := protocol.Checkpoint{LogRoot: head.Root, LogLength: head.Size}
	switch {
	case head.Size == at.LogLength && head.Root != at.LogRoot:
		return c.unproven(ClaimWitnesses, fmt.Errorf("the registry's checkpoint of length %d has the log root %s, and the tree head that witnesses have cosigned %s: the log is forked", at.LogLength, at.LogRoot, head.Root))
	case head.Size < at.LogLength:
		return c.proveExtends(ctx, witnessed, at)
	case head.Size > at.LogLength:
		return c.proveExtends(ctx, at, witnessed)
	}
	return nil
}

// getNote reads the signed tree head of the records log.
func (c *Client) getNote(ctx context.Context) (signed []byte, err error) {
	target := c.resolve(notePath)
	err = c.retry(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return transportError(http.MethodGet, target, err)
		}
		response, err := c.send(request, func() errorBody { return new(api.MessageError) })
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if signed, err = readBounded(response.Body, tlog.MaxNote); err != nil {
			return transportError(http.MethodGet, target, err)
		}
		return nil
	})
	return signed, err
}
