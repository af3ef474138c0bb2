package tlog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
)

// TileWidth is how many hashes a full tile has, and how many entries a full bundle.
const TileWidth = layout.TileWidth

// CheckpointPath is where the log's newest signed tree head is, below [Log.Path].
const CheckpointPath = layout.CheckpointPath

// maxLevel is the highest level of tiles: eight levels of the tree are one of tiles,
// and a tree has 64 at most.
const maxLevel = 7

// Kind is a kind of immutable file.
type Kind string

const (
	Tile      Kind = "tile"      // hashes of 32 bytes, one level of the tree in eight
	Entries   Kind = "entries"   // the entries below a tile of level 0: [EncodeEntries]
	Signed    Kind = "signed"    // of the entries of the checkpoints log alone, the signed checkpoints: [EncodeEntries] of their JSON
	Envelopes Kind = "envelopes" // names and envelopes of those entries, of the records log alone: [EncodeEnvelopes]
)

// File is an immutable file of a log.
type File struct {
	Kind  Kind
	Level int    // of a tile, 0 to 7; 0 of a bundle
	Index uint64 // from the left, below 2^56
	Width int    // hashes or entries in it, 1 to 256; 256 is a full one
}

// Path is the file's path below [Log.Path]: "tile/<L>/<N>[.p/<W>]", with "entries",
// "envelopes" or "signed" as L for a bundle, and N in groups of three digits, as x001/x234/067.
// Source: tlog-tiles, "Merkle Tree" and "Log Entries".
func (f File) Path() string {
	partial := uint8(0)
	if f.Width < TileWidth {
		partial = uint8(f.Width)
	}
	level := strconv.Itoa(f.Level)
	if f.Kind != Tile {
		level = string(f.Kind)
	}
	return "tile/" + level + "/" + layout.NWithSuffix(uint64(f.Level), f.Index, partial)
}

// ParsePath is the inverse of [File.Path]. It refuses what Path does not write.
func ParsePath(path string) (File, error) {
	f := File{Kind: Tile, Width: TileWidth}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, index, found := strings.Cut(rest, "/")
	if !ok || !found {
		return f, notAPath(path)
	}
	switch level {
	case string(Entries), string(Envelopes), string(Signed):
		f.Kind = Kind(level)
	default:
		l, err := layout.ParseTileLevel(level)
		if err != nil || l > maxLevel {
			return f, notAPath(path)
		}
		f.Level = int(l)
	}
	if len(index) > 64 || strings.HasPrefix(index, ".p") {
		return f, notAPath(path)
	}
	n, width, err := layout.ParseTileIndexPartial(index)
	if err != nil || n >= 1<<56 {
		return f, notAPath(path)
	}
	f.Index = n
	if width != 0 {
		f.Width = int(width)
	}
	if f.Path() != path {
		return f, notAPath(path)
	}
	return f, nil
}

func notAPath(path string) error {
	return fmt.Errorf("%q is no path of a tile or bundle, such as tile/0/x001/067, tile/1/000.p/8 or tile/entries/000", path)
}

// FilesOf returns the files that hold the part of a log of some size that is behind
// the full files of an earlier size: the tiles of all levels, and the bundles of one
// kind for each tile of level 0. With an earlier size of 0 they are all there are.
// No tile is empty. Source: tlog-tiles, "Merkle Tree".
func FilesOf(before, size uint64, bundles ...Kind) []File {
	var files []File
	for level := 0; level <= maxLevel; level++ {
		hashes := size >> (8 * level)
		for n := before >> (8 * (level + 1)); n*TileWidth < hashes; n++ {
			width := int(min(hashes-n*TileWidth, TileWidth))
			files = append(files, File{Kind: Tile, Level: level, Index: n, Width: width})
			for _, kind := range bundles {
				if level == 0 {
					files = append(files, File{Kind: kind, Index: n, Width: width})
				}
			}
		}
	}
	return files
}

// Width is how many hashes the tile at a place has in a log of some size: 0 to 256.
func Width(level int, index, size uint64) int {
	hashes := size >> (8 * level)
	if index > hashes/TileWidth {
		return 0
	}
	return int(min(hashes-index*TileWidth, TileWidth))
}
