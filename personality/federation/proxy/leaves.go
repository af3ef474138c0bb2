package proxy

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/warg-trillian/warg-trillian/personality/registry"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/client"
	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// prefix returns the balanced roots of the log of a length, left to right, as a proof of
// consistency with the newest checkpoint has them, and has verified that.
func (p *Proxy) prefix(ctx context.Context, length uint64) ([]protocol.Hash, error) {
	if known, ok := p.prefixes.Get(length); ok {
		return known, nil
	}
	newest, err := p.reaches(ctx, length)
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return nil, nil
	}
	bundle, _, err := p.consistency(ctx, length, newest.LogLength)
	if err != nil {
		return nil, err
	}
	roots, err := balancedRoots(bundle, length)
	if err == nil {
		err = bundle.VerifyConsistency(length, newest.LogLength, proof.RootOf(roots), newest.LogRoot)
	}
	if err != nil {
		return nil, p.unproven(client.ClaimConsistency, err)
	}
	p.prefixes.Put(length, roots)
	return roots, nil
}

// balancedRoots finds in a bundle the balanced roots of the log of a length, which one that
// proves consistency from there has. See package proof for the numbers of nodes.
func balancedRoots(b proof.LogBundle, length uint64) (roots []protocol.Hash, err error) {
	hashes := map[uint32]protocol.Hash{}
	for _, h := range b.Hashes {
		hashes[h.Node] = h.Hash
	}
	for start := uint64(0); start < length; {
		height := bits.Len64(length-start) - 1
		hash, ok := hashes[uint32(2*start+1<<height-1)]
		if !ok {
			return nil, fmt.Errorf("%w: that of the %d leaves from %d on", proof.ErrMissingHash, 1<<height, start)
		}
		roots = append(roots, hash)
		start += 1 << height
	}
	return roots, nil
}

// appendLeaf returns the balanced roots of a log of so many leaves with one leaf behind them.
func appendLeaf(roots []protocol.Hash, length uint64, leaf protocol.Hash) []protocol.Hash {
	roots = append(slices.Clip(roots), leaf)
	for ; length&1 == 1; length >>= 1 { // subtrees as high as the last one
		last := len(roots) - 1
		roots[last-1] = proof.HashChildren(&roots[last-1], &roots[last])
		roots = roots[:last]
	}
	return roots
}

// Leaves implements [httpapi.Reader].
func (p *Proxy) Leaves(ctx context.Context, start uint64, count int) ([]protocol.LogLeaf, error) {
	newest, err := p.newest(ctx)
	if err != nil {
		return nil, err
	}
	at := newest.checkpoint.Contents.Checkpoint
	if start >= at.LogLength {
		return nil, nil
	}
	leaves, err := p.proved(ctx, at, start, min(count, int(at.LogLength-start)))
	return leaves, p.judge(ctx, err)
}

// proved asks for leaves of the log of a checkpoint, and demands that they are there: the
// log that ends with them is one that the checkpoint's begins with. It returns fewer if the
// other registry gives fewer at a time.
func (p *Proxy) proved(ctx context.Context, at protocol.Checkpoint, start uint64, count int) ([]protocol.LogLeaf, error) {
	packed, err := p.up.call(ctx, "GET", api.LedgerRecordsPath(start), nil, new(api.LedgerError))
	if err != nil {
		return nil, p.refuted(client.ClaimInclusion, err)
	}
	count = min(count, len(packed)/api.PackedRecordSize)
	if count == 0 {
		return nil, p.unproven(client.ClaimInclusion, fmt.Errorf("it gives no leaf at index %d of a log with %d", start, at.LogLength))
	}
	roots, err := p.prefix(ctx, start)
	if err != nil {
		return nil, err
	}
	leaves := make([]protocol.LogLeaf, count)
	for i := range leaves {
		packed := packed[i*api.PackedRecordSize:]
		leaf := protocol.LogLeaf{LogID: protocol.Hash(packed[:protocol.HashSize]), RecordID: protocol.Hash(packed[protocol.HashSize:api.PackedRecordSize])}
		leaves[i], roots = leaf, appendLeaf(roots, start+uint64(i), leaf.Hash())
	}
	behind := start + uint64(count)
	want, err := p.prefix(ctx, behind)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(roots, want) {
		return nil, p.unproven(client.ClaimInclusion, &proof.RootMismatchError{Proof: fmt.Sprintf("the leaves from %d on", start), Got: proof.RootOf(roots), Want: proof.RootOf(want)})
	}
	for i, leaf := range leaves {
		p.leaves.Put(start+uint64(i), leaf)
	}
	return leaves, nil
}

// leafAt returns a leaf of the log: one of a package log that was replayed, or proved alone.
func (p *Proxy) leafAt(ctx context.Context, index uint64) (protocol.LogLeaf, error) {
	if known, ok := p.leaves.Get(index); ok {
		return known, nil
	}
	at, err := p.reaches(ctx, index+1)
	if err != nil {
		return protocol.LogLeaf{}, err
	}
	if index >= at.LogLength {
		return protocol.LogLeaf{}, &registry.LeafNotFoundError{Index: index}
	}
	leaves, err := p.proved(ctx, at, index, 1)
	if err != nil {
		return protocol.LogLeaf{}, err
	}
	return leaves[0], nil
}
