package integration

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/api"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// auditor remembers what earlier audits of a cluster have found.
type auditor struct {
	records     []*signedRecord    // acknowledged so far
	checkpoints []store.Checkpoint // that are audited
}

// audit checks, after a load, that each record ever acknowledged is in the log,
// once; that those of this load are published, as both personalities say; that
// the roots of all checkpoints signed since the last audit are those of the
// leaves; that those seen are among them; and that they prove to be consistent.
func (a *auditor) audit(t *testing.T, c *cluster, l *load) {
	t.Helper()
	a.records = append(a.records, l.records...)
	fresh := a.signedSince(t, c)
	if len(fresh) == 0 {
		t.Fatal("no checkpoints were signed")
	}
	final := fresh[len(fresh)-1].Signed.Contents.Checkpoint
	leaves := c.members[0].leaves(t, final.LogLength)
	index := auditLeaves(t, a.records, leaves)
	auditStates(t, c, l.records, index)
	var last uint64
	for _, f := range fresh {
		if err := f.Signed.Verify(c.key.Public()); err != nil {
			t.Errorf("checkpoint %+v: %v", f.Signed, err)
		}
		if f.Signed.Contents.Timestamp < last {
			t.Errorf("checkpoint %+v: the one before is of %d", f.Signed, last)
		}
		last = f.Signed.Contents.Timestamp
	}
	auditRoots(t, fresh, leaves)
	a.checkpoints = append(a.checkpoints, fresh...)
	a.auditSeen(t, l)
	for i := 0; i < len(fresh); i += len(fresh)/rootsChecked + 1 {
		for _, m := range c.members {
			m.proveConsistent(t, fresh[i].Signed.Contents.Checkpoint, final)
		}
	}
}

// signedSince reads from the database what is signed and not audited yet.
func (a *auditor) signedSince(t *testing.T, c *cluster) (fresh []store.Checkpoint) {
	t.Helper()
	db, err := store.OpenMySQL(t.Context(), c.registryDSN, store.MySQLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var length uint64
	if len(a.checkpoints) > 0 {
		length = a.checkpoints[len(a.checkpoints)-1].Signed.Contents.LogLength
	}
	err = db.View(t.Context(), func(tx *store.Tx) error {
		fresh, err = tx.CheckpointsAfter(length, 1_000_000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

// auditStates checks that the personalities say of each record, half of them
// each, that it is published where it stands in the log.
func auditStates(t *testing.T, c *cluster, records []*signedRecord, index map[protocol.LogLeaf]uint64) {
	t.Helper()
	var work sync.WaitGroup
	for n, m := range c.members {
		work.Go(func() {
			for i := n; i < len(records); i += len(c.members) {
				r := records[i]
				state := m.recordState(t, r.pkg.String(), r.id.String())
				if at := index[r.leaf()]; state.State != string(api.StatePublished) || state.RegistryIndex == nil || *state.RegistryIndex != at {
					t.Errorf("record %s of %s is said to be %+v, it is in the log at %d", r.id, r.pkg, state, at)
				}
			}
		})
	}
	work.Wait()
}

// auditRoots computes the roots of checkpoints anew.
func auditRoots(t *testing.T, checkpoints []store.Checkpoint, leaves []protocol.LogLeaf) {
	t.Helper()
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, c := range checkpoints {
		signed := c.Signed.Contents.Checkpoint
		prefix := leaves[:signed.LogLength]
		for _, leaf := range prefix[tree.End():] {
			hash := leaf.Hash()
			if err := tree.Append(hash[:], nil); err != nil {
				t.Fatal(err)
			}
		}
		root, err := tree.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		if log, heads := protocol.Hash(root), mapRoot(prefix); log != signed.LogRoot || heads != signed.MapRoot {
			t.Errorf("the checkpoint of length %d has roots %s and %s, its leaves give %s and %s",
				signed.LogLength, signed.LogRoot, signed.MapRoot, log, heads)
		}
	}
}

// auditSeen checks that what was seen is what is stored.
func (a *auditor) auditSeen(t *testing.T, l *load) {
	t.Helper()
	for _, seen := range l.seen() {
		i, found := slices.BinarySearchFunc(a.checkpoints, seen.LogLength, func(c store.Checkpoint, length uint64) int {
			return int(c.Signed.Contents.LogLength) - int(length)
		})
		if !found || a.checkpoints[i].Signed.Contents.Checkpoint != seen {
			t.Errorf("checkpoint %+v was seen and is not stored", seen)
		}
	}
}

// waitIntegrated waits until the newest checkpoint covers all records that were
// ever acknowledged.
func (c *cluster) waitIntegrated(t *testing.T, records int, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		length := c.members[0].logLength(t)
		if length >= uint64(records)+c.operatorRecords {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d records are published %v after the load", length-c.operatorRecords, records, within)
		}
	}
}
