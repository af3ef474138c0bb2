package audit

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/compact"

	"github.com/warg-trillian/warg-trillian/warg/proof"
	"github.com/warg-trillian/warg-trillian/warg/protocol"
	"github.com/warg-trillian/warg-trillian/warg/tlog"
)

// tiledLog is a log as its static files have it, at the size of a note. Nothing of it is
// used that was not verified against the root of the note: first the tiles on the right
// edge, which give the root, then each tile against the one above it. It is for one
// goroutine at a time.
type tiledLog struct {
	source Source
	claim  claim // the note
	head   treeClaim
	edge   map[int][]protocol.Hash // by level: the partial tile at the right
	full   map[tilePlace][]protocol.Hash
}

type tilePlace struct {
	level int
	index uint64
}

// maxTilesKept bounds the full tiles in memory, of 8 KiB each.
const maxTilesKept = 256

// openTiledLog reads the right edge of the log below a note. A *lie if it does not give
// the root.
func openTiledLog(ctx context.Context, s Source, c claim) (*tiledLog, error) {
	head, err := c.read()
	if err != nil {
		return nil, err
	}
	t := &tiledLog{source: s, claim: c, head: head, edge: map[int][]protocol.Hash{}, full: map[tilePlace][]protocol.Hash{}}
	facts := &edgeFacts{Head: c}
	for _, f := range edgeFiles(head.Size) {
		e, err := t.fetch(ctx, f, maxTile)
		if err != nil {
			return nil, err
		}
		facts.Tiles = append(facts.Tiles, e)
	}
	root, edge, err := edgeRoot(head, facts.Tiles)
	if err != nil || root != head.Root {
		return nil, t.wrongEdge(ctx, facts)
	}
	t.edge = edge
	return t, nil
}

// wrongEdge makes the lie that the tiles on the edge do not give the root: if what is
// below them does, it is the one that differs from that.
func (t *tiledLog) wrongEdge(ctx context.Context, f *edgeFacts) error {
	for _, file := range edgeFiles(t.head.Size) {
		var err error
		if t.edge[file.Level], err = t.below(ctx, file); err != nil {
			return err
		}
	}
	if rightmost(t.head.Size, t.edge) != t.head.Root {
		return &lie{f}
	}
	for i, file := range edgeFiles(t.head.Size) {
		right := t.edge[file.Level]
		served, err := tileHashes(t.head.Log, file, f.Tiles[i])
		for j := range right {
			if err != nil || served[j] != right[j] {
				return t.differs(ctx, f.Tiles[i], uint(8*file.Level), file.Index*tlog.TileWidth+uint64(j), right[j])
			}
		}
	}
	return &lie{f}
}

