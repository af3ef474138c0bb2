package audit

import (
	"context"
	"slices"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// wrongMap collects what proves that the map root of a checkpoint is wrong: the last
// checkpoint with a right one, the leaves since, and what the map had for their logs.
func (r *round) wrongMap(ctx context.Context, c claim, said treeClaim, asNext bool) (*mapFacts, error) {
	f := &mapFacts{After: c}
	good := r.pos.Good
	if !asNext || good.Length > said.Size {
		good = goodStop{}
	}
	if good.Entry != nil && r.logged == nil {
		good = goodStop{}
	}
	if good.Length > 0 {
		before, err := r.goodClaim(ctx, good)
		if err != nil {
			return nil, err
		}
		f.Before = &before
	}
	at, err := rangeAt(ctx, r.log, good.Length)
	if err != nil {
		return nil, err
	}
	f.Range = rangeHashes(at)
	m, heads := packageMap{r.state}, r.previous
	f.Leaves = slices.Clone(r.packed)
	if r.lost || r.mapAt != good.Length || uint64(len(f.Leaves)) != (said.Size-good.Length)*api.PackedRecordSize {
		if m, heads, f.Leaves, err = r.readMap(ctx, good.Length, said.Size); err != nil {
			return nil, err
		}
	}
	logs := make([]protocol.Hash, 0, len(heads))
	for id := range heads {
		logs = append(logs, id)
	}
	slices.SortFunc(logs, func(a, b protocol.Hash) int { return slices.Compare(a[:], b[:]) })
	for _, id := range logs {
		p, _, err := m.prove(ctx, protocol.MapKey(id))
		if err != nil {
			return nil, err
		}
		bundle := proof.MapBundle{Proofs: []proof.MapProof{p}}
		f.Changes = append(f.Changes, mapChange{LogID: id, Head: heads[id], Proof: bundle.Encode()})
	}
	return f, nil
}

func (r *round) goodClaim(ctx context.Context, g goodStop) (claim, error) {
	if g.Entry == nil {
		return r.checkpointClaim(g.Checkpoint), nil
	}
	l, err := r.loggedClaim(ctx, *g.Entry)
	return claim{Logged: &l}, err
}

// readMap reads the log anew: the map at one length, and the leaves from there to
// another with the heads that their logs had in that map.
func (r *round) readMap(ctx context.Context, at, to uint64) (m packageMap, heads map[protocol.Hash]*protocol.Hash, packed []byte, err error) {
	all := map[protocol.Hash]protocol.Hash{}
	heads = map[protocol.Hash]*protocol.Hash{}
	err = r.log.leaves(ctx, 0, to, func(index uint64, entry []byte) error {
		leaf, bad := protocol.ParseLogLeaf(entry)
		switch {
		case bad != nil:
		case index < at:
			all[leaf.LogID] = leaf.RecordID
		default:
			packed = api.AppendPackedRecord(packed, leaf)
			if _, ok := heads[leaf.LogID]; !ok {
				heads[leaf.LogID] = nil
				if head, ok := all[leaf.LogID]; ok {
					heads[leaf.LogID] = &head
				}
			}
		}
		return nil
	})
	if err != nil {
		return m, nil, nil, err
	}
	m = packageMap{memoryMap{}}
	if len(all) > 0 {
		_, err = m.update(ctx, sortedHeads(all))
	}
	return m, heads, packed, err
}
