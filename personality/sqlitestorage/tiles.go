package sqlitestorage

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/google/trillian/storage/tree"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

const (
	// tileHeight is how many levels of the tree a tile spans, its top excluded. A
	// proof reads a tile for each tileHeight levels and recomputes up to
	// tileWidth-1 hashes in each: at 5, about as much time goes into the one as
	// into the other, and a full tile (1 KiB) needs no overflow page.
	tileHeight = 5
	tileWidth  = 1 << tileHeight
	hashSize   = sha256.Size
)

// tileID names a tile: level counts in steps of tileHeight.
type tileID struct{ level, index uint64 }

// locate returns the tile that a node is computed from, and which of its hashes:
// count of them from first on, the node being the root of the subtree over them.
func locate(id compact.NodeID) (tile tileID, first, count int) {
	height := id.Level % tileHeight
	start := id.Index << height
	return tileID{uint64(id.Level / tileHeight), start / tileWidth}, int(start % tileWidth), 1 << height
}

// tileReader reads tiles of one tree, each once.
type tileReader struct {
	treeID int64
	stmt   *sql.Stmt
	seen   map[tileID][]byte
}

// read returns the hashes of a tile, one after another; none if it is not stored.
func (r *tileReader) read(id tileID) ([]byte, error) {
	if hashes, ok := r.seen[id]; ok {
		return hashes, nil
	}
	var hashes []byte
	err := r.stmt.QueryRow(r.treeID, id.level, id.index).Scan(&hashes)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if len(hashes)%hashSize != 0 || len(hashes) > tileWidth*hashSize {
		return nil, fmt.Errorf("tile %d/%d of tree %d has %d bytes", id.level, id.index, r.treeID, len(hashes))
	}
	r.seen[id] = hashes
	return hashes, nil
}

// node returns the hash of a node of a complete subtree.
func (r *tileReader) node(id compact.NodeID) (tree.Node, error) {
	at, first, count := locate(id)
	hashes, err := r.read(at)
	if err != nil {
		return tree.Node{}, err
	}
	if (first+count)*hashSize > len(hashes) {
		return tree.Node{}, fmt.Errorf("node %d of level %d of tree %d is not stored", id.Index, id.Level, r.treeID)
	}
	return tree.Node{ID: id, Hash: subtreeRoot(hashes[first*hashSize : (first+count)*hashSize])}, nil
}

// subtreeRoot is the RFC 6962 root of a perfect tree over hashes. It does what
// rfc6962.Hasher.HashChildren does, without three allocations per node: a proof
// in a large log computes some hundreds.
func subtreeRoot(hashes []byte) []byte {
	row := slices.Clone(hashes)
	var pair [1 + 2*hashSize]byte
	pair[0] = rfc6962.RFC6962NodeHashPrefix
	for len(row) > hashSize {
		for i := 0; i < len(row); i += 2 * hashSize {
			copy(pair[1:], row[i:])
			sum := sha256.Sum256(pair[:])
			copy(row[i/2:], sum[:])
		}
		row = row[:len(row)/2]
	}
	return row
}

// tileUpdate collects the hashes that go into one tile.
type tileUpdate struct {
	id    tileID
	nodes []tree.Node // in ascending order of index
}

// updates sorts nodes into tiles and leaves out those that are computed from
// others.
func updates(nodes []tree.Node) []tileUpdate {
	stored := slices.DeleteFunc(slices.Clone(nodes), func(n tree.Node) bool { return n.ID.Level%tileHeight != 0 })
	slices.SortFunc(stored, func(a, b tree.Node) int {
		return cmp.Or(cmp.Compare(a.ID.Level, b.ID.Level), cmp.Compare(a.ID.Index, b.ID.Index))
	})
	var ups []tileUpdate
	for _, n := range stored {
		id, _, _ := locate(n.ID)
		if len(ups) == 0 || ups[len(ups)-1].id != id {
			ups = append(ups, tileUpdate{id: id})
		}
		ups[len(ups)-1].nodes = append(ups[len(ups)-1].nodes, n)
	}
	return ups
}

// apply returns the tile's hashes with the update's appended. The log only
// grows: a hash that is there may be given again, but not another one, and no
// place may be left out.
func (u *tileUpdate) apply(hashes []byte) ([]byte, error) {
	hashes = slices.Clone(hashes)
	for _, n := range u.nodes {
		_, first, _ := locate(n.ID)
		at := first * hashSize
		switch {
		case len(n.Hash) != hashSize:
			return nil, fmt.Errorf("node %v has a hash of %d bytes, want %d", n.ID, len(n.Hash), hashSize)
		case at == len(hashes):
			hashes = append(hashes, n.Hash...)
		case at > len(hashes):
			return nil, fmt.Errorf("node %v would leave a gap in the tree", n.ID)
		case !bytes.Equal(hashes[at:at+hashSize], n.Hash):
			return nil, fmt.Errorf("node %v is stored with another hash", n.ID)
		}
	}
	return hashes, nil
}
