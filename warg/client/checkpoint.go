package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// Checkpoint returns the registry's latest checkpoint, verified as the
// documentation of the package says, with the operator log.
func (c *Client) Checkpoint(ctx context.Context) (protocol.SignedCheckpoint, error) {
	v, err := c.view(ctx, nil)
	if err != nil {
		return protocol.SignedCheckpoint{}, err
	}
	return v.checkpoint, nil
}

// Remembered returns the last checkpoint that was verified, without asking the
// registry; ok is false if there is none.
func (c *Client) Remembered(ctx context.Context) (checkpoint protocol.SignedCheckpoint, ok bool, err error) {
	known, err := c.knownCheckpoint(ctx)
	if err != nil || known.raw == nil {
		return checkpoint, false, err
	}
	return known.SignedCheckpoint, true, nil
}

// knownCheckpoint is the checkpoint in the store.
type knownCheckpoint struct {
	raw []byte // as stored; nil if there is none
	protocol.SignedCheckpoint
}

func (c *Client) knownCheckpoint(ctx context.Context) (known knownCheckpoint, err error) {
	if known.raw, err = c.read(ctx, checkpointName); err != nil || known.raw == nil {
		return known, err
	}
	if err := known.UnmarshalJSON(known.raw); err != nil {
		return known, &StoreError{checkpointName, err}
	}
	if known.Contents.LogLength == 0 {
		return known, &StoreError{checkpointName, errors.New("it is of no log")}
	}
	return known, nil
}

// fetchCheckpoint returns the latest checkpoint, which is not older than known.
// Nothing else was checked.
func (c *Client) fetchCheckpoint(ctx context.Context, known knownCheckpoint) (latest protocol.SignedCheckpoint, err error) {
	if err := c.get(ctx, api.FetchCheckpointPath, &latest, fetchError); err != nil {
		return latest, err
	}
	length, before := latest.Contents.LogLength, known.Contents.LogLength
	if known.raw != nil && length < before {
		return latest, c.unproven(ClaimConsistency, fmt.Errorf("the latest checkpoint has length %d, an earlier one had %d", length, before))
	}
	return latest, nil
}

// checkSignature demands that a checkpoint is signed by a key that may do so,
// and not too long ago.
func (c *Client) checkSignature(signed protocol.SignedCheckpoint, operator *operatorChain) error {
	key, known := operator.PublicKey(signed.KeyID)
	switch {
	case !known:
		return c.unproven(ClaimSignature, fmt.Errorf("the checkpoint is signed by key %s, which the operator log does not have", signed.KeyID))
	case !operator.HasPermission(signed.KeyID, protocol.PermissionCommit):
		return c.unproven(ClaimSignature, fmt.Errorf("the operator log does not permit key %s to sign checkpoints", signed.KeyID))
	}
	if err := signed.Verify(key); err != nil {
		return c.unproven(ClaimSignature, err)
	}
	limit := c.options.MaxCheckpointAge
	at := time.Unix(int64(min(signed.Contents.Timestamp, 1<<40)), 0)
	if age := c.options.Now().Sub(at); limit > 0 && age > limit {
		return c.unproven(ClaimAge, fmt.Errorf("the checkpoint was signed %v ago, more than %v", age.Round(time.Second), limit))
	}
	return nil
}

// proveConsistent demands that the log of one checkpoint is a prefix of that of
// the other, which is not shorter.
func (c *Client) proveConsistent(ctx context.Context, from, to protocol.Checkpoint) error {
	if from.LogLength == to.LogLength {
		if from != to {
			return c.unproven(ClaimConsistency, fmt.Errorf("there are two checkpoints of length %d with different roots", to.LogLength))
		}
		return nil
	}
	return c.proveExtends(ctx, from, to)
}

// proveExtends demands that the log of one checkpoint is a prefix of that of the other,
// which is longer. Their map roots are not looked at.
func (c *Client) proveExtends(ctx context.Context, from, to protocol.Checkpoint) error {
	var answer api.ConsistencyResponse
	request := api.ConsistencyRequest{From: from.LogLength, To: to.LogLength}
	if err := c.post(ctx, api.ProveConsistencyPath, request, &answer, proofError); err != nil {
		return c.refuted(ClaimConsistency, err)
	}
	bundle, err := proof.DecodeLogBundle(answer.Proof)
	if err == nil {
		err = bundle.VerifyConsistency(from.LogLength, to.LogLength, from.LogRoot, to.LogRoot)
	}
	if err != nil {
		return c.unproven(ClaimConsistency, err)
	}
	return nil
}

// rememberCheckpoint stores a verified checkpoint that was proved consistent
// with known. If another call stored a different one meanwhile, both have to be
// consistent, and the longer one stays.
func (c *Client) rememberCheckpoint(ctx context.Context, verified protocol.SignedCheckpoint, known knownCheckpoint) error {
	value, err := verified.MarshalJSON()
	if err != nil {
		return err
	}
	ours := verified.Contents.Checkpoint
	for {
		if known.raw != nil && known.Contents.LogLength >= ours.LogLength {
			return c.proveConsistent(ctx, ours, known.Contents.Checkpoint)
		}
		err := c.replace(ctx, checkpointName, known.raw, value)
		if !errors.Is(err, ErrChanged) {
			return err
		}
		if known, err = c.knownCheckpoint(ctx); err != nil {
			return err
		}
		if known.raw != nil && known.Contents.LogLength < ours.LogLength {
			if err := c.proveConsistent(ctx, known.Contents.Checkpoint, ours); err != nil {
				return err
			}
		}
	}
}