// below computes the hashes of a tile from the entries or tiles below it. Nothing is
// verified.
func (t *tiledLog) below(ctx context.Context, f tlog.File) (hashes []protocol.Hash, err error) {
	if f.Level == 0 {
		bundle := t.file(tlog.Entries, f.Index)
		e, err := t.fetch(ctx, bundle, maxEntries)
		if err != nil {
			return nil, err
		}
		entries, _ := bundleEntries(t.head.Log, bundle, e)
		hashes = make([]protocol.Hash, f.Width) // zeros, if there is no bundle
		for i := range entries {
			hashes[i] = leafHash(entries[i])
		}
		return hashes, nil
	}
	for i := range uint64(f.Width) {
		child := tlog.File{Kind: tlog.Tile, Level: f.Level - 1, Index: f.Index*tlog.TileWidth + i, Width: tlog.TileWidth}
		e, err := t.fetch(ctx, child, maxTile)
		if err != nil {
			return nil, err
		}
		hash := protocol.Hash{}
		if full, err := tileHashes(t.head.Log, child, e); err == nil {
			hash = fold(full)
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// edgeFiles are the partial tiles of a log of some size, the lowest first.
func edgeFiles(size uint64) (files []tlog.File) {
	for level := 0; size>>(8*level) > 0; level++ {
		hashes := size >> (8 * level)
		if width := int(hashes % tlog.TileWidth); width > 0 {
			files = append(files, tlog.File{Kind: tlog.Tile, Level: level, Index: hashes / tlog.TileWidth, Width: width})
		}
		if level == 7 {
			break
		}
	}
	return files
}

// edgeRoot computes the root that the partial tiles of a log give, and returns them by
// level.
func edgeRoot(head treeClaim, tiles []exchange) (root protocol.Hash, edge map[int][]protocol.Hash, err error) {
	files := edgeFiles(head.Size)
	if len(tiles) != len(files) {
		return root, nil, fmt.Errorf("a log of %d leaves has %d partial tiles, not %d", head.Size, len(files), len(tiles))
	}
	edge = map[int][]protocol.Hash{}
	for i, f := range files {
		if edge[f.Level], err = tileHashes(head.Log, f, tiles[i]); err != nil {
			return root, nil, err
		}
	}
	return rightmost(head.Size, edge), edge, nil
}

// rightmost is the root of a log of some size with these partial tiles.
func rightmost(size uint64, edge map[int][]protocol.Hash) protocol.Hash {
	files := edgeFiles(size)
	var roots []protocol.Hash
	for i := len(files) - 1; i >= 0; i-- { // the highest tiles have the left of the log
		r := ranges.NewEmptyRange(0)
		for _, hash := range edge[files[i].Level] {
			_ = r.Append(hash[:], nil) // fails only without a hash function
		}
		roots = append(roots, rangeHashes(r)...)
	}
	return proof.RootOf(roots)
}

// tileHashes are the hashes of a tile, from the answer for it or for the full tile.
func tileHashes(log tlog.Log, f tlog.File, e exchange) ([]protocol.Hash, error) {
	width, err := answeredWidth(log, f, e)
	if err != nil {
		return nil, err
	}
	if len(e.Answer) != width*protocol.HashSize {
		return nil, fmt.Errorf("%s has %d bytes, not %d", e.Path, len(e.Answer), width*protocol.HashSize)
	}
	hashes := make([]protocol.Hash, f.Width)
	for i := range hashes {
		copy(hashes[i][:], e.Answer[i*protocol.HashSize:])
	}
	return hashes, nil
}

// answeredWidth demands that an answer is for a file, or for the full one in its place,
// and returns the width of that.
func answeredWidth(log tlog.Log, f tlog.File, e exchange) (int, error) {
	full := f
	full.Width = tlog.TileWidth
	switch {
	case !e.has():
		return 0, fmt.Errorf("%s was answered with the status %d", e.Path, e.Status)
	case e.Path == log.Path()+"/"+f.Path():
		return f.Width, nil
	case e.Path == log.Path()+"/"+full.Path():
		return full.Width, nil
	}
	return 0, fmt.Errorf("%s is not the file %s", e.Path, f.Path())
}

// fetch reads a file that must exist at the size of the note, or the full one in place
// of a partial one. A *lie if neither is there.
func (t *tiledLog) fetch(ctx context.Context, f tlog.File, limit int64) (exchange, error) {
	return fetchFile(ctx, t.source, t.claim, t.head.Log, f, limit)
}

func fetchFile(ctx context.Context, s Source, head claim, log tlog.Log, f tlog.File, limit int64) (exchange, error) {
	first, err := getFile(ctx, s, log.Path()+"/"+f.Path(), limit)
	if err != nil || first.has() {
		return first, err
	}
	facts := &withheldFacts{Head: head, Exchanges: []exchange{first}}
	if f.Width < tlog.TileWidth {
		f.Width = tlog.TileWidth
		full, err := getFile(ctx, s, log.Path()+"/"+f.Path(), limit)
		if err != nil || full.has() {
			return full, err
		}
		facts.Exchanges = append(facts.Exchanges, full)
	}
	return first, &lie{facts}
}

// tile returns the verified hashes of a tile.
func (t *tiledLog) tile(ctx context.Context, level int, index uint64) ([]protocol.Hash, error) {
	width := tlog.Width(level, index, t.head.Size)
	switch {
	case width == 0:
		return nil, fmt.Errorf("a log of %d leaves has no tile %d at level %d", t.head.Size, index, level)
	case width < tlog.TileWidth:
		return t.edge[level], nil
	}
	if hashes, ok := t.full[tilePlace{level, index}]; ok {
		return hashes, nil
	}
	f := tlog.File{Kind: tlog.Tile, Level: level, Index: index, Width: width}
	e, err := t.fetch(ctx, f, maxTile)
	if err != nil {
		return nil, err
	}
	return t.accept(ctx, f, e)
}

// accept verifies the answer for a full tile against the tile above it.
func (t *tiledLog) accept(ctx context.Context, f tlog.File, e exchange) ([]protocol.Hash, error) {
	place := tilePlace{f.Level, f.Index}
	if hashes, ok := t.full[place]; ok {
		return hashes, nil
	}
	above, err := t.tile(ctx, f.Level+1, f.Index/tlog.TileWidth)
	if err != nil {
		return nil, err
	}
	want := above[f.Index%tlog.TileWidth]
	hashes, err := tileHashes(t.head.Log, f, e)
	if err != nil || fold(hashes) != want {
		return nil, t.differs(ctx, e, uint(8*(f.Level+1)), f.Index, want)
	}
	if len(t.full) >= maxTilesKept {
		clear(t.full)
	}
	t.full[place] = hashes
	return hashes, nil
}

// differs makes the lie that an answer has another node than the log.
func (t *tiledLog) differs(ctx context.Context, e exchange, level uint, index uint64, node protocol.Hash) error {
	path, err := nodePath(ctx, t, level, index, t.head.Size)
	if err != nil {
		return err
	}
	return &lie{&tileFacts{Head: t.claim, Exchange: e, Level: level, Index: index, Node: node, Path: path}}
}

// fold is the root over hashes whose number is a power of two.
func fold(hashes []protocol.Hash) protocol.Hash {
	hashes = append([]protocol.Hash(nil), hashes...)
	for len(hashes) > 1 {
		for i := range len(hashes) / 2 {
			hashes[i] = proof.HashChildren(&hashes[2*i], &hashes[2*i+1])
		}
		hashes = hashes[:len(hashes)/2]
	}
	return hashes[0]
}

// node implements [nodes].
func (t *tiledLog) node(ctx context.Context, level uint, index uint64) (protocol.Hash, error) {
	within := level % 8
	first := index << within
	hashes, err := t.tile(ctx, int(level/8), first/tlog.TileWidth)
	if err != nil {
		return protocol.Hash{}, err
	}
	from := int(first % tlog.TileWidth)
	if from+1<<within > len(hashes) {
		return protocol.Hash{}, fmt.Errorf("a log of %d leaves has no complete node %v", t.head.Size, compact.NewNodeID(level, index))
	}
	return fold(hashes[from : from+1<<within]), nil
}

// tiledEntries verifies the answer for a bundle of entries against the tile of their hashes.
func (t *tiledLog) tiledEntries(ctx context.Context, f tlog.File, e exchange) ([][]byte, error) {
	hashes, err := t.tile(ctx, 0, f.Index)
	if err != nil {
		return nil, err
	}
	first := f.Index * tlog.TileWidth
	entries, err := bundleEntries(t.head.Log, f, e)
	if err != nil {
		return nil, t.differs(ctx, e, 0, first, hashes[0])
	}
	for i, entry := range entries {
		if leafHash(entry) != hashes[i] {
			return nil, t.differs(ctx, e, 0, first+uint64(i), hashes[i])
		}
	}
	return entries, nil
}

// bundleEntries are the entries of a bundle, from the answer for it or for the full one.
func bundleEntries(log tlog.Log, f tlog.File, e exchange) ([][]byte, error) {
	width, err := answeredWidth(log, f, e)
	if err != nil {
		return nil, err
	}
	entries, err := tlog.ParseEntries(e.Answer, width)
	if err != nil {
		return nil, err
	}
	return entries[:f.Width], nil
}
