package audit

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"

	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// logName is how findings name a log.
func (t treeClaim) logName() string { return string(t.Log) }

// forkFacts: two tree heads of one log contradict each other.
type forkFacts struct {
	Shorter claim `json:"shorter"`
	Longer  claim `json:"longer"`
	// Root is the root that the longer log has at the size of the shorter, and Path
	// proves that. Neither if both have one size.
	Root *protocol.Hash  `json:"root,omitempty"`
	Path []protocol.Hash `json:"path,omitempty"`
}

func (f *forkFacts) judge() (Finding, error) {
	shorter, err := f.Shorter.read()
	if err != nil {
		return Finding{}, err
	}
	longer, err := f.Longer.read()
	if err != nil {
		return Finding{}, err
	}
	if shorter.Log != longer.Log || shorter.Size > longer.Size {
		return Finding{}, notContradicting("the heads are of two logs, or in the wrong order")
	}
	root := longer.Root
	if shorter.Size < longer.Size {
		if f.Root == nil {
			return Finding{}, notContradicting("no root of the longer log is given")
		}
		root = *f.Root
		if err := verifyConsistency(shorter.Size, longer.Size, f.Path, root, longer.Root); err != nil {
			return Finding{}, err
		}
	}
	claimed, computed := shorter.Root, root
	if claimed == computed && shorter.Size == longer.Size && shorter.MapRoot != nil && longer.MapRoot != nil {
		claimed, computed = *shorter.MapRoot, *longer.MapRoot
	}
	if claimed == computed {
		return Finding{}, notContradicting("one log begins with the other")
	}
	r, err := related(shorter, longer)
	if err != nil {
		return Finding{}, err
	}
	return Finding{
		Name: LogForked, Log: shorter.logName(), Index: &shorter.Size, Claimed: claimed.String(), Computed: computed.String(),
		Explanation: fmt.Sprintf("a tree head of %d leaves has another root than the log of %d leaves had at that length", shorter.Size, longer.Size),
		Signed:      r.signed, Rests: r.rests, Keys: r.keys,
	}, nil
}

// rewindFacts: a shorter log was served after a longer one.
type rewindFacts struct {
	Before claim `json:"before"`
	After  claim `json:"after"`
}

func (f *rewindFacts) judge() (Finding, error) {
	before, err := f.Before.read()
	if err != nil {
		return Finding{}, err
	}
	after, err := f.After.read()
	if err != nil {
		return Finding{}, err
	}
	if before.Log != after.Log || after.Size >= before.Size {
		return Finding{}, notContradicting("the log did not become shorter")
	}
	r, err := related(before, after)
	if err != nil {
		return Finding{}, err
	}
	if before.Time == 0 || after.Time < before.Time { // only the times of checkpoints say which was made first
		r.unsigned("which of the tree heads was served first")
	}
	return Finding{
		Name: LogRewound, Log: before.logName(), Index: &after.Size,
		Claimed: fmt.Sprintf("%d leaves", after.Size), Computed: fmt.Sprintf("%d leaves", before.Size),
		Explanation: fmt.Sprintf("a tree head of %d leaves was served after one of %d", after.Size, before.Size),
		Signed:      r.signed, Rests: r.rests, Keys: r.keys,
	}, nil
}

// ledgerFacts: the leaves that the API gives do not give the log root of its checkpoint.
type ledgerFacts struct {
	Head   claim  `json:"head"`
	Leaves []byte `json:"leaves"` // packed, as v1/ledger answers them, from the first on
}

func (f *ledgerFacts) bulk() int { return len(f.Leaves) }

func (f *ledgerFacts) judge() (Finding, error) {
	head, err := f.Head.read()
	if err != nil {
		return Finding{}, err
	}
	if head.Log != tlog.Records || uint64(len(f.Leaves)) != head.Size*api.PackedRecordSize {
		return Finding{}, notContradicting("these are not all leaves of the checkpoint")
	}
	r := ranges.NewEmptyRange(0)
	if err := appendPacked(r, f.Leaves); err != nil {
		return Finding{}, err
	}
	root := rangeRoot(r)
	if root == head.Root {
		return Finding{}, notContradicting("the leaves give the log root")
	}
	return Finding{
		Name: LogRootDiffers, Log: head.logName(), Index: &head.Size, Claimed: head.Root.String(), Computed: root.String(),
		Explanation: fmt.Sprintf("the %d leaves that the API gives have another root than its checkpoint", head.Size),
		Keys:        head.Keys,
	}, nil
}

// unpackLeaf is the inverse of [api.AppendPackedRecord].
func unpackLeaf(b []byte) (leaf protocol.LogLeaf) {
	copy(leaf.LogID[:], b)
	copy(leaf.RecordID[:], b[protocol.HashSize:])
	return leaf
}

func appendPacked(r *compact.Range, packed []byte) error {
	if len(packed)%api.PackedRecordSize != 0 {
		return errors.New("packed leaves are cut off")
	}
	for len(packed) > 0 {
		hash := unpackLeaf(packed).Hash()
		if err := r.Append(hash[:], nil); err != nil {
			return err
		}
		packed = packed[api.PackedRecordSize:]
	}
	return nil
}

// mapFacts: a checkpoint has another map root than follows from the map root of the
// checkpoint before it and the leaves between them.
type mapFacts struct {
	Before  *claim          `json:"before,omitempty"` // nil: the empty log
	After   claim           `json:"after"`
	Range   []protocol.Hash `json:"range,omitempty"` // balanced roots of the log before
	Leaves  []byte          `json:"leaves"`          // packed: those between
	Changes []mapChange     `json:"changes"`         // one for each log with such a leaf
}

