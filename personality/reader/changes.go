package reader

import (
	"context"
	"sync"
	"time"

	"github.com/warg-trillian/warg-trillian/personality/store"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
)

// changes knows, for some stretch of the records log that ends at the newest
// checkpoint that was asked for, which package logs have records there. So what is
// known of a log at one checkpoint holds at later ones until the log changes.
type changes struct {
	mu       sync.RWMutex
	from, to uint64                   // guarded by mu; the stretch
	newest   map[protocol.Hash]uint64 // guarded by mu; by log id the index of its newest leaf there

	following sync.Mutex // whoever reads on has it
}

const (
	// maxChanges bounds the logs whose changes are known, at about 100 bytes each.
	maxChanges = 1 << 15
	// maxFollowed is how many leaves are read on at once. Behind more the stretch begins
	// anew.
	maxFollowed = 4096
	// followTime bounds how long requests wait for what only saves reading: with what
	// they read then it is less than they may take.
	followTime = 150 * time.Millisecond
)

// none reports whether a log is known to have no leaf from one index on below
// another.
func (c *changes) none(logID protocol.Hash, from, to uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if from < c.from || to > c.to {
		return false
	}
	newest, changed := c.newest[logID]
	return !changed || newest < from
}

func (c *changes) reach(length uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return length <= c.to
}

// begin begins the stretch anew at a length.
func (c *changes) begin(length uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.to, c.newest = length, length, map[protocol.Hash]uint64{}
}

// add takes all leaves from the end of the stretch up to a length.
func (c *changes) add(leaves []store.Leaf, length uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.newest) > maxChanges {
		c.from, c.newest = c.to, map[protocol.Hash]uint64{}
	}
	for _, leaf := range leaves {
		c.newest[leaf.LogID] = leaf.RegistryIndex
	}
	c.to = length
}

// followTo lets the changes reach the length of a checkpoint. That it fails only means
// that more is read; while the database does not answer it is not tried.
func (r *Reader) followTo(ctx context.Context, length uint64) {
	c := &r.kept.changes
	if r.kept.cache == nil || c.reach(length) || r.database.failures.Load() > 0 {
		return
	}
	first := c.following.TryLock()
	if !first {
		c.following.Lock()
	}
	defer c.following.Unlock()
	if !first || c.reach(length) { // whoever was first has done it, or has failed just now
		return
	}
	to := c.to // only this goroutine changes it
	if to == 0 || length-to > maxFollowed {
		c.begin(length)
		return
	}
	leaves, err := readBy(ctx, &r.database, r.database.store.ViewOne, followTime, func(tx *store.Tx) ([]store.Leaf, error) {
		return tx.Leaves(to, int(length-to))
	})
	if err == nil && uint64(len(leaves)) == length-to {
		c.add(leaves, length)
	}
}
