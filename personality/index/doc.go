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
// A version of a tile that is older than the newest one at or below the oldest
// revision in use is read by nobody and may be deleted.
//
// # Why this layout
//
// Each revision writes every tile on the path of each changed key: rows cost
// time in the database, and bytes are kept. Of heights 3, 4 and 5 a path through
// full tiles down to depth 16 takes 5.3, 4 and 3.2 rows of 256, 512 and 1,024
// bytes: 4 is the least that keeps a record published by itself below 3 kB in few
// rows. What a bucket may hold was tried out (records published one by one;
// rows and bytes per record, ids included):
//
//	keys in a bucket     10,000 keys     30,000 keys    100,000 keys
//	up to 2              4.7   1.7 kB    5.1   1.9 kB    5.5   2.2 kB
//	up to 4              4.2   1.8 kB    4.9   1.9 kB    5.1   2.2 kB
//	up to 8              4.0   1.8 kB    4.4   2.1 kB    5.0   2.2 kB
//	up to 16             4.0   1.8 kB    4.0   2.3 kB    5.0   2.2 kB
//
// With 8, measured on two cores of an EPYC with SHA extensions (go test -bench .),
// the time being that of hashing, encoding and caching, without a database:
//
//	keys in the map          batch    time/key    rows/key    bytes/key    reads/key
//	10,000                       1       56 us         4.0        1,840          1.0
//	10,000                     200       52 us         1.7          690          0.8
//	10,000                   1,000       48 us         1.1          400          0.7
//	100,000                      1       62 us         5.0        2,210          2.1
//	100,000                    200       63 us         2.7        1,050          2.0
//	100,000                  1,000       60 us         2.1          740          2.1
//	as dense as 10,000,000       1       70 us         6.8        3,100          2.0
//
// Of this some 35 us are the one chain of about 240 hashes that a changed leaf
// costs in any layout. A proof takes some 17 us and 0.3 (10,000 keys) to 1.7
// (100,000) reads that miss the cache.
//
// Trillian's merkle/smt computes the inner tiles; in a bucket, where nearly all
// of the 230 or so levels have one key only, each key's chain of hashes against
// empty siblings is computed directly, which is much cheaper.
package index