// mapChange proves what the map had for a log before.
type mapChange struct {
	LogID protocol.Hash  `json:"logId"`
	Head  *protocol.Hash `json:"head,omitempty"` // nil: the log had no record
	Proof []byte         `json:"proof"`          // one proof of warg.transparency.MapProofBundle
}

func (f *mapFacts) bulk() int { return len(f.Leaves) + len(f.Changes)*512 }

func (f *mapFacts) judge() (Finding, error) {
	after, err := f.After.read()
	if err != nil {
		return Finding{}, err
	}
	before := emptyHead()
	if f.Before != nil {
		if before, err = f.Before.read(); err != nil {
			return Finding{}, err
		}
	}
	if after.MapRoot == nil || before.MapRoot == nil || before.Size > after.Size {
		return Finding{}, notContradicting("the heads are not those of two checkpoints in order")
	}
	if err := f.checkLeaves(before, after); err != nil {
		return Finding{}, err
	}
	root, err := f.mapRoot(*before.MapRoot)
	if err != nil {
		return Finding{}, err
	}
	if root == *after.MapRoot {
		return Finding{}, notContradicting("the map root is that of the leaves")
	}
	r, err := related(before, after)
	if err != nil {
		return Finding{}, err
	}
	return Finding{
		Name: MapRootDiffers, Log: after.logName(), Index: &after.Size, Claimed: after.MapRoot.String(), Computed: root.String(),
		Explanation: fmt.Sprintf("the map root of the checkpoint of %d leaves is not that of its records: its map has an older head of a package, or one that is not in the log", after.Size),
		Signed:      r.signed, Rests: r.rests, Keys: r.keys,
	}, nil
}

func emptyHead() treeClaim {
	root := emptyMapRoot()
	return treeClaim{Log: tlog.Records, Root: protocol.HashOf(), MapRoot: &root, Signed: true, empty: true}
}

// checkLeaves demands that the leaves are those between the two heads.
func (f *mapFacts) checkLeaves(before, after treeClaim) error {
	if uint64(len(f.Leaves)) != (after.Size-before.Size)*64 {
		return errors.New("these are not all leaves between the checkpoints")
	}
	r, err := newRange(before.Size, f.Range)
	if err != nil {
		return err
	}
	if rangeRoot(r) != before.Root {
		return errors.New("the balanced roots are not those of the checkpoint before")
	}
	if err := appendPacked(r, f.Leaves); err != nil {
		return err
	}
	if rangeRoot(r) != after.Root {
		return errors.New("the leaves do not give the log root of the checkpoint")
	}
	return nil
}

// mapRoot computes the root after the leaves, from what is proved about the one before.
func (f *mapFacts) mapRoot(before protocol.Hash) (root protocol.Hash, err error) {
	m := newPartialMap()
	for _, c := range f.Changes {
		if err := c.addTo(m); err != nil {
			return root, err
		}
	}
	if m.root() != before {
		return root, errors.New("the map proofs do not give the map root of the checkpoint before")
	}
	for packed := f.Leaves; len(packed) > 0; packed = packed[api.PackedRecordSize:] {
		leaf := unpackLeaf(packed)
		key := protocol.MapKey(leaf.LogID)
		if _, ok := m.leaves[key]; !ok {
			return root, fmt.Errorf("there is no map proof of log %s", leaf.LogID)
		}
		m.leaves[key] = protocol.MapLeafHash(leaf.RecordID)
	}
	return m.root(), nil
}

// orderFacts: the checkpoints log has an entry that it must not have where it is.
type orderFacts struct {
	Entries []logged `json:"entries"` // one that is no checkpoint, or two that follow each other
}

func (f *orderFacts) judge() (Finding, error) {
	if len(f.Entries) == 1 {
		head, err := f.Entries[0].inLog()
		if err != nil {
			return Finding{}, err
		}
		if _, err := parseCheckpointEntry(f.Entries[0].Entry); err == nil {
			return Finding{}, notContradicting("the entry is a checkpoint")
		}
		return Finding{
			Name: CheckpointsOrder, Log: head.logName(), Index: &f.Entries[0].Index, Claimed: fmt.Sprintf("%.100q", f.Entries[0].Entry),
			Computed: "the encoding of a checkpoint", Explanation: "an entry of the checkpoints log is no checkpoint", Signed: head.Signed, Rests: unsignedHead, Keys: head.Keys,
		}, nil
	}
	if len(f.Entries) != 2 || f.Entries[1].Index != f.Entries[0].Index+1 {
		return Finding{}, notContradicting("these are not two entries that follow each other")
	}
	first, head1, err := f.Entries[0].read()
	if err != nil {
		return Finding{}, err
	}
	second, head2, err := f.Entries[1].read()
	if err != nil {
		return Finding{}, err
	}
	if second.LogLength > first.LogLength {
		return Finding{}, notContradicting("the lengths grow")
	}
	r, err := related(head1, head2)
	if err != nil {
		return Finding{}, err
	}
	return Finding{
		Name: CheckpointsOrder, Log: string(tlog.Checkpoints), Index: &f.Entries[1].Index,
		Claimed: fmt.Sprintf("length %d", second.LogLength), Computed: fmt.Sprintf("a length above %d", first.LogLength),
		Explanation: fmt.Sprintf("a checkpoint of length %d follows one of length %d in the checkpoints log", second.LogLength, first.LogLength),
		Signed:      r.signed, Rests: r.rests, Keys: r.keys,
	}, nil
}
