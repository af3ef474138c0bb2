package audit

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// ledgerRecords is the records log as the v1 API has it: leaves from v1/ledger, which
// must give the log root of a signed checkpoint, and records from v1/fetch/logs.
type ledgerRecords struct {
	r      *round
	claim  claim
	head   treeClaim
	from   uint64      // the first leaf that is in memory
	packed []byte      // leaves from there on
	tree   *memoryTree // all leaves, once a proof is asked for
}

// maxMoreLeaves is how many leaves more than it said a place may have: the log grows.
const maxMoreLeaves = 1 << 14

// maxLedgerSources bounds the places of leaves that are looked at.
const maxLedgerSources = 1 << 20

// openLedger opens the log below the latest checkpoint. The log stays nil if it is not
// longer than what is remembered and the same.
func (r *round) openLedger(ctx context.Context, latest *protocol.SignedCheckpoint) error {
	if latest == nil {
		return fmt.Errorf("%s: %w: it serves neither notes nor a checkpoint", r.source, ErrNoAnswer)
	}
	c := r.checkpointClaim(r.signed[len(r.signed)-1].Text)
	head, err := c.read()
	if err != nil {
		return err
	}
	if err := r.sameOperator(ctx, c, head); err != nil {
		return err
	}
	if head.Size < r.pos.Records {
		return nil // it is rewound, which its claim shows
	}
	l := &ledgerRecords{r: r, claim: c, head: head, from: r.pos.Records}
	if l.packed, err = r.readLedger(ctx, r.pos.Records, head.Size); err != nil {
		return err
	}
	known, err := newRange(r.pos.Records, rangeHashes(r.records))
	if err == nil {
		err = appendPacked(known, l.packed)
	}
	if err != nil {
		return err
	}
	if rangeRoot(known) != head.Root {
		_, err := r.step(ctx, r.wrongLedger(ctx, l))
		return err
	}
	r.log, r.target = l, head.Size
	return nil
}

// wrongLedger says why the leaves do not give the root of the checkpoint.
func (r *round) wrongLedger(ctx context.Context, l *ledgerRecords) error {
	all, err := r.readLedger(ctx, 0, l.head.Size)
	if err != nil {
		return err
	}
	l.from, l.packed = 0, all
	ledger := &ledgerFacts{Head: l.claim, Leaves: all}
	if _, err := ledger.judge(); err == nil {
		return &lie{ledger}
	}
	// These leaves do: they are others than those that are remembered.
	old := r.checkpointClaim(r.seen.Latest)
	was, err := old.read()
	if err != nil {
		return fmt.Errorf("the checkpoint in the store can not be read: %w", err)
	}
	f := &forkFacts{Shorter: old, Longer: l.claim}
	if was.Size < l.head.Size {
		at, err := rangeAt(ctx, l, was.Size)
		if err != nil {
			return err
		}
		root := rangeRoot(at)
		f.Root = &root
		if f.Path, err = consistencyPath(ctx, l, was.Size, l.head.Size); err != nil {
			return err
		}
	}
	if _, err := f.judge(); err != nil {
		return fmt.Errorf("%s: %w: the log does not begin with the %d leaves that are remembered", r.source, ErrNoAnswer, r.pos.Records)
	}
	return &lie{f}
}

// readLedger reads packed leaves from one index up to another.
func (r *round) readLedger(ctx context.Context, from, to uint64) ([]byte, error) {
	if from >= to {
		return nil, nil
	}
	e, err := get(ctx, r.source, api.LedgerSourcesPath, maxJSON)
	if err != nil {
		return nil, err
	}
	var answer api.LedgerSourcesResponse
	if err := answer.UnmarshalJSON(e.Answer); err != nil || !e.has() || len(answer.Sources) > maxLedgerSources {
		return nil, fmt.Errorf("%s: %s: %w: it does not say where the leaves are (status %d)", r.source, e, ErrNoAnswer, e.Status)
	}
	var packed []byte
	at := from
	for _, s := range answer.Sources {
		if s.Last < at || at >= to {
			continue
		}
		n := s.Last - s.First + 1
		if s.First > at || s.Last < s.First || n > 1<<20 {
			break
		}
		e, err := get(ctx, r.source, s.URL, int64((n+maxMoreLeaves)*api.PackedRecordSize))
		if err != nil {
			return nil, err
		}
		if !e.has() || len(e.Answer)%api.PackedRecordSize != 0 {
			return nil, fmt.Errorf("%s: %s: %w: these are no leaves (status %d, %d bytes)", r.source, e, ErrNoAnswer, e.Status, len(e.Answer))
		}
		have := s.First + uint64(len(e.Answer))/api.PackedRecordSize
		if have <= at {
			break
		}
		end := min(have, to)
		packed = append(packed, e.Answer[(at-s.First)*api.PackedRecordSize:(end-s.First)*api.PackedRecordSize]...)
		at = end
		r.options.Progress(Progress{Doing: "leaves", Done: at, Of: to})
	}
	if at < to {
		return nil, fmt.Errorf("%s: %w: %s gives leaves up to %d, and the checkpoint has %d", r.source, ErrNoAnswer, api.LedgerSourcesPath, at, to)
	}
	return packed, nil
}

// stated implements [recordSource]. The operator log knows the key that signed the
// checkpoint once it is replayed.
func (l *ledgerRecords) stated() (claim, treeClaim) {
	if l.claim.Key == "" {
		l.claim = l.r.checkpointClaim(l.claim.Checkpoint)
	}
	return l.claim, l.head
}

// node implements [nodes]: it needs all leaves.
func (l *ledgerRecords) node(ctx context.Context, level uint, index uint64) (protocol.Hash, error) {
	if l.tree == nil {
		tree := new(memoryTree)
		err := l.leaves(ctx, 0, l.head.Size, func(_ uint64, entry []byte) error {
			tree.append(leafHash(entry))
			return nil
		})
		if err != nil {
			return protocol.Hash{}, err
		}
		l.tree = tree
	}
	return l.tree.node(ctx, level, index)
}

// leaves implements [recordSource].
func (l *ledgerRecords) leaves(ctx context.Context, from, to uint64, f func(uint64, []byte) error) error {
	if from < l.from {
		before, err := l.r.readLedger(ctx, 0, l.from)
		if err != nil {
			return err
		}
		l.packed, l.from = append(before, l.packed...), 0
	}
	for i := from; i < to; i++ {
		if err := f(i, l.leaf(i).Encode()); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledgerRecords) leaf(i uint64) protocol.LogLeaf {
	return unpackLeaf(l.packed[(i-l.from)*api.PackedRecordSize:])
}

// batches implements [recordSource].
func (l *ledgerRecords) batches(ctx context.Context, from, to uint64, f func(batch) error) error {
	for from < to {
		end := min(from+windowLeaves, to)
		b, err := l.window(ctx, from, end)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		from = end
	}
	return nil
}
