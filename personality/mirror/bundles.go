package mirror

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/warg-trillian/warg-trillian/personality/publisher"
	"github.com/warg-trillian/warg-trillian/warg/follow"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

const (
	bundlesAtOnce = 4
	// smallBundle bounds the bundles that are read at the same time, in bytes, and
	// largeBundle the one that is read alone: registries accept 256 KiB an envelope at most.
	smallBundle = 4 << 20
	largeBundle = 66 << 20
)

// bundles is the records log of an upstream as bundles of envelopes. A name and an envelope
// give the leaf, so that nothing else is asked for: the roots tell whether it is the one in
// the log. It implements [publisher.MirrorSource].
type bundles struct {
	*upstream
	size uint64 // of the log, as of the checkpoint

	kept       []follow.Leaf // of the bundle that was read last, if it was a small one
	keptBundle uint64
}

// Leaves implements [publisher.MirrorSource].
func (b *bundles) Leaves(ctx context.Context, start uint64, count int) ([]follow.Leaf, error) {
	end := min(start+uint64(count), b.size)
	first, last := start/tlog.TileWidth, (end-1)/tlog.TileWidth
	read := make([][]follow.Leaf, last-first+1)
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(bundlesAtOnce)
	for i := range read {
		if b.kept != nil && b.keptBundle == first+uint64(i) {
			read[i] = b.kept
			continue
		}
		group.Go(func() (err error) {
			read[i], err = b.bundle(limited, first+uint64(i), smallBundle)
			if errors.Is(err, errTooLong) {
				err = nil // it is read alone
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var leaves []follow.Leaf
	for i := range read {
		if read[i] == nil && len(leaves) > 0 {
			break // one large bundle is enough for a step
		}
		if read[i] == nil {
			large, err := b.bundle(ctx, first+uint64(i), largeBundle)
			if err != nil {
				return nil, err
			}
			return within(large, start, end), nil
		}
		leaves = append(leaves, within(read[i], start, end)...)
	}
	b.kept, b.keptBundle = read[len(read)-1], last
	return leaves, nil
}

// within are those leaves, which are in a row, with indexes from start up to end.
func within(leaves []follow.Leaf, start, end uint64) []follow.Leaf {
	low := min(max(start, leaves[0].Index)-leaves[0].Index, uint64(len(leaves)))
	high := min(end-leaves[0].Index, uint64(len(leaves)))
	return leaves[low:high]
}

// bundle reads a bundle.
func (b *bundles) bundle(ctx context.Context, n uint64, limit int64) ([]follow.Leaf, error) {
	f := tlog.File{Kind: tlog.Envelopes, Index: n, Width: tlog.Width(0, n, b.size)}
	path := tlog.Records.Path() + "/" + f.Path()
	text, err := b.get(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	named, err := tlog.ParseEnvelopes(text, f.Width)
	if err != nil {
		return nil, &publisher.UntrueError{Claim: "record", Err: fmt.Errorf("%s: %w", path, err)}
	}
	leaves := make([]follow.Leaf, len(named))
	for i, e := range named {
		index := n*tlog.TileWidth + uint64(i)
		leaf, err := leafOf(e)
		if err != nil {
			return nil, &publisher.UntrueError{Claim: "record", Err: fmt.Errorf("%s: record %d: %w", path, index, err)}
		}
		leaves[i] = follow.Leaf{Index: index, Value: leaf.Encode(), ExtraData: protocol.EncodeLeafData(e.Name, e.Envelope)}
	}
	return leaves, nil
}

// leafOf is the leaf of a record.
func leafOf(e tlog.NamedEnvelope) (protocol.LogLeaf, error) {
	envelope, err := protocol.UnmarshalEnvelopeProto(e.Envelope)
	if err != nil {
		return protocol.LogLeaf{}, err
	}
	if e.Name == "" {
		return protocol.LogLeaf{LogID: protocol.OperatorLogID(), RecordID: protocol.OperatorRecordID(envelope.Content)}, nil
	}
	name, err := protocol.ParsePackageName(e.Name)
	if err != nil {
		return protocol.LogLeaf{}, err
	}
	return protocol.LogLeaf{LogID: name.LogID(), RecordID: protocol.PackageRecordID(envelope.Content)}, nil
}

// Consistent implements [publisher.MirrorSource].
func (b *bundles) Consistent(ctx context.Context, from, to follow.Root) error {
	return b.consistent(ctx, from, to)
}
