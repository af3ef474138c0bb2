package follow

import (
	"context"
	"errors"
	"fmt"

	merkleproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Batch is what [Next] has read and verified.
type Batch struct {
	Leaves []Leaf // behind the state that was known, without a gap
	State  State  // what is known with them
	Source Root   // the newest root of the source, of a log that begins with what is known
}

// More tells whether the source has leaves behind those of the batch.
func (b Batch) More() bool { return b.State.size < b.Source.Size }

// Next reads up to limit leaves behind a known state, and verifies them against the
// source's newest root: by recomputing it if they are the last, and else by a
// consistency proof. It asks for the root, and for proof that it continues what is
// known, even where there is no new leaf or limit is 0.
//
// A source that contradicts itself or what is known gives an [*InconsistentError].
// Every other error is the source's own and says nothing about the log. On any
// error no leaf counts as read.
func Next(ctx context.Context, source Source, known State, limit int) (Batch, error) {
	root, err := source.Root(ctx)
	if err != nil {
		return Batch{}, err
	}
	if root.Size < known.size {
		return Batch{}, inconsistent(known, "the log has %d leaves now, and %d were read from it before", root.Size, known.size)
	}
	b := Batch{State: known, Source: root}
	if limit = int(min(root.Size-known.size, uint64(max(limit, 0)))); limit > 0 {
		if b.Leaves, err = readLeaves(ctx, source, known, limit); err != nil {
			return Batch{}, err
		}
		b.State = known.Append(values(b.Leaves)...)
	}
	if b.State.size == 0 {
		return b, nil
	}
	if err := Consistent(ctx, source, b.State.Root(), root); err != nil {
		return Batch{}, err
	}
	return b, nil
}

// readLeaves reads at least one and up to limit leaves, which the source says to
// have.
func readLeaves(ctx context.Context, source Source, known State, limit int) ([]Leaf, error) {
	leaves, err := source.Leaves(ctx, known.size, limit)
	if err != nil {
		return nil, err
	}
	switch {
	case len(leaves) == 0: // it may be a copy that is a little behind
		return nil, fmt.Errorf("the log does not give leaf %d, though it has a root of more leaves", known.size)
	case len(leaves) > limit:
		return nil, inconsistent(known, "the log answers with %d leaves where %d were asked for", len(leaves), limit)
	}
	for i, leaf := range leaves {
		if want := known.size + uint64(i); leaf.Index != want {
			return nil, inconsistent(known, "the log answers with leaf %d where leaf %d was asked for", leaf.Index, want)
		}
	}
	return leaves, nil
}

// Consistent demands that the log of one root is a prefix of the log of another,
// which is of the same size or larger. For equal sizes the roots are compared;
// otherwise the source must prove it.
//
// An [*InconsistentError] if it is not so, or not proved; other errors are the
// source's own.
func Consistent(ctx context.Context, source Source, from, to Root) error {
	switch {
	case from.Size > to.Size:
		return inconsistent(State{size: from.Size}, "the log of %d leaves cannot continue that of %d", to.Size, from.Size)
	case from.Size == 0:
		return nil // nothing begins every log
	case from.Size == to.Size:
		if from.Hash != to.Hash {
			return inconsistent(State{size: from.Size}, "the log has at %d leaves the root %s, not %s as its leaves give it", to.Size, to.Hash, from.Hash)
		}
		return nil
	}
	path, err := source.ConsistencyProof(ctx, from.Size, to.Size)
	if err != nil {
		return err
	}
	err = merkleproof.VerifyConsistency(rfc6962.DefaultHasher, from.Size, to.Size, path, from.Hash[:], to.Hash[:])
	if other, ok := errors.AsType[merkleproof.RootMismatchError](err); ok {
		err = fmt.Errorf("its proof leads to root %x, not %x", other.CalculatedRoot, other.ExpectedRoot)
	}
	if err != nil {
		return inconsistent(State{size: from.Size}, "the log of %d leaves is not proved to continue that of %d: %w", to.Size, from.Size, err)
	}
	return nil
}

func values(leaves []Leaf) [][]byte {
	all := make([][]byte, len(leaves))
	for i, leaf := range leaves {
		all[i] = leaf.Value
	}
	return all
}
