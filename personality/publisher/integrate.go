package publisher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/compact"
	merkleproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/index"
	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/personality/trilliansvc"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// maxTail bounds how many leaves one checkpoint adds, and so the memory that
// integration takes.
const maxTail = 4096

// integrator reads what Trillian has sequenced, checks it, and covers it with
// signed checkpoints. It belongs to the integrating goroutine of [Publisher.Run].
type integrator struct {
	r      *Publisher
	base   store.Checkpoint // the newest checkpoint; zero before the first
	signed time.Time        // when it was signed, by this process's clock
	// The leaves behind the newest checkpoint that were read from Trillian and
	// proved to be a prefix of what it has, and the tree up to the last of them.
	tail []protocol.LogLeaf
	tree *compact.Range
	size uint64 // of Trillian's log when last asked
	// keep is told of each leaf that is read, with its extra data; nil for nobody.
	keep func(protocol.LogLeaf, []byte)
}

// load begins at the newest checkpoint in the store.
func (i *integrator) load(ctx context.Context) error {
	var base store.Checkpoint
	err := i.r.publishing.View(ctx, func(tx *store.Tx) (err error) {
		base, err = tx.LatestCheckpoint()
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return i.begin(base)
}

func (i *integrator) begin(base store.Checkpoint) error {
	roots := make([][]byte, len(base.Roots))
	for n := range base.Roots {
		roots[n] = base.Roots[n][:]
	}
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	tree, err := factory.NewRange(0, base.Signed.Contents.LogLength, roots)
	if err != nil {
		return fmt.Errorf("the newest checkpoint's subtree roots: %w", err)
	}
	i.base, i.tail, i.tree = base, nil, tree
	return nil
}

func (i *integrator) length() uint64 { return i.base.Signed.Contents.LogLength }

// behind tells whether Trillian had more leaves that could be read now.
func (i *integrator) behind() bool { return i.tree.End() < i.size && len(i.tail) < maxTail }

// fetch reads leaves that Trillian has sequenced and this registry has not seen,
// up to a length, and checks that with them the tree is a prefix of Trillian's.
// Errors of Trillian's answers are faults.
func (i *integrator) fetch(ctx context.Context, upTo uint64) ([]protocol.LogLeaf, error) {
	root, err := i.r.Records.Root(ctx)
	if err != nil {
		return nil, err
	}
	i.size = root.Size
	have := i.tree.End()
	if root.Size < have {
		return nil, faultf("Trillian's log has %d leaves, %d were read from it before", root.Size, have)
	}
	count := min(root.Size-have, upTo-have, uint64(maxTail-len(i.tail)))
	var fresh []protocol.LogLeaf
	if count > 0 {
		leaves, err := i.r.Records.Leaves(ctx, have, int(count))
		if err != nil {
			return nil, err
		}
		if len(leaves) == 0 {
			return nil, fmt.Errorf("Trillian has a root of %d leaves and does not give leaf %d", root.Size, have)
		}
		if fresh, err = i.append(have, leaves); err != nil {
			return nil, err
		}
	}
	if err := i.checkAgainst(ctx, root); err != nil {
		return nil, err
	}
	i.tail = append(i.tail, fresh...)
	return fresh, nil
}

func (i *integrator) append(have uint64, leaves []trilliansvc.LeafAt) ([]protocol.LogLeaf, error) {
	fresh := make([]protocol.LogLeaf, len(leaves))
	for n, l := range leaves {
		if l.Index != have+uint64(n) {
			return nil, faultf("Trillian answers with leaf %d where leaf %d was asked for", l.Index, have+uint64(n))
		}
		leaf, err := readLeaf(l.Leaf)
		if err != nil {
			return nil, faultf("leaf %d of Trillian's log: %w", l.Index, err)
		}
		fresh[n] = leaf
		if i.keep != nil {
			i.keep(leaf, l.ExtraData)
		}
		if err := i.tree.Append(rfc6962.DefaultHasher.HashLeaf(l.Value), nil); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// checkAgainst compares the tree of the leaves read so far with a root of
// Trillian's.
func (i *integrator) checkAgainst(ctx context.Context, root trilliansvc.Root) error {
	size := i.tree.End()
	if size == 0 {
		return nil
	}
	ours, err := i.tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	if size == root.Size {
		if !bytes.Equal(ours, root.Hash[:]) {
			return faultf("Trillian's root at %d leaves is %s, its leaves give %s", size, root.Hash, protocol.Hash(ours))
		}
		return nil
	}
	return i.checkConsistency(ctx, size, ours, root.Size, root.Hash[:])
}

// checkConsistency has Trillian prove that one root is of a prefix of another's
// log.
func (i *integrator) checkConsistency(ctx context.Context, from uint64, fromRoot []byte, to uint64, toRoot []byte) error {
	path, err := i.r.Records.ConsistencyProof(ctx, from, to)
	if err != nil {
		return err
	}
	if err := merkleproof.VerifyConsistency(rfc6962.DefaultHasher, from, to, path, fromRoot, toRoot); err != nil {
		return faultf("Trillian does not prove its log of %d leaves to continue that of %d: %w", to, from, err)
	}
	return nil
}

// integrate covers the tail with a signed checkpoint: index, records and
// checkpoint in one transaction, signed only when everything fits. It returns
// the leaves that are published by it. [store.ErrSuperseded] if another process
// was first.
func (i *integrator) integrate(ctx context.Context) ([]protocol.LogLeaf, error) {
	return i.cover(ctx,
		func(c protocol.TimestampedCheckpoint) (protocol.SignedCheckpoint, error) { return i.r.sign(c), nil },
		func(*store.Tx) error { return nil })
}

// cover is integrate with another way to sign, and with something to be done
// first in the transaction.
func (i *integrator) cover(ctx context.Context, sign func(protocol.TimestampedCheckpoint) (protocol.SignedCheckpoint, error), first func(*store.Tx) error) ([]protocol.LogLeaf, error) {
	start := time.Now()
	next, err := i.nextCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	changes := make([]index.Change, len(i.tail))
	for n, leaf := range i.tail {
		changes[n] = index.Change{LogID: leaf.LogID, RecordID: leaf.RecordID}
	}
	contents := &next.Signed.Contents
	mapRoot, tiles, err := i.r.Index.Update(ctx, i.r.publishing, i.base.Snapshot(), changes)
	if err != nil {
		return nil, fmt.Errorf("update the package index: %w", err)
	}
	contents.MapRoot = mapRoot
	if next.Signed, err = sign(*contents); err != nil {
		return nil, err
	}
	err = i.r.publishing.Update(ctx, func(tx *store.Tx) error {
		if err := i.advance(tx, contents.LogLength); err != nil {
			return err
		}
		if err := first(tx); err != nil {
			return err
		}
		if err := tx.InsertTiles(contents.LogLength, tiles); err != nil {
			return err
		}
		if err := tx.InsertCheckpoint(next); err != nil {
			return err
		}
		// Last, since it keeps others from these records' logs.
		return publish(tx, i.length(), i.tail)
	})
	if err != nil {
		return nil, err
	}
	published := i.tail
	i.signed = i.r.Now()
	i.r.Observer.Integrated(len(published), len(tiles), time.Since(start))
	return published, i.begin(next)
}

// nextCheckpoint returns the unsigned checkpoint at the end of the tail, without
// its map root, after Trillian has proved it to continue the one before.
func (i *integrator) nextCheckpoint(ctx context.Context) (store.Checkpoint, error) {
	root, err := i.tree.GetRootHash(nil)
	if err != nil {
		return store.Checkpoint{}, err
	}
	last := i.base.Signed.Contents
	if last.LogLength > 0 {
		if err := i.checkConsistency(ctx, last.LogLength, last.LogRoot[:], i.tree.End(), root); err != nil {
			return store.Checkpoint{}, err
		}
	}
	next := store.Checkpoint{}
	for _, h := range i.tree.Hashes() {
		next.Roots = append(next.Roots, protocol.Hash(h))
	}
	next.Signed.Contents = protocol.TimestampedCheckpoint{
		Checkpoint: protocol.Checkpoint{LogRoot: protocol.Hash(root), LogLength: i.tree.End()},
		Timestamp:  i.r.timestamp(last.Timestamp),
	}
	return next, nil
}

// advance begins a transaction that puts something in the place of the newest
// checkpoint. [store.ErrSuperseded] if that is not the one known here: another
// process has made one since, or signed it again with a time that may be newer
// than this process's.
func (i *integrator) advance(tx *store.Tx, to uint64) error {
	if err := tx.Advance(i.length(), to); err != nil || i.length() == 0 {
		return err
	}
	newest, err := tx.Checkpoint(i.length())
	if err == nil && newest.Signed != i.base.Signed {
		err = store.ErrSuperseded
	}
	return err
}

// stale tells whether the newest checkpoint is to be signed again.
func (i *integrator) stale() bool {
	contents := i.base.Signed.Contents
	return contents.LogLength > 0 && i.r.Now().Sub(time.Unix(int64(contents.Timestamp), 0)) >= i.r.ResignInterval
}

// resign signs the newest checkpoint again with the present time.
func (i *integrator) resign(ctx context.Context) error {
	contents := i.base.Signed.Contents
	contents.Timestamp = i.r.timestamp(contents.Timestamp)
	if contents == i.base.Signed.Contents {
		return nil // it is still the same second
	}
	signed := i.r.sign(contents)
	err := i.r.publishing.Update(ctx, func(tx *store.Tx) error {
		if err := i.advance(tx, i.length()); err != nil {
			return err
		}
		return tx.ResignCheckpoint(signed)
	})
	if err == nil {
		i.base.Signed, i.signed = signed, i.r.Now()
	}
	return err
}

func (r *Publisher) sign(contents protocol.TimestampedCheckpoint) protocol.SignedCheckpoint {
	return contents.Sign(r.OperatorKey)
}

// timestamp is the present time in seconds, or that of the checkpoint before if
// the clock has stepped back behind it.
func (r *Publisher) timestamp(last uint64) uint64 {
	return max(uint64(max(r.Now().Unix(), 0)), last)
}

// publish gives records their places in the records log, the first of them at
// index start, and makes their successors ready. It has their logs alone from
// [store.Tx.Sequenced] on, like [Publisher.accept]: of a record that is accepted
// at the same time either its predecessor is seen published there, or it is seen
// here.
func publish(tx *store.Tx, start uint64, leaves []protocol.LogLeaf) error {
	records, err := tx.Sequenced(leaves)
	if err != nil {
		return err
	}
	ends := map[int64]store.Sequenced{} // the last published here of each log
	placements := make([]store.Placement, len(leaves))
	for n, leaf := range leaves {
		at := start + uint64(n)
		record, ok := records[leaf]
		if !ok {
			return faultf("leaf %d of Trillian's log, record %s of log %s, is not in the registry's database: run rebuild", at, leaf.RecordID, leaf.LogID)
		}
		if err := inOrder(record, ends, start, at); err != nil {
			return err
		}
		placements[n] = store.Placement{Record: record.Record, RegistryIndex: at}
		record.State = store.Published // for a leaf that is there twice
		records[leaf], ends[record.Log] = record, record
	}
	if err := tx.Publish(placements); err != nil {
		return err
	}
	return readySuccessors(tx, ends)
}

// readySuccessors hands what is complete behind the last published record of
// each log to the sequencer.
func readySuccessors(tx *store.Tx, ends map[int64]store.Sequenced) error {
	var places []store.Place
	for _, end := range ends {
		if !end.Last {
			places = append(places, store.Place{Log: end.Log, Position: end.Position + 1})
		}
	}
	complete, err := tx.Complete(places)
	if err != nil {
		return err
	}
	return tx.MarkReady(complete...)
}

// inOrder checks that the leaf at an index is the next record of its log.
func inOrder(record store.Sequenced, ends map[int64]store.Sequenced, start, at uint64) error {
	if record.State != store.Processing {
		return faultf("leaf %d of Trillian's log is a record that is not to be published (state %d)", at, record.State)
	}
	if record.Position == 0 || record.Before != nil && *record.Before < start {
		return nil
	}
	if before, ok := ends[record.Log]; ok && before.Position+1 == record.Position {
		return nil
	}
	return faultf("leaf %d of Trillian's log is a record whose predecessor in its log is not in it", at)
}
