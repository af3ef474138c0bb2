// Package index is the package index: warg's verifiable map from each log to
// its latest record, as a sparse Merkle tree of depth 256 whose revisions all
// stay provable.
//
// The path of a log in the tree is protocol.MapKey of its id, the leaf there
// protocol.MapLeafHash of its latest record; inner nodes are SHA-256(0x01 ||
// left || right), and empty subtrees have the roots of [proof.EmptyMapHash]. The
// reference is the Rust crate warg-transparency 0.10.0 (its module map).
//
// # Tiles
//
// The tree is kept as tiles, in a store of another package. A tile covers the
// subtree below a node at a depth that is a multiple of 4. If that subtree has at
// most 8 keys, the tile lists them: it is a bucket, and nothing is stored below
// it. Otherwise the tile holds the hashes of the (up to 16) nodes 4 levels
// further down, each the root of a tile of its own. So the depth of the tiles
// follows the number of keys by itself, from one tile for a handful of packages
// to six on each path for ten million, and keys that share a long prefix cost
// tiles only where they do. Keys never leave the map, and what a tile holds
// depends only on the keys and leaves below it.
//
// Tiles are stored by revision: the log length of the checkpoint that they were
// made for. A change writes a new version of the tiles on its path and leaves
// the old ones alone; a revision reads, of each tile, the newest version that is
// not newer than itself.
//
// Each tile is named by its position and its root hash, which the tile above (or
// the checkpoint) gives: what is read is checked against it, and may be cached
// without regard to revisions.
//
// Trillian's merkle/smt computes the inner tiles; in a bucket, where nearly all
// of the 230 or so levels have one key only, each key's chain of hashes against
// empty siblings is computed directly, which is much cheaper.
package index
