package audit

import (
	"context"
	"fmt"

	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// loggedCheckpoint is an entry of the checkpoints log that was read.
type loggedCheckpoint struct {
	index      uint64
	entry      []byte
	checkpoint protocol.Checkpoint
}

// stop is a checkpoint at which the replay stands, with roots that are right.
type stop struct {
	claim claim
	good  goodStop
}

// maxPassed bounds the entries in a row that are no stop: they are wrong, or late.
const maxPassed = 1 << 20

// findStop finds the next length at which the replay stops: that of the next entry of
// the checkpoints log, or of a signed checkpoint, or the target. Entries that can not be
// a stop are dealt with on the way.
func (r *round) findStop(ctx context.Context) error {
	passed := 0
	for r.nextEntry == nil && r.logged != nil && r.pos.Checkpoints < r.logged.head.Size {
		if err := r.readEntries(ctx); err != nil {
			return err
		}
		e := r.entries[0]
		c, err := parseCheckpointEntry(e.entry)
		if e.checkpoint = c; err == nil && c.LogLength > r.target {
			break
		}
		switch {
		case err != nil:
			err = r.badOrder(ctx, e.index)
		case r.pos.Checkpoints > 0 && c.LogLength <= r.pos.LastLength:
			err = r.badOrder(ctx, e.index-1, e.index)
		case c.LogLength <= r.pos.Records:
			if err = r.lateEntry(ctx, e); err == nil {
				r.pos.LastLength = c.LogLength
			}
		default:
			r.nextEntry, r.entries = &e, r.entries[1:]
			continue
		}
		if err != nil {
			return err
		}
		if err := r.takeEntry(e); err != nil {
			return err
		}
		r.entries = r.entries[1:]
		if passed++; passed > maxPassed {
			return fmt.Errorf("%s: %w: more than %d entries of the checkpoints log follow each other without a new length", r.source, ErrNoAnswer, maxPassed)
		}
	}
	r.nextStop = r.target
	if r.nextEntry != nil {
		r.nextStop = r.nextEntry.checkpoint.LogLength
	}
	for _, s := range r.signed {
		signed, err := claim{Checkpoint: s.Text}.signedCheckpoint()
		if length := signed.Contents.LogLength; err == nil && length > r.pos.Records {
			r.nextStop = min(r.nextStop, length)
		}
	}
	return nil
}

// readEntries reads entries of the checkpoints log ahead, if there are none.
func (r *round) readEntries(ctx context.Context) error {
	if len(r.entries) > 0 {
		return nil
	}
	from := r.pos.Checkpoints
	to := min((from/256+1)*256, r.logged.head.Size)
	return r.logged.leaves(ctx, from, to, func(index uint64, entry []byte) error {
		r.entries = append(r.entries, loggedCheckpoint{index: index, entry: entry})
		return nil
	})
}

// takeEntry takes an entry into the checkpoints log.
func (r *round) takeEntry(e loggedCheckpoint) error {
	hash := leafHash(e.entry)
	r.pos.Checkpoints = e.index + 1
	return r.checkpoints.Append(hash[:], nil)
}

func (r *round) badOrder(ctx context.Context, indexes ...uint64) error {
	if r.enough(CheckpointsOrder) {
		return nil
	}
	f := new(orderFacts)
	for _, i := range indexes {
		l, err := r.loggedClaim(ctx, i)
		if err != nil {
			return err
		}
		f.Entries = append(f.Entries, l)
	}
	if len(indexes) == 2 { // the one before may be no checkpoint
		if _, err := f.judge(); err != nil {
			return nil
		}
	}
	return r.found(ctx, f)
}

// lateEntry compares an entry of a length that the replay has passed.
func (r *round) lateEntry(ctx context.Context, e loggedCheckpoint) error {
	known, ok, err := r.roots(ctx, e.checkpoint.LogLength)
	if err != nil {
		return err
	}
	if !ok {
		at, err := rangeAt(ctx, r.log, e.checkpoint.LogLength)
		if err != nil {
			return err
		}
		known.LogRoot, known.MapRoot = rangeRoot(at), e.checkpoint.MapRoot
		r.unchecked("map root", "the records of checkpoint %d in the checkpoints log had been read before it was there", e.index)
	}
	if known.LogRoot == e.checkpoint.LogRoot && known.MapRoot == e.checkpoint.MapRoot {
		return nil
	}
	l, err := r.loggedClaim(ctx, e.index)
	if err != nil {
		return err
	}
	return r.wrongRoots(ctx, claim{Logged: &l}, known, false)
}

// stopHere compares the roots of the checkpoints of this length, and finds the next stop.
func (r *round) stopHere(ctx context.Context) error {
	scratch := &layeredMap{below: r.state, changed: map[string][]byte{}}
	mapRoot, err := packageMap{scratch}.update(ctx, sortedHeads(r.heads))
	if err != nil {
		return err
	}
	here := protocol.Checkpoint{LogRoot: rangeRoot(r.records), LogLength: r.pos.Records, MapRoot: mapRoot}
	var at *stop
	if e := r.nextEntry; e != nil && e.checkpoint.LogLength == r.pos.Records {
		if at, err = r.compareEntry(ctx, *e, here); err != nil {
			return err
		}
		r.nextEntry = nil
	}
	wrong, err := r.compareSigned(ctx, here)
	if err != nil {
		return err
	}
	scratch.flush(r.state)
	r.pos.MapRoot, r.mapAt = mapRoot, r.pos.Records
	clear(r.heads)
	r.state.put(spaceRoots, numberKey(r.pos.Records), append(here.LogRoot[:], mapRoot[:]...))
	signedStop, err := r.judgeSignedHere(ctx, here, wrong)
	if err != nil {
		return err
	}
	if at == nil {
		at = signedStop
	}
	if at != nil {
		if err := r.reportUndefined(ctx, at); err != nil {
			return err
		}
		r.pos.Good = at.good
		r.packed, r.lost = r.packed[:0], false
		clear(r.previous)
	}
	if r.pos.Records == r.target {
		r.nextStop = r.target + 1 // never
		return r.reportUndefined(ctx, nil)
	}
	return r.findStop(ctx)
}

// compareEntry compares an entry of the checkpoints log with the roots here, and takes
// it. The stop is nil if they differ.
func (r *round) compareEntry(ctx context.Context, e loggedCheckpoint, here protocol.Checkpoint) (*stop, error) {
	r.pos.LastLength = e.checkpoint.LogLength
	if err := r.takeEntry(e); err != nil {
		return nil, err
	}
	if e.checkpoint == here {
		c, err := r.lastLeaf(ctx)
		if err != nil {
			return nil, err
		}
		r.state.put(spaceServed, numberKey(e.index), append(numberKey(here.LogLength), c...))
		if len(r.undefined) == 0 {
			return &stop{good: goodStop{Length: here.LogLength, Entry: &e.index}}, nil
		}
		l, err := r.loggedClaim(ctx, e.index)
		return &stop{claim: claim{Logged: &l}, good: goodStop{Length: here.LogLength, Entry: &e.index}}, err
	}
	if e.checkpoint.LogRoot != here.LogRoot && r.enough(LogForked) || e.checkpoint.LogRoot == here.LogRoot && r.enough(MapRootDiffers) {
		return nil, nil
	}
	l, err := r.loggedClaim(ctx, e.index)
	if err != nil {
		return nil, err
	}
	return nil, r.wrongRoots(ctx, claim{Logged: &l}, here, true)
}

// lastLeaf is the last leaf that was taken, packed.
func (r *round) lastLeaf(ctx context.Context) ([]byte, error) {
	if n := len(r.packed); n >= 64 {
		return append([]byte(nil), r.packed[n-64:]...), nil
	}
	var packed []byte
	err := r.log.leaves(ctx, r.pos.Records-1, r.pos.Records, func(_ uint64, entry []byte) error {
		leaf, err := protocol.ParseLogLeaf(entry)
		if err == nil {
			packed = append(append(packed, leaf.LogID[:]...), leaf.RecordID[:]...)
		}
		return nil
	})
	return packed, err
}

// updateMap takes the new heads into the map between stops.
func (r *round) updateMap(ctx context.Context) error {
	if len(r.heads) == 0 {
		return nil
	}
	root, err := packageMap{r.state}.update(ctx, sortedHeads(r.heads))
	if err != nil {
		return err
	}
	r.pos.MapRoot, r.mapAt = root, r.pos.Records
	clear(r.heads)
	return nil
}

// mapProof is a bundle with the proofs of some logs in the map.
func (r *round) mapProof(ctx context.Context, logIDs ...protocol.Hash) ([]byte, error) {
	return packageMap{r.state}.bundle(ctx, logIDs...)
}

// layeredMap is a map with changes that may be dropped.
type layeredMap struct {
	below   *overlay
	changed map[string][]byte
}

func (m *layeredMap) get(ctx context.Context, space string, key []byte) ([]byte, error) {
	if value, ok := m.changed[string(key)]; ok {
		return value, nil
	}
	return m.below.get(ctx, space, key)
}

func (m *layeredMap) put(_ string, key, value []byte) { m.changed[string(key)] = value }

func (m *layeredMap) flush(to *overlay) {
	for key, value := range m.changed {
		to.put(spaceMap, []byte(key), value)
	}
}
