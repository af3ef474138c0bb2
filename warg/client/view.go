package client

import (
	"context"
	"errors"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// view is what a registry proved at one time.
type view struct {
	checkpoint protocol.SignedCheckpoint
	operator   *operatorChain
}

// view reads the operator log and, unless pkg is nil, a package log on, has the
// registry prove all of it, and then remembers it.
//
// What is remembered of logs is read before the checkpoint is, and stored after
// it: so a log is never remembered beyond the checkpoint that is.
func (c *Client) view(ctx context.Context, pkg *logView) (*view, error) {
	operator, err := c.operatorView(ctx)
	if err != nil {
		return nil, err
	}
	return c.viewOperator(ctx, operator, pkg)
}

// viewOperator is view with what is remembered of the operator log.
func (c *Client) viewOperator(ctx context.Context, operator, pkg *logView) (*view, error) {
	known, err := c.knownCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	if known.raw == nil && (operator.known || pkg != nil && pkg.known) {
		return nil, &StoreError{checkpointName, errors.New("it is gone, but logs that it proved are there: without it a registry that goes back is not noticed")}
	}
	latest, err := c.fetchCheckpoint(ctx, known)
	if err != nil {
		return nil, err
	}
	if err := c.fetchLogs(ctx, latest.Contents.LogLength, operator, pkg); err != nil {
		return nil, err
	}
	v := &view{checkpoint: latest, operator: operator.state.(*operatorChain)}
	if err := c.checkSignature(latest, v.operator); err != nil {
		return nil, err
	}
	if known.raw != nil {
		if err := c.proveConsistent(ctx, known.Contents.Checkpoint, latest.Contents.Checkpoint); err != nil {
			return nil, err
		}
	}
	views := []*logView{operator}
	if pkg != nil {
		if err := c.checkNamespace(pkg.name, v.operator); err != nil {
			return nil, err
		}
		views = append(views, pkg)
	}
	if err := c.proveHeads(ctx, latest.Contents.Checkpoint, views); err != nil {
		return nil, err
	}
	if err := c.proveWitnessed(ctx, latest.Contents.Checkpoint, views); err != nil {
		return nil, err
	}
	if err := c.rememberCheckpoint(ctx, latest, known); err != nil {
		return nil, err
	}
	for _, v := range views {
		if err := c.remember(ctx, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// proveHeads demands that the heads of logs are in the log of a checkpoint, and
// are the heads in its map.
func (c *Client) proveHeads(ctx context.Context, at protocol.Checkpoint, views []*logView) error {
	request := api.InclusionRequest{LogLength: at.LogLength}
	leaves := make([]proof.Leaf, len(views))
	heads := make([]proof.MapLeaf, len(views))
	for i, v := range views {
		leaf := v.leaf()
		request.Leafs = append(request.Leafs, v.index)
		leaves[i] = proof.Leaf{Index: v.index, Hash: leaf.Hash()}
		heads[i] = proof.MapLeaf{LogID: leaf.LogID, RecordID: leaf.RecordID}
	}
	var answer api.InclusionResponse
	if err := c.post(ctx, api.ProveInclusionPath, request, &answer, proofError); err != nil {
		return c.refuted(ClaimInclusion, err)
	}
	inLog, err := proof.DecodeLogBundle(answer.Log)
	if err == nil {
		err = inLog.VerifyInclusion(at.LogLength, at.LogRoot, leaves)
	}
	if err != nil {
		return c.unproven(ClaimInclusion, err)
	}
	inMap, err := proof.DecodeMapBundle(answer.Map)
	if err == nil {
		err = inMap.Verify(at.MapRoot, heads)
	}
	if err != nil {
		return c.unproven(ClaimHead, err)
	}
	return nil
}
