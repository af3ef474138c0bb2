package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// inclusion is a verified proof, as the other registry encoded it.
type inclusion struct{ log, index []byte }

// proveHeads demands that the last records of logs are in the log of a checkpoint, and that
// its map says that they are the last. Logs without records are left out.
func (p *Proxy) proveHeads(ctx context.Context, at protocol.Checkpoint, ids []protocol.Hash, logs map[protocol.Hash]*packageLog) error {
	var indices []uint64
	var leaves []protocol.LogLeaf
	for _, id := range ids {
		if n := len(logs[id].records); n > 0 {
			head := logs[id].records[n-1]
			indices = append(indices, head.RegistryIndex)
			leaves = append(leaves, protocol.LogLeaf{LogID: id, RecordID: head.RecordID})
		}
	}
	if len(leaves) == 0 {
		return nil
	}
	_, err := p.inclusion(ctx, at, indices, leaves)
	return err
}

// inclusion asks for a proof that leaves are in the log of a checkpoint, and in its map, and
// verifies it; what is about a map whose root is not known, for its form alone: the client, which
// has the checkpoint, verifies that.
func (p *Proxy) inclusion(ctx context.Context, at protocol.Checkpoint, indices []uint64, leaves []protocol.LogLeaf) (inclusion, error) {
	key := inclusionKey(at, indices)
	if known, ok := p.inclusions.Get(key); ok {
		return known, nil
	}
	var answer api.InclusionResponse
	request := api.InclusionRequest{LogLength: at.LogLength, Leafs: indices}
	if err := p.up.post(ctx, api.ProveInclusionPath, request, &answer, new(api.ProofError)); err != nil {
		return inclusion{}, p.refuted(client.ClaimInclusion, err)
	}
	inLog := make([]proof.Leaf, len(leaves))
	inMap := make([]proof.MapLeaf, len(leaves))
	for i, leaf := range leaves {
		inLog[i] = proof.Leaf{Index: indices[i], Hash: leaf.Hash()}
		inMap[i] = proof.MapLeaf{LogID: leaf.LogID, RecordID: leaf.RecordID}
	}
	bundle, err := proof.DecodeLogBundle(answer.Log)
	if err == nil {
		err = bundle.VerifyInclusion(at.LogLength, at.LogRoot, inLog)
	}
	if err != nil {
		return inclusion{}, p.unproven(client.ClaimInclusion, err)
	}
	heads, err := proof.DecodeMapBundle(answer.Map)
	if err == nil && at.MapRoot != (protocol.Hash{}) {
		err = heads.Verify(at.MapRoot, inMap)
	}
	if err != nil {
		return inclusion{}, p.unproven(client.ClaimHead, err)
	}
	proved := inclusion{answer.Log, answer.Map}
	p.inclusions.Put(key, proved)
	return proved, nil
}

// inclusionKey names a proof: the leaves follow from the log.
func inclusionKey(at protocol.Checkpoint, indices []uint64) protocol.Hash {
	text := binary.BigEndian.AppendUint64(append(at.LogRoot[:], at.MapRoot[:]...), at.LogLength)
	for _, i := range indices {
		text = binary.BigEndian.AppendUint64(text, i)
	}
	return sha256.Sum256(text)
}

// ProveInclusion implements [httpapi.Reader]. Leaves that are not the last of their logs are
// answered with an error, as the other registry would.
func (p *Proxy) ProveInclusion(ctx context.Context, logLength uint64, indices []uint64) (logBundle, mapBundle []byte, err error) {
	at, err := p.earlier(ctx, logLength)
	if err != nil {
		return nil, nil, err
	}
	if len(indices) == 0 {
		return nil, nil, &registry.BundleError{Reason: proof.ErrNoProofs.Error()}
	}
	leaves := make([]protocol.LogLeaf, len(indices))
	for i, index := range indices {
		if index >= logLength {
			return nil, nil, &registry.LeafNotFoundError{Index: index}
		}
		if leaves[i], err = p.leafAt(ctx, index); err != nil {
			return nil, nil, p.judge(ctx, err)
		}
	}
	proved, err := p.inclusion(ctx, at, indices, leaves)
	var refused *api.ProofError
	if errors.As(err, &refused) && refused.Variant != api.MessageVariant {
		return nil, nil, &registry.BundleError{Reason: fmt.Sprintf("registry %s answers: %v", p.domain, refused)}
	}
	return proved.log, proved.index, p.judge(ctx, err)
}

// ProveConsistency implements [httpapi.Reader].
func (p *Proxy) ProveConsistency(ctx context.Context, from, to uint64) ([]byte, error) {
	if from == 0 || from > to {
		return nil, &registry.BundleError{Reason: fmt.Sprintf("there is no proof from length %d to %d", from, to)}
	}
	newest, err := p.reaches(ctx, to)
	if err != nil {
		return nil, err
	}
	if to > newest.LogLength {
		return nil, &registry.CheckpointNotFoundError{LogLength: to}
	}
	if known, ok := p.consistent.Get([2]uint64{from, to}); ok {
		return known, nil
	}
	fromRoot, err := p.rootAt(ctx, from)
	if err != nil {
		return nil, err
	}
	toRoot, err := p.rootAt(ctx, to)
	if err != nil {
		return nil, err
	}
	bundle, encoded, err := p.consistency(ctx, from, to)
	if err == nil {
		if wrong := bundle.VerifyConsistency(from, to, fromRoot, toRoot); wrong != nil {
			err = p.unproven(client.ClaimConsistency, wrong)
		}
	}
	if err != nil {
		return nil, p.judge(ctx, err)
	}
	p.consistent.Put([2]uint64{from, to}, encoded)
	return encoded, nil
}

// consistency asks for a proof that the log of one length is a prefix of that of another,
// and does not verify it.
func (p *Proxy) consistency(ctx context.Context, from, to uint64) (bundle proof.LogBundle, encoded []byte, err error) {
	var answer api.ConsistencyResponse
	request := api.ConsistencyRequest{From: from, To: to}
	if err = p.up.post(ctx, api.ProveConsistencyPath, request, &answer, new(api.ProofError)); err != nil {
		return bundle, nil, p.refuted(client.ClaimConsistency, err)
	}
	if bundle, err = proof.DecodeLogBundle(answer.Proof); err != nil {
		err = p.unproven(client.ClaimConsistency, err)
	}
	return bundle, answer.Proof, err
}

// rootAt returns the log root of a length up to the newest checkpoint, proved. Errors are
// the API's.
func (p *Proxy) rootAt(ctx context.Context, length uint64) (protocol.Hash, error) {
	if c, ok := p.checkpoints.Get(length); ok {
		return c.LogRoot, nil
	}
	roots, err := p.prefix(ctx, length)
	if err != nil {
		return protocol.Hash{}, p.judge(ctx, err)
	}
	return proof.RootOf(roots), nil
}
