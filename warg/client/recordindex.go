package client

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// RecordIndex returns the index of a package's record in the registry's log, proved to be
// there under the checkpoint of the package. The record is one of those that led to p,
// such as that of a release.
//
// Errors are those of all calls: that such a record has no index is a
// [*VerificationError].
func (c *Client) RecordIndex(ctx context.Context, p *Package, record protocol.Hash) (uint64, error) {
	if record == p.Head {
		return p.HeadIndex, nil
	}
	var status api.PackageRecord
	if err := c.get(ctx, api.PackageRecordPath(p.Name.LogID(), record), &status, packageError); err != nil {
		return 0, c.refuted(ClaimRecord, err)
	}
	at := p.Checkpoint.Contents.Checkpoint
	switch {
	case status.RecordID != record.Any():
		return 0, c.unproven(ClaimRecord, fmt.Errorf("the registry takes record %s for record %s", record, status.RecordID))
	case status.State != api.StatePublished:
		return 0, c.unproven(ClaimRecord, fmt.Errorf("record %s is in the log of %s, but is said to be %s", record, p.Name, status.State))
	case status.RegistryIndex >= at.LogLength:
		return 0, c.unproven(ClaimRecord, fmt.Errorf("record %s is said to be at index %d of a log with %d records", record, status.RegistryIndex, at.LogLength))
	}
	return status.RegistryIndex, c.proveIncluded(ctx, at, protocol.LogLeaf{LogID: p.Name.LogID(), RecordID: record}, status.RegistryIndex)
}

// proveIncluded demands that a leaf is in the log of a checkpoint at an index. Registries
// prove inclusion together with the map, and so for the heads of packages alone; but they
// prove consistency from any length. The log that ends with the leaf is a prefix of the
// checkpoint's: its root follows from the hashes of the log before the leaf.
func (c *Client) proveIncluded(ctx context.Context, at protocol.Checkpoint, leaf protocol.LogLeaf, index uint64) error {
	root := leaf.Hash()
	if index > 0 {
		before, err := c.consistencyBundle(ctx, index, at.LogLength)
		if err != nil {
			return err
		}
		if root, err = before.RootBehind(index, root); err != nil {
			return c.unproven(ClaimInclusion, err)
		}
	}
	behind := index + 1
	if behind == at.LogLength {
		if root != at.LogRoot {
			return c.unproven(ClaimInclusion, &proof.RootMismatchError{Proof: "the last leaf", Got: root, Want: at.LogRoot})
		}
		return nil
	}
	bundle, err := c.consistencyBundle(ctx, behind, at.LogLength)
	if err != nil {
		return err
	}
	if err := bundle.VerifyConsistency(behind, at.LogLength, root, at.LogRoot); err != nil {
		return c.unproven(ClaimInclusion, err)
	}
	return nil
}

// consistencyBundle asks for the proof that the log of one length is a prefix of that of
// another, and does not verify it.
func (c *Client) consistencyBundle(ctx context.Context, from, to uint64) (bundle proof.LogBundle, err error) {
	var answer api.ConsistencyResponse
	request := api.ConsistencyRequest{From: from, To: to}
	if err = c.post(ctx, api.ProveConsistencyPath, request, &answer, proofError); err != nil {
		return bundle, c.refuted(ClaimInclusion, err)
	}
	if bundle, err = proof.DecodeLogBundle(answer.Proof); err != nil {
		err = c.unproven(ClaimInclusion, err)
	}
	return bundle, err
}
